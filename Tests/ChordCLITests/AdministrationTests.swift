// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Foundation
import Testing

/// The commands for one node, as an operator types them.
@Suite(.tags(.network, .slow), .serialized, .timeLimit(.minutes(3)))
struct AdministrationTests {
    @Test("describe shows the same in text and JSON")
    func describing() async throws {
        try await ProcessRing.running(3) { ring in
            let order = ring.inOrder
            let (node, next, previous) = (order[0], order[1], order[2])
            let flags = try ring.flags(node.name)

            let text = try await ChordProcess.run(["describe"] + flags)
            #expect(text.code == 0, "\(text.errors)")
            #expect(text.outputLines.allSatisfy { $0.count <= 80 }, "\(text.output)")
            let words = text.outputLines.map { $0.split(separator: " ").map(String.init) }
            func id(_ node: ProcessNode) -> String { node.id.hexadecimal(width: 64) }
            #expect(words.first == ["node", node.name, node.address, id(node)])
            #expect(words.contains(["phase", "member"]))
            #expect(words.contains(["predecessor", previous.name, previous.address, id(previous)]))
            #expect(words.contains(["successors", next.name, next.address, id(next)]))
            #expect(words.contains([previous.name, previous.address, id(previous)]))
            #expect(words.contains(["routes", "by", "2", "nodes"]))
            #expect(
                words.contains { $0.prefix(2) == ["certificate", "expires"] },
                "\(text.output)"
            )
            #expect(
                text.output.contains(
                    "\nring         test: sha256, 64 bits, identifiers from names, lists of 4\n"
                ),
                "\(text.output)"
            )

            let table = try await ChordProcess.run(["describe", "--table"] + flags)
            // All the same, and time passes.
            func timeless(_ lines: [String]) -> [String] {
                lines.filter { !$0.hasPrefix("up for ") }
            }
            let common = timeless(text.outputLines)
            #expect(common.count == text.outputLines.count - 1)
            let longer = timeless(table.outputLines)
            #expect(Array(longer.prefix(common.count)) == common, "\(table.output)")
            let rows = longer.dropFirst(common.count)
            #expect(rows.count == 3)
            #expect(rows.first?.hasPrefix("name ") == true)
            #expect(rows.dropFirst().first?.hasPrefix("\(next.name) ") == true)

