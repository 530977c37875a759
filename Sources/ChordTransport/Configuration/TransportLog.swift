// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
package import Logging
import NIOConcurrencyHelpers

/// The transport's log: the metadata keys, and a limit on what strangers can make it say.
package struct TransportLog: Sendable {
    /// Metadata keys.
    package enum Key {
        package static let peer = "chord.peer"
        package static let error = "chord.error"
        package static let address = "chord.address"
        package static let limit = "chord.limit"
        package static let help = "chord.help"
        package static let suppressed = "chord.log.suppressed"
    }

    package let logger: Logger
    private let throttle: LogThrottle

    package init(logger: Logger, failuresPerSecond: Int) {
        self.logger = logger
        throttle = LogThrottle(perSecond: failuresPerSecond)
    }

    /// Tells of a change of state.
    func change(_ what: String, address: String) {
        logger.info("\(what)", metadata: [Key.address: "\(address)"])
    }

    /// Tells of something that the system has no more of.
    func shortage(_ what: String, limit: String, help: String) {
        logger.warning("\(what)", metadata: [Key.limit: "\(limit)", Key.help: "\(help)"])
    }

    /// Tells of a peer's failure, unless this second has told of enough of them.
    func failure(
        _ what: String,
        peer: String,
        error: any Error,
        isRoutine: Bool = false,
        at now: MonotonicTime
    ) {
        let level: Logger.Level = isRoutine ? .debug : .info
        guard logger.logLevel <= level, let suppressed = throttle.admit(at: now) else { return }
        var metadata: Logger.Metadata = [
            Key.peer: "\(peer)", Key.error: "\(error)",
        ]
        if suppressed > 0 { metadata[Key.suppressed] = "\(suppressed)" }
        logger.log(level: level, "\(what)", metadata: metadata)
    }
}

/// Lets a number of lines per second through and counts the rest.
final class LogThrottle: Sendable {
    private struct State {
        var second = Int64.min
        var admitted = 0
        var suppressed = 0
    }

    private let perSecond: Int
    private let state = NIOLockedValueBox(State())

    init(perSecond: Int) {
        self.perSecond = perSecond
    }

    /// How many lines were kept back since the last one; nil where this one is kept back too.
    func admit(at now: MonotonicTime) -> Int? {
        state.withLockedValue { state in
            let second = now.nanoseconds / 1_000_000_000
            if second != state.second {
                state.second = second
                state.admitted = 0
            }
            guard state.admitted < perSecond else {
                state.suppressed += 1
                return nil
            }
            state.admitted += 1
            defer { state.suppressed = 0 }
            return state.suppressed
        }
    }
}
