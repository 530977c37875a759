// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import ChordTransport
import Foundation
import Testing

/// A limit, an attack that exceeds it, and the expected reaction.
struct LimitCase: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var attack: String
    var kind: String
    var count: Int
    var over: Int
    /// The limits that are counted, one of them at the least.
    var limit: TransportLimit
    var configure: @Sendable (inout TransportConfiguration) -> Void
    var check: @Sendable (AttackOutcome) -> Void

    init(
        _ what: String,
        _ attack: String,
        kind: String = "",
        count: Int = 0,
        over: Int = 0,
        limit: TransportLimit,
        _ configure: @escaping @Sendable (inout TransportConfiguration) -> Void,
        check: @escaping @Sendable (AttackOutcome) -> Void
    ) {
        testDescription = what
        self.attack = attack
        self.kind = kind
        self.count = count
        self.over = over
        self.limit = limit
        self.configure = configure
        self.check = check
    }
}

extension LimitCase {
    private static let enhanceYourCalm = 11

    /// The connection was given up, with the reason in so many words.
    private static func isCalmed(_ debug: String) -> @Sendable (AttackOutcome) -> Void {
        { outcome in
            #expect(outcome.closed)
            #expect(outcome.goaway == enhanceYourCalm)
            #expect(outcome.debug == debug)
        }
    }

