// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ChordTestSupport
import Testing

@Suite("docs/conformance.md", .tags(.unit), .timeLimit(.minutes(5)))
struct ConformanceDocumentTests {
    @Test(arguments: ["against_server.py", "against_client.py"])
    func documentListsAllCases(script: String) async throws {
        let file = Python.root.appendingPathComponent("docs/conformance.md")
        let document = try String(contentsOf: file, encoding: .utf8)
        let table = try await Python.get().running(
            "conformance/\(script)",
            arguments: ["--table"]
        ) { process in
            let code = try await process.exit()
            #expect(code == 0, "\(process.report)")
            return process.output.text
        }
        #expect(table.count > 1_000)
        #expect(document.contains(table), "make the table anew: \(script) --table")
    }

    /// The rows of gRPC's own cases, in order, with a yes for each that runs as described.
    @Test func documentListsTheOfficialCases() throws {
        let file = Python.root.appendingPathComponent("docs/conformance.md")
        let rows = try String(contentsOf: file, encoding: .utf8)
            .split(separator: "\n").filter { $0.hasPrefix("| `") && $0.contains("| yes |") }
        let right = zip(OfficialRun.ofGRPCIO, OfficialRun.all).map { grpcio, ours in
            let name = ours.official.rawValue
            let first = grpcio.difference.isEmpty ? "yes" : "in part"
            let inProcess = OfficialRun.withoutWire.contains { $0.official == ours.official }
            return "| `\(name)` | \(first) | yes | yes | \(inProcess ? "yes" : "–") |"
        }
        #expect(rows.map(String.init) == right)
    }
}
