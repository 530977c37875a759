// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRuntime

/// Checks every duration and every number of a configuration. An error names the setting.
///
/// Reflection finds the settings, so a new setting is checked as soon as it is declared. A duration
/// must be positive and at most a year; a number must be at least 1. The tables list the
/// exceptions.
enum ConfigurationCheck {
    static let longest = Duration.seconds(365 * 24 * 60 * 60)

    /// Settings that may be zero, by the end of their path.
    static let mayBeZero: Set<String> = [
        "intervals.jitter", "intervals.promptDelay", "intervals.refusalPatience", "shutdownGrace",
        "leaveTimeout", "lookups.memberCacheBytes",
        "server.acceptPause", "server.drainNotice", "server.loggedFailuresPerSecond",
        "limits.handshakesOfKnownHosts", "client.backoffJitter", "client.maxWaitingCalls",
        "keepalive.maxPingStrikes", "keepalive.minPingInterval", "keepalive.maxAgeGrace",
        "statements.burst", "statements.perInterval", "logLimits.kindBurst",
        "logLimits.kindPerSecond", "logLimits.burst", "logLimits.perSecond",
        "limits.headerTableBytes", "limits.maxStreamResets", "limits.streamResetsPerSecond",
        "limits.maxControlFrames", "limits.controlFramesPerSecond", "limits.maxEmptyDataFrames",
        "limits.emptyDataFramesPerSecond", "limits.maxContinuations",
    ]

    /// Fractions with their own bounds, by the end of their path.
    static let fractions: [String: ClosedRange<Double>] = [
        "intervals.jitter": 0...0.99, "lookups.answerShare": 0.1...0.9,
        "client.backoffMultiplier": 1...100, "client.backoffJitter": 0...0.99,
    ]

    /// Checks all settings below `subject`.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`, which names the setting by its path.
    static func check(_ subject: Any, _ path: String = "") throws(ChordError) {
        for child in Mirror(reflecting: subject).children {
            guard let label = child.label else { continue }
            let name = path.isEmpty ? label : "\(path).\(label)"
            try check(value: child.value, name)
        }
    }

    private static func check(value: Any, _ name: String) throws(ChordError) {
        switch value {
        case let duration as Duration:
            let least = matches(name, mayBeZero) ? Duration.zero : .nanoseconds(1)
            guard (least...longest).contains(duration) else {
                throw refuse(
                    name,
                    "\(duration)",
                    least == .zero ? "from 0 to one year" : "more than 0 and at most one year"
                )
            }
        case let number as Double:
            guard let bounds = fractions.first(where: { ends(name, $0.key) })?.value else { return }
            guard bounds.contains(number) else {
                throw refuse(name, "\(number)", "\(bounds.lowerBound) to \(bounds.upperBound)")
            }
        case let number as any FixedWidthInteger:
            let least = matches(name, mayBeZero) ? 0 : 1
            guard (Int(exactly: number) ?? .max) >= least else {
                throw refuse(name, "\(number)", "at least \(least)")
            }
        default:
            let mirror = Mirror(reflecting: value)
            switch mirror.displayStyle {
            case .optional:
                if let wrapped = mirror.children.first { try check(value: wrapped.value, name) }
            case .struct where isOurs(value): try check(value, name)
            default: return
            }
        }
    }

    /// Whether a value is a group of our settings, and not a single setting of another library's
    /// type.
    private static func isOurs(_ value: Any) -> Bool {
        String(reflecting: type(of: value)).hasPrefix("Chord")
    }

    private static func matches(_ name: String, _ ends: Set<String>) -> Bool {
        ends.contains { Self.ends(name, $0) }
    }

    private static func ends(_ name: String, _ end: String) -> Bool {
        name == end || name.hasSuffix(".\(end)")
    }

    private static func refuse(_ name: String, _ value: String, _ bounds: String) -> ChordError {
        ChordError(.invalidConfiguration, "\(name) is \(value); it must be \(bounds)")
    }
}