    static let calls = [
        LimitCase(
            "streams at once",
            "concurrent_streams",
            count: 10,
            over: 6,
            limit: .concurrentStreams,
            { $0.limits.maxConcurrentStreams = 4 },
            check: { outcome in
                // REFUSED_STREAM, so that the client may try again.
                #expect(outcome.resets == Array(repeating: 7, count: 6))
                #expect(!outcome.closed)
            }
        ),
        LimitCase(
            "calls per second",
            "call_rate",
            count: 1100,
            limit: .callRate,
            {
                $0.server.limits.callBurst = 1000
                $0.server.limits.callsPerSecond = 0
            },
            check: { outcome in
                #expect(outcome.statuses.filter { $0 == 0 }.count == 1000)
                #expect(outcome.statuses.filter { $0 == 8 }.count == 100)
            }
        ),
        LimitCase(
            "calls under way of one identity: half of those of all clients",
            "calls_in_flight",
            count: 20,
            over: 10,
            limit: .callsPerIdentity,
            { $0.server.limits.maxClientCallsInFlight = 20 },
            check: { #expect($0.statuses == Array(repeating: 8, count: 10)) }
        ),
        LimitCase(
            "requests begun and never ended",
            "begun_requests",
            count: 20,
            over: 20,
            limit: .requestTime,
            {
                $0.server.limits.maxClientCallsInFlight = 20
                $0.server.stallTimeout = .milliseconds(500)
            },
            check: { outcome in
                // Half of them are refused at once, and the others when their time is over.
                #expect(outcome.statuses.filter { $0 == 8 }.count == 10)
                #expect(outcome.statuses.filter { $0 == 4 }.count == 10)
                #expect(outcome.resets == Array(repeating: 0, count: 20))
                #expect(!outcome.closed)
            }
        ),
        LimitCase(
            "streams of one identity",
            "streams",
            count: 20,
            over: 15,
            limit: .streamsPerIdentity,
            { $0.server.limits.maxStreams = 10 },
            check: { outcome in
                #expect(outcome.statuses == Array(repeating: 8, count: 15))
                #expect(outcome.resets == Array(repeating: 0, count: 15))
            }
        ),
        LimitCase(
            "streams begun without a message",
            "streams",
            count: 5,
            over: 5,
            limit: .requestTime,
            { $0.server.stallTimeout = .milliseconds(500) },
            check: { outcome in
                #expect(outcome.statuses == Array(repeating: 4, count: 5))
                #expect(outcome.resets == Array(repeating: 0, count: 5))
            }
        ),
        LimitCase(
            "message size",
            "message_size",
            count: 2000,
            limit: .messageSize,
            { $0.receiveLimitBytes = 1000 },
            check: { #expect($0.statuses == [8]) }
        ),
        LimitCase(
            "time for a request",
            "request_time",
            limit: .requestTime,
            { $0.server.stallTimeout = .milliseconds(500) },
            check: { #expect($0.statuses == [4]) }
        ),
        LimitCase(
            "header list",
            "header_list",
            count: 12,
            limit: .headers,
            { $0.limits.maxHeaderListBytes = 8192 },
            check: { outcome in
                #expect(outcome.resets == [enhanceYourCalm])
                #expect(outcome.statuses == [0])
            }
        ),
        LimitCase(
            "time for headers",
            "header_time",
            limit: .headerTime,
            { $0.server.limits.headerTimeout = .milliseconds(500) },
            check: isCalmed("headers_too_slow")
        ),
        LimitCase(
            "CONTINUATION frames",
            "continuations",
            count: 100,
            limit: .continuations,
            { $0.limits.maxContinuations = 4 },
            check: { #expect($0.closed) }
        ),
    ]

    static let floods =
        [
            LimitCase(
                "rapid reset",
                "rapid_reset",
                count: 60,
                limit: .resetsReceived,
                {
                    $0.limits.maxStreamResets = 50
                    $0.limits.streamResetsPerSecond = 0
                },
                check: { #expect($0.closed) }
            ),
            LimitCase(
                "made you reset",
                "made_you_reset",
                count: 60,
                limit: .resetsSent,
                {
                    $0.limits.maxStreamResets = 50
                    $0.limits.streamResetsPerSecond = 0
                },
                check: isCalmed("too_many_resets")
            ),
            LimitCase(
                "answers that pile up",
                "acknowledgements",
                count: 3000,
                limit: .acknowledgements,
                { $0.limits.maxOutboundAcknowledgements = 100 },
                check: { #expect($0.closed) }
            ),
            LimitCase(
                "SETTINGS with many entries",
                "settings_entries",
                count: 40,
                limit: .settings,
                { _ in },
                check: { #expect($0.closed) }
            ),
            LimitCase(
                "pings and nothing else",
                "idle_pings",
                count: 4,
                limit: .pings,
                { _ in },
                check: isCalmed("too_many_pings")
            ),
        ]
        + ["ping", "settings", "priority", "unknown", "window"].map { kind in
            LimitCase(
                "flood of \(kind)",
                "flood",
                kind: kind,
                count: 2000,
                limit: .controlFrames,
                {
                    $0.limits.maxControlFrames = 500
                    $0.limits.controlFramesPerSecond = 0
                    $0.server.keepalive.minPingInterval = .zero
                    // However many of them come in one read.
                    $0.limits.maxOutboundAcknowledgements = 10_000
                },
                check: isCalmed("too_many_control_frames")
            )
        }
        + ["empty", "padded"].map { kind in
            LimitCase(
                "flood of \(kind) DATA",
                "flood",
                kind: kind,
                count: 1000,
                limit: .emptyData,
                { $0.limits.emptyDataFramesPerSecond = 0 },
                check: isCalmed("too_many_empty_frames")
            )
        }

    static let others = [
        LimitCase(
            "queued output",
            "queued_output",
            count: 20,
            over: 10,
            limit: .queuedOutput,
            { $0.limits.maxQueuedOutputBytes = 100_050 },
            check: { outcome in
                #expect(outcome.resets == Array(repeating: enhanceYourCalm, count: 10))
                #expect(!outcome.closed)
            }
        ),
        LimitCase(
            "a slow reader",
            "slow_reader",
            limit: .outputTime,
            { $0.server.stallTimeout = .milliseconds(500) },
            check: { outcome in
                #expect(outcome.resets == [enhanceYourCalm])
                #expect(!outcome.closed)
            }
        ),
        LimitCase(
            "a client without SETTINGS",
            "mute",
            limit: .settingsTime,
            { $0.server.settingsTimeout = .seconds(2) },
            check: { #expect($0.closed) }
        ),
        LimitCase(
            "connections in total",
            "connections",
            count: 6,
            limit: .connections,
            // One of them is the good client's.
            { $0.server.maxConnections = 4 },
            check: { #expect($0.kept == 3) }
        ),
        LimitCase(
            "connections of one identity",
            "connections",
            count: 6,
            limit: .connectionsPerIdentity,
            { $0.server.limits.maxConnectionsPerIdentity = 4 },
            check: { outcome in
                #expect(outcome.kept == 4)
                #expect(outcome.goaway == enhanceYourCalm)
                #expect(outcome.debug == "too_many_connections")
            }
        ),
        LimitCase(
            "handshakes",
            "handshakes",
            count: 20,
            over: 14,
            limit: .handshakes,
            // A quarter is for hosts from which a peer has authenticated before.
            { $0.server.limits.maxHandshakes = 8 },
            check: { #expect($0.kept == 6) }
        ),
        LimitCase(
            "handshakes from one host",
            "handshakes",
            count: 20,
            over: 12,
            limit: .handshakesPerHost,
            { $0.server.limits.maxHandshakesPerHost = 8 },
            check: { #expect($0.kept == 8) }
        ),
    ]
}

/// The reaction of a server to an attack.
struct AttackOutcome: Decodable, Sendable {
    /// The error code of its GOAWAY.
    var goaway: Int?
    var debug: String
    var closed: Bool
    /// The error codes of its resets.
    var resets: [Int]
    /// The gRPC status of each answer.
    var statuses: [Int]
    /// Connections that it kept open.
    var kept: Int?
}

extension Python {
    private struct Order: Encodable {
        var address: String
        var roots: String
        var certificate: String
        var key: String
        var attack: String
        var kind: String
        var count: Int
        var over: Int
        /// A loopback address that no good client comes from.
        var source = "127.0.0.2"
    }

    /// Drives a server over a limit.
    func attack(
        _ address: String,
        as caller: TestAuthority.Issued,
        _ attack: LimitCase
    ) async throws -> AttackOutcome {
        let order = Order(
            address: address,
            roots: try await TestCertificates.get().authority.certificate,
            certificate: caller.certificate,
            key: caller.key,
            attack: attack.attack,
            kind: attack.kind,
            count: attack.count,
            over: attack.over
        )
        return try await running("limits.py", order) { process in
            guard try await process.exit() == 0 else {
                throw TestFailure("limits.py failed: \(process.report)")
            }
            return try JSONDecoder().decode(AttackOutcome.self, from: Data(process.output.bytes))
        }
    }
}
