// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation
import ChordTestSupport
import Testing

/// The log of a node, line by line.
@Suite(.tags(.network), .serialized, .timeLimit(.minutes(3)))
struct LogTests {
    /// Two identifiers of nine bits, which take three digits each.
    private nonisolated(unsafe) static let range = #/\([01][0-9a-f]{2}, [01][0-9a-f]{2}\]/#

    @Test("Lines name their node, lists are lists, identifiers have all digits")
    func json() async throws {
        let options = [
            "--stabilize-interval", "250ms", "--log-format", "json", "--log-level", "trace",
            "--width", "9",
        ]
        try await ProcessRing.running(3, width: 9, options: options) { ring in
            // Messages of the transport about a client.
            let foreign = try await TestCertificates.foreign()
            let address = try #require(ring.nodes["n1"]).address
            _ = try await ChordProcess.run([
                "ring", "--node", address, "--as", "client-demo", "--certs-dir", foreign,
            ])
            let name = "n2"
            let process = try #require(ring.forget(name)).process
            process.send(SIGHUP)
            try await eventually("the certificates are read anew: \(process.errorText)") {
                process.errorText.contains("certificates")
            }
            process.send(SIGTERM)
            let ended = try await process.outcome()
            var seen: Set<String> = []
            for (name, text) in [(name, ended.errors)]
                + ring.nodes.map({ ($0.key, $0.value.process.errorText) })
            {
                // The last line of a process that runs may not be whole.
                for line in text.split(separator: "\n", omittingEmptySubsequences: false)
                    .dropLast()
                {
                    let object = try ChordProcess.Outcome.object(in: String(line))
                    #expect(object["chord.node"] as? String == name, "\(line)")
                    let message = object["message"] as? String ?? ""
                    seen.insert(message)
                    switch message {
                    case "joined":
                        #expect(object["chord.successors"] is [String], "\(line)")
                    case "successors changed":
                        #expect(object["chord.from"] is [String], "\(line)")
                        #expect(object["chord.to"] is [String], "\(line)")
                    case "range changed":
                        for key in ["chord.from", "chord.to"] {
                            let range = object[key] as? String ?? ""
                            let whole = range.wholeMatch(of: Self.range) != nil
                            #expect(range == "none" || whole, "\(line)")
                        }
                    default: break
                    }
                }
            }
            #expect(seen.isSuperset(of: ["joined", "successors changed", "range changed"]))
        }
    }

    @Test("A node that cannot join logs every few seconds what it waits for")
    func waiting() async throws {
        let process = try ChordProcess([
            "serve", "--name", "n1", "--listen", "127.0.0.1:0", "--join", "127.0.0.1:1",
            "--certs-dir", try await TestCertificates.directory(), "--join-timeout", "60s",
        ])
        defer { process.kill() }
        try await eventually("two lines on joining: \(process.errorText)", within: .seconds(60)) {
            process.errorText.split(separator: "\n").count { $0.contains("127.0.0.1:1") } >= 2
        }
    }
}
