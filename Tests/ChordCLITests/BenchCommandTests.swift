// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

/// `chord bench` against a ring of processes.
@Suite("chord bench", .tags(.network, .slow), .timeLimit(.minutes(3)))
struct BenchCommandTests {
    @Test("each call, at a rate: as many calls begin as the rate says")
    func calls() async throws {
        try await ProcessRing.running(2, options: ["--stabilize-interval", "250ms"]) { ring in
            let flags = try ring.flags()
            for call in ["lookup", "put", "get"] {
                let outcome = try await ChordProcess.run(
                    ["bench", call, "--rate", "40", "--duration", "1s", "--warm-up", "0s"]
                        + ["--connections", "2", "--callers", "4", "--keys", "20", "--json"]
                        + flags,
                )
                #expect(outcome.code == 0, "\(outcome.errors)")
                let object = try outcome.object()
                #expect(object["call"] as? String == call)
                #expect(object["answered"] as? Int == 40, "\(outcome.output)")
                #expect(object["failed"] as? Int == 0)
                let documented = try JSONKeys("bench")
                #expect(documented.undocumented(try JSONKeys.paths(in: object)) == [])
            }
            let value = try await ChordProcess.run(["get", "bench/7", "--json"] + flags)
            let object = try value.object()
            #expect((object["value"] as? String)?.count == 100, "\(value.output)")
            #expect(object["ttl_ms"] != nil, "\(value.output)")

            let closed = try await ChordProcess.run(
                ["bench", "lookup", "--duration", "300ms", "--warm-up", "100ms"] + flags,
            )
            #expect(closed.code == 0, "\(closed.errors)")
            let lines = closed.outputLines
            #expect(lines.count == 2, "\(closed.output)")
            #expect(lines.first?.hasPrefix("call    calls at once  answered  per second") == true)
            #expect(lines.last?.hasPrefix("lookup         1 × 16") == true, "\(closed.output)")
        }
    }

    @Test("calls that fail are counted, with their reasons")
    func failures() async throws {
        let options = ["--stabilize-interval", "250ms", "--no-store"]
        try await ProcessRing.running(1, options: options) { ring in
            let outcome = try await ChordProcess.run(
                ["bench", "put", "--rate", "20", "--duration", "500ms", "--warm-up", "0s"]
                    + ["--timeout", "200ms", "--json"] + (try ring.flags()),
            )
            #expect(outcome.code == 1)
            let object = try ChordProcess.Outcome.object(in: outcome.output)
            #expect(object["answered"] as? Int == 0)
            #expect(object["failed"] as? Int == 10, "\(outcome.output)")
            let failures = try #require(object["failures"] as? [[String: Any]])
            #expect((failures.first?["message"] as? String)?.contains("store") == true)
            #expect(outcome.errors.contains("no call was answered"))
        }
    }
}
