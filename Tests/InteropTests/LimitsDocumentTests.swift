// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTransport
import Foundation
import ChordTestSupport
import Testing

/// Compares docs/limits.md with the code.
@Suite("docs/limits.md", .tags(.unit))
struct LimitsDocumentTests {
    private struct Row {
        var limit: String
        var standard: String
        var file: String
        var test: String
    }

    private static func rows() throws -> [Row] {
        let file = Python.root.appendingPathComponent("docs/limits.md")
        return try String(contentsOf: file, encoding: .utf8)
            .split(separator: "\n").filter { $0.hasPrefix("| `") }
            .map { line in
                let cells = line.split(separator: "|").map {
                    $0.trimmingCharacters(in: .whitespaces)
                }
                let test = (cells.last ?? "").split(separator: ":", maxSplits: 1).map {
                    $0.trimmingCharacters(in: CharacterSet(charactersIn: " `"))
                }
                return Row(
                    limit: cells[0].trimmingCharacters(in: CharacterSet(charactersIn: "`")),
                    standard: cells[1],
                    file: test.first ?? "",
                    test: test.last ?? ""
                )
            }
    }

    @Test func everyLimitHasItsRow() throws {
        let named = Set(try Self.rows().map(\.limit))
        for limit in TransportLimit.allCases {
            #expect(named.contains(limit.rawValue), "\(limit.rawValue)")
        }
    }

    /// The numbers of each row, as the settings have them.
    @Test func defaultsMatchTheCode() throws {
        let transport = TransportConfiguration()
        let (http, server, limits) = (transport.limits, transport.server, transport.server.limits)
        let keepalive = server.keepalive
        let right: [String: [String]] = [
            "connections": [count(server.maxConnections)],
            "connectionsPerIdentity": [count(limits.maxConnectionsPerIdentity)],
            "handshakes": [count(limits.maxHandshakes), count(limits.handshakesOfKnownHosts)],
            "handshakesPerHost": [count(limits.maxHandshakesPerHost)],
            "settingsTime": [time(server.settingsTimeout)],
            "headerTime": [time(limits.headerTimeout)],
            "requestTime": [time(server.stallTimeout)],
            "outputTime": [time(server.stallTimeout)],
            "queuedOutput": [bytes(http.maxQueuedOutputBytes)],
            "messageSize": [bytes(64 << 10), bytes(transport.receiveLimitBytes)],
            "heldBytesPerConnection": [bytes(limits.maxHeldBytesPerConnection)],
            "heldBytesPerIdentity": [bytes(limits.maxHeldBytes / 2)],
            "heldBytes": [bytes(limits.maxHeldBytes)],
            "inflatedBytes": [bytes(limits.inflationBurst), bytes(limits.inflatedBytesPerSecond)],
            "headers": [bytes(Int(http.maxHeaderListBytes))],
            "concurrentStreams": [count(Int(http.maxConcurrentStreams))],
            "callRate": [count(limits.callBurst), count(limits.callsPerSecond)],
            "nodeCallsInFlight": [count(limits.maxNodeCallsInFlight)],
            "clientCallsInFlight": [count(limits.maxClientCallsInFlight)],
            "streams": [count(limits.maxStreams)],
            "resetsReceived": [
                count(Int(http.maxStreamResets)), count(Int(http.streamResetsPerSecond)),
            ],
            "resetsSent": [
                count(Int(http.maxStreamResets)), count(Int(http.streamResetsPerSecond)),
            ],
            "controlFrames": [
                count(Int(http.maxControlFrames)), count(Int(http.controlFramesPerSecond)),
            ],
            "pings": [time(keepalive.minPingInterval)],
            "emptyData": [
                count(Int(http.maxEmptyDataFrames)), count(Int(http.emptyDataFramesPerSecond)),
            ],
            "continuations": [count(http.maxContinuations)],
            "acknowledgements": [count(http.maxOutboundAcknowledgements)],
            "settings": [count(http.maxSettings)],
            "keepalive": [time(transport.client.keepalive.maxInterval)],
            "acceptPause": [time(server.acceptPause)],
        ]
        let rows = Dictionary(
            try Self.rows().map { ($0.limit, $0.standard) },
            uniquingKeysWith: { first, _ in first }
        )
        for (limit, numbers) in right {
            let standard = try #require(rows[limit], "\(limit)")
            for number in numbers {
                let pattern = "(^|[^0-9,])\(number)($|[^0-9])"
                #expect(
                    standard.range(of: pattern, options: .regularExpression) != nil,
                    "\(limit): \(standard) should say \(number)"
                )
            }
        }
    }

    @Test func namedTestsExist() throws {
        let root = Python.root.appendingPathComponent("Tests")
        let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)
        var texts: [String: String] = [:]
        for case let file as URL in files ?? .init() where file.pathExtension == "swift" {
            texts[file.lastPathComponent] = try String(contentsOf: file, encoding: .utf8)
        }
        for row in try Self.rows() {
            let text = try #require(texts[row.file], "\(row.file)")
            #expect(text.contains(row.test), "\(row.file) has no \(row.test)")
        }
    }

    private func count(_ number: Int) -> String {
        let digits = String(number)
        guard digits.count > 3 else { return digits }
        return digits.dropLast(3) + "," + digits.suffix(3)
    }

    private func bytes(_ number: Int) -> String {
        number >= 1 << 20 ? "\(number >> 20) MiB" : "\(number >> 10) KiB"
    }

    private func time(_ duration: Duration) -> String {
        let seconds = duration.components.seconds
        if duration < .seconds(1) {
            return "\(duration.components.attoseconds / 1_000_000_000_000_000) ms"
        }
        if seconds >= 3600, seconds % 3600 == 0 { return "\(seconds / 3600) h" }
        if seconds >= 60, seconds % 60 == 0 { return "\(seconds / 60) min" }
        return "\(seconds) s"
    }
}
