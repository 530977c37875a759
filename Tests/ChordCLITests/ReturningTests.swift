// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine
import ChordTestSupport
import Foundation
import Testing

@testable import ChordCLI

/// Nodes that are started again, with the same commands: they go back to their ring.
@Suite(.tags(.network, .slow), .serialized, .timeLimit(.minutes(3)))
struct ReturningTests {
    /// The nodes of README's commands: the first without a contact, the others joining through it.
    private final class Operator {
        let ports: [ReservedPort]
        let directory: String
        let state: URL
        private(set) var processes: [Int: ChordProcess] = [:]

        init(_ count: Int) async throws {
            ports = try (0..<count).map { _ in try ReservedPort() }
            directory = try await TestCertificates.directory()
            state = TestCertificates.temporary.appending(path: "home-\(UUID().uuidString)")
        }

        deinit { for process in processes.values { process.kill() } }

        func command(_ index: Int) -> [String] {
            [
                "serve", "--name", "n\(index + 1)", "--ring", "test", "--listen",
                ports[index].address, "--certs-dir", directory, "--stabilize-interval", "250ms",
            ] + (index == 0 ? [] : ["--join", ports[0].address])
        }

        func start(_ index: Int) throws {
            processes[index] = try ChordProcess(
                command(index),
                environment: ["XDG_STATE_HOME": state.path]
            )
        }

        func awaitMember(_ index: Int) async throws {
            try await processes[index]?.line("the ready line", ReadyLine.init)
        }

        @discardableResult
        func stop(_ index: Int) async throws -> ChordProcess.Outcome {
            guard let process = processes.removeValue(forKey: index) else {
                throw TestFailure("n\(index + 1) does not run")
            }
            process.send(SIGTERM)
            return try await process.outcome()
        }

        /// The output of `chord ring`, asked at every node.
        func ring(_ more: String...) async throws -> ChordProcess.Outcome {
            let nodes = ports.map(\.address).joined(separator: ",")
            return try await ChordProcess.run(
                ["ring", "--node", nodes, "--certs-dir", directory, "--as", "client-demo"] + more
            )
        }

        func log(_ index: Int) -> String { processes[index]?.errorText ?? "" }
    }

    @Test("The first node of a ring returns to its ring after a restart")
    func firstNode() async throws {
        let nodes = try await Operator(3)
        for index in 0..<3 {
            try nodes.start(index)
            try await nodes.awaitMember(index)
        }
        #expect(nodes.log(0).contains("began a new ring"), "\(nodes.log(0))")
        let before = try await nodes.ring("--wait", "3")
        #expect(before.code == 0, "\(before.errors)")
        let ended = try await nodes.stop(0)
        #expect(ended.code == 0, "\(ended.errors)")
        try nodes.start(0)
        try await nodes.awaitMember(0)
        let after = try await nodes.ring("--wait", "3")
        #expect(after.code == 0, "\(after.errors)")
        #expect(!nodes.log(0).contains("began a new ring"), "\(nodes.log(0))")
    }

    @Test(
        "A ring whose nodes all stop and restart is one ring again",
        arguments: [[0, 1, 2], [2, 1, 0], [1, 2, 0]]
    )
    func wholeRing(order: [Int]) async throws {
        let nodes = try await Operator(3)
        for index in 0..<3 {
            try nodes.start(index)
            try await nodes.awaitMember(index)
        }
        let before = try await nodes.ring("--wait", "3")
        #expect(before.code == 0, "\(before.errors)")
        for index in 0..<3 {
            let ended = try await nodes.stop(index)
            #expect(ended.code == 0, "\(ended.errors)")
        }
        for index in order { try nodes.start(index) }
        for index in order { try await nodes.awaitMember(index) }
        let after = try await nodes.ring("--wait", "3")
        #expect(after.code == 0, "\(after.errors)")
        for index in order {
            #expect(!nodes.log(index).contains("began a new ring"), "\(nodes.log(index))")
        }
    }

    @Test("chord ring reports that nodes are in different rings")
    func twoRings() async throws {
        let nodes = try await Operator(2)
        let other = try await Operator(1)
        try nodes.start(0)
        try await nodes.awaitMember(0)
        try other.start(0)
        try await other.awaitMember(0)
        let (one, two) = (nodes.ports[0].address, other.ports[0].address)
        let flags = ["--certs-dir", nodes.directory, "--as", "client-demo"]
        for more in [[], ["--json"], ["--wait", "1", "--timeout", "1s"]] {
            let outcome = try await ChordProcess.run(
                ["ring", "--node", one, "--node", two] + flags + more
            )
            #expect(outcome.code == 1, "\(more): \(outcome.errors)")
            #expect(outcome.errors.contains("not in one ring"), "\(outcome.errors)")
            #expect(outcome.errors.contains(two), "\(outcome.errors)")
        }
        // One that is down is in no other ring.
        let absent = nodes.ports[1].address
        let outcome = try await ChordProcess.run(
            ["ring", "--node", "\(one),\(absent)"] + flags
        )
        #expect(outcome.code == 0, "\(outcome.errors)")
    }