            let json = try await ChordProcess.run(["describe", "--json"] + flags).object()
            #expect((json["node"] as? [String: Any])?["id"] as? String == id(node))
            let place = try #require((json["node"] as? [String: Any])?["place"] as? Int)
            #expect(text.output.contains("\nplace        \(place) of 16\n"), "\(text.output)")
            #expect(json["phase"] as? String == "member")
            #expect(json["uptime_ms"] is Double)
            let range = json["range"] as? [String: String]
            #expect(range == ["after": id(previous), "through": id(node)])
            #expect(text.output.contains("range        (\(id(previous)), \(id(node))]"))
            let share = try #require(json["share"] as? Double)
            #expect(text.output.contains(String(format: "share        %.1f %%", share * 100)))
            #expect((json["ring"] as? [String: Any])?["name"] as? String == "test")
            #expect((json["predecessor"] as? [String: Any])?["name"] as? String == previous.name)
            let successors = try #require(json["successors"] as? [[String: Any]])
            #expect(successors.map { $0["name"] as? String } == [next.name, previous.name])
            #expect(json["routes_by"] as? Int == 2)
            #expect(json["table"] == nil)
            let more = try await ChordProcess.run(["describe", "--json", "--table"] + flags)
            #expect((try more.object()["table"] as? [Any])?.count == 2)
        }
    }

    @Test("describe shows a node that is no member yet")
    func describingAFounder() async throws {
        let (own, absent) = (try ReservedPort(), try ReservedPort())
        let directory = try await TestCertificates.directory()
        let process = try ChordProcess([
            "serve", "--name", "n1", "--ring", "test", "--listen", own.address, "--certs-dir",
            directory, "--initial-ring", "\(own.address),\(absent.address)",
        ])
        defer { process.kill() }
        try await eventually("it waits: \(process.errorText)") {
            process.errorText.contains("waiting for the other founders")
        }
        let flags = ["--node", own.address, "--certs-dir", directory, "--as", "client-demo"]
        let text = try await ChordProcess.run(["describe"] + flags)
        #expect(text.code == 0, "\(text.errors)")
        for line in [
            "phase        founding, waiting for the other founders", "predecessor  none",
            "successors   none", "routes by    nobody",
        ] {
            #expect(text.outputLines.contains(line), "\(text.output)")
        }
        let json = try await ChordProcess.run(["describe", "--json"] + flags).object()
        #expect(json["phase"] as? String == "founding")
        #expect(json["predecessor"] == nil)
    }

    @Test("watch reports joins and leaves of a neighbour with causes until it is interrupted")
    func watching() async throws {
        // So far apart that no round finds out before n2 has said that it leaves.
        try await ProcessRing.running(1, options: ["--stabilize-interval", "10s"]) { ring in
            let flags = try ring.flags()
            let watch = try ChordProcess(["watch"] + flags)
            defer { watch.kill() }
            try await awaitLine(of: watch, ["now", "n1 at ", "ring test, member, alone"])
            let counting = try ChordProcess(["watch", "--json", "--count", "3"] + flags)
            defer { counting.kill() }
            _ = try await counting.line("what there is") { $0.contains("\"now\"") ? true : nil }

            try await ring.start("n2", through: "n1")
            try await awaitLine(of: watch, ["predecessor  from n1 to n2 (rectified)"])
            try await awaitLine(
                of: watch,
                ["range        from the whole circle to (", "(rectified)"]
            )
            try await awaitLine(of: watch, ["successors   from none to n2 ("])
            try await ring.awaitIdeal(2)
            let leaver = try #require(ring.forget("n2"))
            defer { leaver.process.kill() }
            leaver.process.send(SIGTERM)
            try await awaitLine(of: watch, ["successors   from n2 to none (left)"])
            try await awaitLine(of: watch, ["predecessor  from n2 to n1 (left)"])
            watch.send(SIGINT)
            let outcome = try await watch.outcome()
            #expect(outcome.code == 0)
            #expect(outcome.errors == "")
            let format = #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z  [a-z]+ +\S.*/#
            for line in outcome.outputLines {
                #expect(line.wholeMatch(of: format) != nil, "\(line)")
            }

            let counted = try await counting.outcome()
            #expect(counted.code == 0, "\(counted.errors)")
            let objects = try counted.outputLines.map(ChordProcess.Outcome.object)
            #expect(objects.count == 4)
            #expect(objects.first?["event"] as? String == "now")
            #expect((objects.first?["node"] as? [String: Any])?["name"] as? String == "n1")
            for object in objects.dropFirst() {
                #expect(object["cause"] is String)
                #expect(object["time"] is String)
                #expect(object["from"] != nil && object["to"] != nil)
            }
        }
    }

    @Test("watch ends when its node leaves or dies", arguments: [SIGTERM, SIGKILL])
    func watchingTheEnd(signal: Int32) async throws {
        try await ProcessRing.running(1) { ring in
            let watch = try ChordProcess(["watch"] + (try ring.flags()))
            defer { watch.kill() }
            try await awaitLine(of: watch, ["now"])
            let node = try #require(ring.forget("n1"))
            defer { node.process.kill() }
            node.process.send(signal)
            let outcome = try await watch.outcome()
            #expect(outcome.code == 69)
            if signal == SIGTERM {
                let last = outcome.outputLines.last
                #expect(last?.hasSuffix("  left         the ring, and ends") == true)
                #expect(
                    outcome.errorLines == [
                        "chord: \(node.address): n1 has left the ring and stops"
                    ]
                )
            } else {
                let first = outcome.errorLines.first
                #expect(
                    first?.hasPrefix("chord: the connection to \(node.address) was lost: ") == true,
                    "\(outcome.errors)"
                )
            }
        }
    }

    @Test("leave makes a node end with code 0, for administrators only")
    func leaving() async throws {
        try await ProcessRing.running(3) { ring in
            let leaver = try #require(ring.nodes["n2"])
            let refused = try await ChordProcess.run(["leave"] + (try ring.flags("n2")))
            #expect(refused.code == 77)
            #expect(refused.output == "")
            #expect(refused.errorLines.count == 2, "\(refused.errors)")
            #expect(refused.errorLines.first?.contains("client demo") == true)
            #expect(refused.errorLines.last?.contains("make admin-cert") == true)
            let admin = try ring.flags("n2", as: "admin-admin")
            let several = try await ChordProcess.run(
                ["leave", "--node", try #require(ring.nodes["n1"]).address] + admin
            )
            #expect(several.code == 64)
            #expect(several.errors.contains("chord: one node leaves at a time"))
            #expect(several.errors.contains(leaver.address))
            let unnamed = try await ChordProcess.run(
                ["leave"] + admin.dropFirst(2),
                environment: ["CHORD_NODE": leaver.address]
            )
            #expect(unnamed.code == 64)
            #expect(unnamed.errors.contains("chord: give the node that is to leave with --node\n"))
            try await ring.awaitIdeal(3)

            let done = try await ChordProcess.run(["leave"] + admin)
            #expect(done.code == 0, "\(done.errors)")
            #expect(done.output == "n2 at \(leaver.address) has left the ring and stops\n")
            _ = ring.forget("n2")
            defer { leaver.process.kill() }
            let outcome = try await leaver.process.outcome()
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.errors.contains("asked to leave"))
            try await ring.awaitIdeal(2)

            let again = try await ChordProcess.run(["leave"] + admin)
            #expect(again.code == 69)
            #expect(again.errorLines.first?.contains(leaver.address) == true)
        }
    }

    @Test("merge joins two rings with one name, for administrators only")
    func merging() async throws {
        // Two rings that began apart have two stores, and would refuse each other.
        let options = ["--stabilize-interval", "250ms", "--no-store"]
        try await ProcessRing.running(2, options: options) { ring in
            try await ring.start("n3")
            try await ring.start("n4", through: "n3")
            let contact = try #require(ring.nodes["n3"]).address
            let refused = try await ChordProcess.run(["merge", contact] + (try ring.flags()))
            #expect(refused.code == 77)
            #expect(refused.errorLines.last?.contains("make admin-cert") == true)
            let before = try await ChordProcess.run(["ring", "--wait", "2"] + (try ring.flags()))
            #expect(before.code == 0, "\(before.errors)")

            let admin = try ring.flags(as: "admin-admin")
            let done = try await ChordProcess.run(["merge", contact] + admin)
            #expect(done.code == 0, "\(done.errors)")
            #expect(done.output == "n3 at \(contact) answers; the rings now merge\n")
            try await ring.awaitIdeal(4)
        }
    }

    private func awaitLine(of process: ChordProcess, _ parts: [String]) async throws {
        try await process.line("a line with \(parts)") { line in
            parts.allSatisfy(line.contains) ? true : nil
        }
    }
}
