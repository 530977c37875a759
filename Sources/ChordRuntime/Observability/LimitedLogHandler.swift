// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordRPC
package import Logging
import NIOConcurrencyHelpers

/// Rate limits for log lines of level info and above. Dropped lines are counted, and the next line
/// of the same kind tells their number. Lines of level trace and debug are never dropped.
///
/// The kind of a line is its message without the metadata.
public struct LogLimits: Hashable, Sendable {
    /// The number of lines of one kind that may follow each other at once.
    public var kindBurst: UInt64 = 20
    /// The number of lines of one kind per second after that. A higher number shows every step of
    /// an unstable ring; a lower one keeps a peer that causes a line with every call from filling
    /// the disk.
    public var kindPerSecond: UInt64 = 5
    /// The number of lines of all kinds that may follow each other at once.
    public var burst: UInt64 = 60
    /// The number of lines of all kinds per second after that.
    public var perSecond: UInt64 = 30

    /// The default values: never 100 lines in one second.
    public init() {}
}

/// A log handler that drops lines above the limits.
package struct LimitedLogHandler: LogHandler {
    private var base: any LogHandler
    private let budget: LogBudget

    package init(_ base: any LogHandler, budget: LogBudget) {
        self.base = base
        self.budget = budget
    }

    package var logLevel: Logger.Level {
        get { base.logLevel }
        set { base.logLevel = newValue }
    }

    package var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    package var metadataProvider: Logger.MetadataProvider? {
        get { base.metadataProvider }
        set { base.metadataProvider = newValue }
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    package func log(event: LogEvent) {
        guard event.level >= .info else { return base.log(event: event) }
        switch budget.admit("\(event.message)") {
        case .leftOut: return
        case .admitted(0): base.log(event: event)
        case .admitted(let omitted):
            var event = event
            event.metadata = (event.metadata ?? [:]).merging(
                [LogKeys.omitted: "\(omitted)"],
                uniquingKeysWith: { $1 }
            )
            base.log(event: event)
        }
    }
}

extension Logger {
    /// The logger with these limits.
    package func limited(by budget: LogBudget) -> Logger {
        var limited = self
        limited.handler = LimitedLogHandler(handler, budget: budget)
        return limited
    }
}

/// Counts the lines of a node. All copies of its logger share it.
package final class LogBudget: Sendable {
    package enum Verdict: Hashable, Sendable {
        /// Write the line, and tell that this many lines of its kind were dropped before it.
        case admitted(UInt64)
        /// Drop the line.
        case leftOut
    }

    private struct Kind {
        var budget: RateBudget
        var omitted: UInt64 = 0
    }

    private struct State {
        var all: RateBudget
        var kinds: [String: Kind] = [:]
    }

    /// The number of kinds with a budget of their own; all others share one.
    private static let mostKinds = 256
    private static let others = ""

    private let limits: LogLimits
    private let now: @Sendable () -> MonotonicTime
    private let state: NIOLockedValueBox<State>

    package init(_ limits: LogLimits, now: @escaping @Sendable () -> MonotonicTime) {
        self.limits = limits
        self.now = now
        let all = RateBudget(burst: limits.burst, perSecond: limits.perSecond, at: now())
        state = NIOLockedValueBox(State(all: all))
    }

    /// Whether a line may be written now.
    package func admit(_ message: String) -> Verdict {
        let now = now()
        return state.withLockedValue { state in
            let isNew = state.kinds[message] == nil
            let key = isNew && state.kinds.count >= Self.mostKinds ? Self.others : message
            var kind =
                state.kinds[key]
                ?? Kind(
                    budget: RateBudget(
                        burst: limits.kindBurst,
                        perSecond: limits.kindPerSecond,
                        at: now
                    )
                )
            defer { state.kinds[key] = kind }
            guard kind.budget.takeOne(at: now), state.all.takeOne(at: now) else {
                kind.omitted += 1
                return .leftOut
            }
            defer { kind.omitted = 0 }
            return .admitted(kind.omitted)
        }
    }
}