    // MARK: The data directory

    private func serve(
        _ name: String,
        _ data: String,
        _ more: String...
    ) async throws -> [String] {
        [
            "serve", "--name", name, "--ring", "test", "--listen", "127.0.0.1:0", "--certs-dir",
            try await TestCertificates.directory(), "--data-dir", data,
        ] + more
    }

    private func folder() -> URL {
        TestCertificates.temporary.appending(path: "data-\(UUID().uuidString)")
    }

    @Test("A data directory belongs to one running node, one name and one ring")
    func oneNodes() async throws {
        let folder = folder()
        let first = try ChordProcess(try await serve("n1", folder.path))
        defer { first.kill() }
        try await first.line("the ready line", ReadyLine.init)
        let state = folder.appending(path: "state.json")
        try await eventually("it has written: \(first.report)") {
            (try? String(contentsOf: state, encoding: .utf8))?.contains("\"member\" : true") == true
        }
        let second = try await ChordProcess.run(try await serve("n1", folder.path))
        #expect(second.code == 78, "\(second.errors)")
        #expect(second.errors.contains("process \(first.identifier)"), "\(second.errors)")
        first.send(SIGTERM)
        _ = try await first.outcome()

        let kept = try Data(contentsOf: state)
        let other = try await ChordProcess.run(try await serve("n2", folder.path))
        #expect(other.code == 78, "\(other.errors)")
        #expect(other.errors.contains("belongs to node n1, and this is node n2"), "\(other.errors)")
        let ring = try await ChordProcess.run(try await serve("n1", folder.path, "--ring", "prod"))
        #expect(ring.code == 78, "\(ring.errors)")
        #expect(ring.errors.contains("\"test\""), "\(ring.errors)")
        let width = try await ChordProcess.run(try await serve("n1", folder.path, "--width", "32"))
        #expect(width.code == 78, "\(width.errors)")
        #expect(width.errors.contains("width 64"), "\(width.errors)")
        for outcome in [other, ring, width] {
            #expect(outcome.errors.contains("--data-dir FOLDER"), "\(outcome.errors)")
        }
        #expect(try Data(contentsOf: state) == kept)
    }

    @Test("An unusable data directory is reported at the start with the system's error")
    func unusable() async throws {
        let folder = folder()
        let missing = folder.appending(path: "missing").path
        let cases = [
            (missing, "No such file or directory"), ("/proc/chord", "No such file or directory"),
            ("/dev/null/chord", "Not a directory"), ("/dev/null", "Not a directory"),
        ]
        for (path, reason) in cases {
            let outcome = try await ChordProcess.run(try await serve("n1", path))
            #expect(outcome.code == 78, "\(path): \(outcome.errors)")
            #expect(outcome.errors.contains(path), "\(outcome.errors)")
            #expect(outcome.errors.contains(reason), "\(path): \(outcome.errors)")
            #expect(!outcome.errors.contains("Cocoa"), "\(outcome.errors)")
        }
        // What is not written by a node is not overwritten where that could make a second ring.
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let state = folder.appending(path: "state.json")
        try "{".write(to: state, atomically: true, encoding: .utf8)
        let damaged = try await ChordProcess.run(try await serve("n1", folder.path))
        #expect(damaged.code == 78, "\(damaged.errors)")
        #expect(damaged.errors.contains("damaged"), "\(damaged.errors)")
        #expect(try String(contentsOf: state, encoding: .utf8) == "{")
    }

    @Test("The default data directory is the user's own, and is created")
    func byDefault() async throws {
        #expect(
            try DefaultDataDirectory.base(stateHome: "/s", home: "/home/a") == "/s/chord"
        )
        #expect(
            try DefaultDataDirectory.base(stateHome: "relative", home: "/home/a")
                == "/home/a/.local/state/chord"
        )
        #expect(throws: CommandFailure.self) {
            try DefaultDataDirectory.base(stateHome: nil, home: nil)
        }
        #expect(DefaultDataDirectory.fileName(of: "n1.example-a_b") == "n1.example-a_b")
        #expect(DefaultDataDirectory.fileName(of: "..") == "%2E.")
        #expect(DefaultDataDirectory.fileName(of: "a/b\u{1}") == "a%2Fb%01")

        let home = folder()
        let process = try ChordProcess(
            [
                "serve", "--name", "n1", "--ring", "test", "--listen", "127.0.0.1:0", "--certs-dir",
                try await TestCertificates.directory(),
            ],
            environment: ["XDG_STATE_HOME": "", "HOME": home.path]
        )
        defer { process.kill() }
        try await process.line("the ready line", ReadyLine.init)
        let state = home.appending(path: ".local/state/chord/n1/state.json")
        try await eventually("\(state.path) is there: \(process.report)") {
            FileManager.default.fileExists(atPath: state.path)
        }
    }
}
