// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import ChordTestSupport
import Testing

@testable import Chord

@Suite(.tags(.network)) struct StateFileTests {
    private static let folder: URL = {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "chord-state-\(UUID().uuidString)")
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        atexit { try? FileManager.default.removeItem(at: StateFileTests.folder) }
        return folder
    }()

    private static let parameters = try? RingConfiguration(name: "test").parameters(isMixed: false)

    private func file(_ name: String = UUID().uuidString, node: String = "n0") throws -> StateFile {
        let parameters = try #require(Self.parameters)
        return StateFile(
            path: Self.folder.appending(path: name).path,
            node: node,
            ring: StateFile.Ring(parameters)
        )
    }

    private func member(_ number: Int) -> StateFile.Member {
        StateFile.Member(
            name: "n\(number)",
            address: "127.0.0.1:\(7000 + number)",
            incarnation: UInt64(number)
        )
    }

    @Test func stateFileIsReadAsWritten() throws {
        let file = try file()
        #expect(try file.memory() == nil)
        try file.write(StateFile.Memory())
        #expect(try file.memory() == StateFile.Memory())
        let later = StateFile.Memory(
            isMember: true,
            members: [member(2), member(3)],
            place: 3,
            placements: 16
        )
        try file.write(later)
        #expect(try file.memory() == later)
        #expect(!FileManager.default.fileExists(atPath: file.path + ".new"))
    }

    @Test func formerMembersAreKeptWhileThereIsRoom() {
        let now = (1...20).map(member)
        let former = (15...60).map(member)
        let merged = StateFile.merged(now, after: former)
        #expect(merged.count == StateFile.mostMembers)
        #expect(merged == (1...StateFile.mostMembers).map(member))
        #expect(StateFile.merged([], after: now) == now)
    }

    @Test(arguments: [
        ("", "not the JSON"), ("{", "not the JSON"), ("[]", "not the JSON"),
        ("\"version\":1", "version 2"), ("\"member\":true", "not the JSON"),
        ("\"name\":\"a\"", "1 to 255 bytes"), ("\"address\":\"a:1\"", "address"),
        ("\"incarnation\":1", "not the JSON"),
    ])
    func damagedFileIsReportedWithTheReason(part: String, says: String) throws {
        let file = try file()
        let ring = try #require(Self.parameters.map { StateFile.Ring($0) })
        let whole =
            #"{"version":1,"node":"n0","ring":{"name":"test","hash":"sha256","probe":"\#(ring.probe)","#
            + #""width":64,"identifierRule":"name"},"member":true,"#
            + #""members":[{"name":"a","address":"a:1","incarnation":1}]}"#
        try whole.write(toFile: file.path, atomically: true, encoding: .utf8)
        #expect(try file.memory()?.members.count == 1)
        // Version 0.1 writes no number of places, and its rings have one.
        #expect(try file.memory()?.placements == 1)
        let broken = [
            "\"version\":1": "\"version\":2", "\"member\":true": "\"member\":3",
            "\"name\":\"a\"": "\"name\":\"\"", "\"address\":\"a:1\"": "\"address\":\"a\"",
            "\"incarnation\":1": "\"incarnation\":-1",
        ]
        let text = broken[part].map { whole.replacingOccurrences(of: part, with: $0) } ?? part
        try text.write(toFile: file.path, atomically: true, encoding: .utf8)
        let damage = #expect(throws: StateFile.Damage.self) { try file.memory() }
        #expect(damage?.description.contains(says) == true, "\(damage?.description ?? "")")
    }

    @Test func stateOfAnotherNodeIsNotUsed() throws {
        let file = try file()
        try file.write(StateFile.Memory(isMember: true))
        var other = file.ring
        other.name = "other"
        var wide = file.ring
        wide.width = 128
        let strangers = [
            StateFile(path: file.path, node: "n1", ring: file.ring),
            StateFile(path: file.path, node: "n0", ring: other),
            StateFile(path: file.path, node: "n0", ring: wide),
        ]
        for stranger in strangers {
            #expect(throws: DataDirectoryFailure.self) { try stranger.memory() }
        }
        #expect(try file.memory()?.isMember == true)
        // A node that never was a member has nothing to lose.
        try file.write(StateFile.Memory())
        for stranger in strangers { #expect(try stranger.memory() == StateFile.Memory()) }
    }

    @Test func oversizedFileIsNotRead() throws {
        let file = try file()
        try Data(repeating: UInt8(ascii: " "), count: 1 << 20).write(
            to: URL(filePath: file.path)
        )
        #expect(throws: StateFile.Damage.self) { try file.memory() }
        try file.write(StateFile.Memory(isMember: true, members: (0..<40).map(member)))
        #expect(throws: StateFile.Damage.self) { try file.memory() }
    }

    /// Two nodes end at once and start again, at their ports and with no contact but what they remember.
    @Test(.timeLimit(.minutes(2))) func restartedClusterFindsItselfByItsStateFiles() async throws {
        let folders = [UUID(), UUID()].map { Self.folder.appending(path: "\($0)").path }
        var ports: [String] = []
        do {
            var first = try await configuration("n1")
            first.dataDirectory = folders[0]
            let one = try await ChordNode(first)
            try await running(one) {
                var second = try await configuration("n2", joining: [one.reference.address])
                second.dataDirectory = folders[1]
                let two = try await ChordNode(second)
                try await running(two) {
                    try await wait(for: one) { one.successors == [two.reference] }
                    ports = [one.reference.address, two.reference.address]
                    for (node, other) in [(one, "n2"), (two, "n1")] {
                        let file = try #require(node.keeper?.file)
                        try await eventually("\(node.reference.name) has written \(other) down") {
                            try file.memory()?.members.map(\.name) == [other]
                        }
                        #expect(try file.memory()?.isMember == true)
                    }
                }
            }
            await one.close()
        }
        var first = try await configuration("n1")
        first.listen = ports[0]
        first.dataDirectory = folders[0]
        var second = try await configuration("n2")
        second.listen = ports[1]
        second.dataDirectory = folders[1]
        let (one, two) = (try await ChordNode(first), try await ChordNode(second))
        try await running(two) {
            try await running(one) {
                try await wait(for: one) { one.successors == [two.reference] }
                try await wait(for: two) { two.successors == [one.reference] }
            }
        }
    }

    /// A disk that fails later on is one warning, and one notice when it is well again, in the system's words.
    @Test(.timeLimit(.minutes(2))) func failingDiskIsReportedOnce() async throws {
        let folder = Self.folder.appending(path: UUID().uuidString)
        let log = CapturedLog(level: .debug)
        func reports() -> [CapturedLog.Line] { log.lines.filter { $0.level > .debug } }
        let keeper = try StateKeeper(
            folder.path,
            node: "n1",
            parameters: try #require(Self.parameters),
            logger: log.logger
        )
        let written = try keeper.load(hasContacts: false)
        // Gone, as when its disk is taken away.
        try FileManager.default.removeItem(at: folder)
        var setting = try await configuration("n1")
        setting.contacts = []
        let node = try await ChordNode(setting)
        let (events, sender) = AsyncStream.makeStream(of: RingEvent.self)
        try await running(node) {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    await keeper.keep(
                        written,
                        of: node.shell,
                        at: events,
                        retryingAfter: .milliseconds(5)
                    )
                }
                sender.yield(.left)
                try await log.until { $0.contains { $0.level > .debug } }
                // Many more attempts.
                try await log.until { lines in
                    lines.count { $0.message.contains("still cannot be written") } >= 20
                }
                try FileManager.default.createDirectory(
                    at: folder,
                    withIntermediateDirectories: false
                )
                try await log.until { $0.count { $0.level > .debug } == 2 }
                sender.finish()
                try await tasks.waitForAll()
            }
        }
        await node.close()
        #expect(reports().map(\.level) == [.warning, .notice], "\(reports())")
        #expect(
            reports().first?.description.contains("No such file or directory") == true,
            "\(reports())"
        )
        #expect(try keeper.file.memory()?.isMember == true)
    }
}
