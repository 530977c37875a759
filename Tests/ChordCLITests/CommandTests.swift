// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ChordTestSupport
import Testing

/// The commands that ask a ring, as a user types them.
@Suite(.tags(.network, .slow), .serialized, .timeLimit(.minutes(3)))
struct CommandTests {
    @Test("lookup and ring show the same in text and JSON")
    func lookupAndRing() async throws {
        try await ProcessRing.running(3) { ring in
            let flags = try ring.flags()
            let expected = try #require(ring.owner(of: "apple"))

            let text = try await ChordProcess.run(["lookup", "apple"] + flags)
            #expect(text.code == 0, "\(text.errors)")
            #expect(
                text.outputLines.first { $0.hasPrefix("owner") }?.contains(" \(expected) ") == true
            )

            let traced = try await ChordProcess.run(["lookup", "apple", "--trace"] + flags)
            #expect(traced.output.contains("owner: \(expected)"))
            #expect(traced.output.contains(" ms"))

            for arguments in [["lookup", "apple"], ["lookup", "apple", "--trace"]] {
                let json = try await ChordProcess.run(arguments + ["--json"] + flags).object()
                #expect(json["key"] as? String == "apple")
                #expect((json["owner"] as? [String: Any])?["name"] as? String == expected)
                #expect((json["id"] as? String)?.count == 16)
                #expect((json["successors"] as? [[String: Any]])?.count == 2)
                #expect(json["hops"] is Int)
                #expect(json["path"] is [[String: Any]])
            }
            let id = try #require(ring.nodes["n2"]).id
            let byIdentifier = try await ChordProcess.run(
                ["lookup", "--id", "\(id)", "--json"] + flags
            )
            let answer = try byIdentifier.object()
            #expect((answer["owner"] as? [String: Any])?["name"] as? String == "n2")
            #expect(answer["key"] == nil)

            let table = try await ChordProcess.run(["ring"] + flags)
            #expect(table.code == 0)
            #expect(table.outputLines.last == "ring test, 3 members, sha256, 64 bits: ideal")
            #expect(!table.output.contains("\u{1b}"), "no colour into a pipe")

            let walk = try await ChordProcess.run(["ring", "--json"] + flags)
            let json = try walk.object()
            #expect((json["ring"] as? [String: Any])?["name"] as? String == "test")
            #expect(json["ideal"] as? Bool == true)
            #expect((json["problems"] as? [Any])?.count == 0)
            let nodes = try #require(json["nodes"] as? [[String: Any]])
            let names = nodes.compactMap { $0["name"] as? String }
            // A line for each member, so that scripts find them with sed.
            #expect(walk.outputLines.count { $0.hasPrefix("    {\"name\": ") } == 3)
            let order = ring.inOrder.map(\.name)
            let turn = try #require(names.first.flatMap(order.firstIndex))
            #expect(names == Array(order[turn...] + order[..<turn]))
            for (index, node) in nodes.enumerated() {
                let predecessor = node["predecessor"] as? [String: Any]
                #expect(predecessor?["name"] as? String == names[(index + 2) % 3])
                let successors = node["successors"] as? [[String: Any]] ?? []
                #expect(
                    successors.map { $0["name"] as? String } == [
                        names[(index + 1) % 3], names[(index + 2) % 3],
                    ]
                )
                #expect((node["id"] as? String)?.count == 16)
                #expect(node["round_trip_ms"] is Double)
            }
            let shares = nodes.compactMap { $0["share"] as? Double }.reduce(0, +)
            #expect(abs(shares - 1) < 0.001)
        }
    }

    @Test("ring --wait returns when the ring is ideal, and names what is missing until then")
    func waiting() async throws {
        try await ProcessRing.running(2) { ring in
            let flags = try ring.flags()
            let done = try await ChordProcess.run(
                ["ring", "--wait", "2", "--timeout", "20"] + flags
            )
            #expect(done.code == 0, "\(done.errors)")
            let late = try await ChordProcess.run(
                ["ring", "--wait", "3", "--timeout", "300ms"] + flags
            )
            #expect(late.code == 1)
            #expect(
                late.errorLines.first == "chord: no ideal ring of 3 after 300ms: it has 2 members"
            )
            #expect(late.output == "")
        }
    }

    @Test("A node that is down is skipped, and with all down this is reported")
    func nodesDown() async throws {
        try await ProcessRing.running(1) { ring in
            let flags = try ring.flags()
            // Nothing ever listens at port 1.
            let second = try await ChordProcess.run(
                ["lookup", "apple", "--node", "127.0.0.1:1"] + flags
            )
            #expect(second.code == 0, "\(second.errors)")
            let none = try await ChordProcess.run(
                ["lookup", "apple", "--node", "127.0.0.1:1"] + flags.dropFirst(2)
            )
            #expect(none.code == 69)
            #expect(none.errorLines.count == 2)
            #expect(none.errorLines[0].hasPrefix("chord: no node answered: "))
            #expect(none.errorLines[0].contains("127.0.0.1:1"))
            #expect(none.errorLines[1].hasPrefix("hint: "))
        }
    }

    @Test("Flags override the environment, and the environment overrides .chord.env")
    func settings() async throws {
        let folder = TestCertificates.temporary.appending(path: "settings")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let directory = try await TestCertificates.directory()
        try
            "# the ring\nCHORD_NODE=127.0.0.1:2\nCHORD_CERTS_DIR=\(directory)\nCHORD_AS=client-demo\n"
            .write(to: folder.appending(path: ".chord.env"), atomically: true, encoding: .utf8)

        let byFile = try await ChordProcess.run(["ring"], directory: folder)
        #expect(byFile.code == 69)
        #expect(byFile.errors.contains("127.0.0.1:2:"))
        let environment = ["CHORD_NODE": "127.0.0.1:3,127.0.0.1:4"]
        let byEnvironment = try await ChordProcess.run(
            ["ring"],
            environment: environment,
            directory: folder
        )
        #expect(byEnvironment.errors.contains("127.0.0.1:3:"))
        #expect(byEnvironment.errors.contains("127.0.0.1:4:"))
        #expect(!byEnvironment.errors.contains("127.0.0.1:2:"))
        let byFlag = try await ChordProcess.run(
            ["ring", "--node", "127.0.0.1:5"],
            environment: environment,
            directory: folder
        )
        #expect(byFlag.errors.contains("127.0.0.1:5:"))
        #expect(!byFlag.errors.contains("127.0.0.1:3:"))
        let byAnother = try await ChordProcess.run(
            ["ring", "--as", "nobody"],
            environment: environment,
            directory: folder
        )
        #expect(byAnother.code == 78)
        #expect(byAnother.errors.contains("nobody.pem"))

        try "CHORD_NODES=127.0.0.1:2\n"
            .write(to: folder.appending(path: ".chord.env"), atomically: true, encoding: .utf8)
        let misspelt = try await ChordProcess.run(["ring"], directory: folder)
        #expect(misspelt.code == 78)
        #expect(misspelt.errors.contains(".chord.env, line 1: unknown setting \"CHORD_NODES\""))
        #expect(
            misspelt.errors.contains(
                "hint: did you mean CHORD_NODE? the known names are CHORD_NODE,"
            )
        )
    }

    @Test("cluster runs a ring and ends it on one SIGINT")
    func cluster() async throws {
        let state = TestCertificates.temporary.appending(path: "cluster")
        let process = try ChordProcess([
            "cluster", "3", "--base-port", "0", "--ring", "small", "--state-dir", state.path,
            "--certs-dir", try await TestCertificates.directory(),
        ])
        defer { process.kill() }
        _ = try await process.line("the ring's completion") {
            $0.hasPrefix("one ideal ring of 3 ") ? true : nil
        }
        let command = try await process.line("a command to try") {
            $0.hasPrefix("chord ring ")
                ? $0.split(separator: " ").dropFirst().map(String.init) : nil
        }
        let ring = try await ChordProcess.run(command)
        #expect(ring.code == 0)
        #expect(ring.output.contains("ring small, 3 members"))

        let children = try Self.children(of: process.identifier)
        #expect(children.count == 3)
        process.send(SIGINT)
        let outcome = try await process.outcome()
        #expect(outcome.code == 0, "\(outcome.errors)")
        for child in children { #expect(kill(child, 0) != 0, "process \(child) still runs") }
        for name in ["n1", "n2", "n3"] {
            let log = try String(contentsOf: state.appending(path: "\(name).log"), encoding: .utf8)
            #expect(log.contains(" left "))
        }
    }

    @Test("Nodes of a cluster never outlive it")
    func clusterKilled() async throws {
        let process = try ChordProcess([
            "cluster", "2", "--base-port", "0", "--state-dir",
            TestCertificates.temporary.appending(path: "killed").path,
            "--certs-dir", try await TestCertificates.directory(),
        ])
        defer { process.kill() }
        _ = try await process.line("the ring's completion") {
            $0.hasPrefix("one ideal ring of 2 ") ? true : nil
        }
        let children = try Self.children(of: process.identifier)
        #expect(children.count == 2)
        process.kill()
        try await eventually("the nodes end") { children.allSatisfy { !Self.runs($0) } }
    }

    /// Whether a process runs. A zombie does not.
    private static func runs(_ process: Int32) -> Bool {
        guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let state = stat.split(separator: ")").last?.split(separator: " ").first
        else { return false }
        return state != "Z"
    }

    private static func children(of parent: Int32) throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap(Int32.init).filter {
            guard let stat = try? String(contentsOfFile: "/proc/\($0)/stat", encoding: .utf8),
                let rest = stat.split(separator: ")").last?.split(separator: " "), rest.count > 1
            else { return false }
            return Int32(rest[1]) == parent
        }
    }
}
