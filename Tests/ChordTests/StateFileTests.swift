// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import Logging
import Testing

@testable import Chord

@Suite struct StateFileTests {
    private static let folder: URL = {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "chord-state-\(UUID().uuidString)")
        try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        atexit { try? FileManager.default.removeItem(at: StateFileTests.folder) }
        return folder
    }()

    private func file(_ name: String = UUID().uuidString) -> StateFile {
        StateFile(path: Self.folder.appending(path: name).path, ring: "test")
    }

    private func member(_ number: Int) -> StateFile.Member {
        StateFile.Member(
            name: "n\(number)",
            address: "127.0.0.1:\(7000 + number)",
            incarnation: UInt64(number)
        )
    }

    @Test func whatIsWrittenIsRead() throws {
        let file = file()
        #expect(try file.members().isEmpty)
        try file.write([member(1), member(2)])
        try file.write([member(2), member(3)])
        #expect(try file.members() == [member(2), member(3)])
        #expect(!FileManager.default.fileExists(atPath: file.path + ".new"))
    }

    @Test func formerMembersStayAsLongAsThereIsRoom() {
        let now = (1...20).map(member)
        let former = (15...60).map(member)
        let merged = StateFile.merged(now, after: former)
        #expect(merged.count == StateFile.mostMembers)
        #expect(merged == (1...StateFile.mostMembers).map(member))
        #expect(StateFile.merged([], after: now) == now)
    }

    @Test(arguments: [
        ("", "cannot be read"), ("{", "cannot be read"), ("[]", "cannot be read"),
        (#"{"version":2,"ring":"test","members":[]}"#, "version 2"),
        (#"{"version":1,"ring":"other","members":[]}"#, "\"other\""),
        (
            #"{"version":1,"ring":"test","members":[{"name":"","address":"a:1","incarnation":1}]}"#,
            "1 to 255 bytes"
        ),
        (
            #"{"version":1,"ring":"test","members":[{"name":"a","address":"a","incarnation":1}]}"#,
            "address"
        ),
        (
            #"{"version":1,"ring":"test","members":[{"name":"a","address":"a:1","incarnation":-1}]}"#,
            "cannot be read"
        ),
    ])
    func whatIsDamagedSaysHow(text: String, says: String) throws {
        let file = file()
        try text.write(toFile: file.path, atomically: true, encoding: .utf8)
        let damage = #expect(throws: StateFile.Damage.self) { try file.members() }
        #expect(damage?.description.contains(says) == true, "\(damage?.description ?? "")")
    }

    @Test func whatIsTooLargeIsNotRead() throws {
        let file = file()
        try Data(repeating: UInt8(ascii: " "), count: 1 << 20).write(
            to: URL(filePath: file.path)
        )
        #expect(throws: StateFile.Damage.self) { try file.members() }
        let many = (0..<40).map(member)
        try file.write(many)
        #expect(throws: StateFile.Damage.self) { try file.members() }
    }

    /// Two nodes end at once and start again, at their ports and with no contact but the file; the file of
    /// one is damaged.
    @Test(.timeLimit(.minutes(2))) func aClusterFindsItselfByItsFiles() async throws {
        let files = [file("one"), file("two")]
        var ports: [String] = []
        do {
            var first = try await configuration("n1")
            first.stateFile = files[0].path
            let one = try await ChordNode(first)
            try await running(one) {
                var second = try await configuration("n2", joining: [one.reference.address])
                second.stateFile = files[1].path
                let two = try await ChordNode(second)
                try await running(two) {
                    try await wait(for: one) { one.successors == [two.reference] }
                    ports = [one.reference.address, two.reference.address]
                    while try files.contains(where: { try $0.members().isEmpty }) {
                        try await Task.sleep(for: .milliseconds(20))
                    }
                }
            }
        }
        #expect(try files[0].members().map(\.name) == ["n2"])
        try "{".write(toFile: files[1].path, atomically: true, encoding: .utf8)
        var first = try await configuration("n1")
        first.listen = ports[0]
        first.stateFile = files[0].path
        var second = try await configuration("n2")
        second.listen = ports[1]
        second.stateFile = files[1].path
        let (one, two) = (try await ChordNode(first), try await ChordNode(second))
        try await running(two) {
            try await running(one) {
                try await wait(for: one) { one.successors == [two.reference] }
                try await wait(for: two) { two.successors == [one.reference] }
            }
        }
    }
}
