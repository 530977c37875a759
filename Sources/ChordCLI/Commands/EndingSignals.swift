// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine
import Logging
import NIOConcurrencyHelpers
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a signal that asks a command to end means, by the time since the first.
struct EndingRequests {
    /// Signals within this time are one: wrappers and terminals send theirs besides that of a supervisor.
    static let sameRequest = Duration.milliseconds(500)

    enum Meaning {
        /// End in your own time.
        case first
        /// The same request once more.
        case repetition
        /// End at once.
        case second
    }

    private var first: ContinuousClock.Instant?

    mutating func meaning(at time: ContinuousClock.Instant) -> Meaning {
        guard let first else {
            first = time
            return .first
        }
        return time - first < Self.sameRequest ? .repetition : .second
    }
}

/// SIGTERM and SIGINT: the first lets the services end in their own time, a second one half a second later
/// or more ends the process. SIGHUP is handed on.
///
/// A `ServiceGroup` would listen to the first by itself, and swallow the second.
enum EndingSignals {
    /// Makes services and runs them. A signal that comes while they are made ends the process at once, with
    /// code 0: there is nothing to end yet, and looking up a host may take as long as a name server likes.
    static func run(
        logger: Logger,
        onHangup: @escaping @Sendable () -> Void,
        _ start: () async throws -> ServiceGroup
    ) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        let running = NIOLockedValueBox<ServiceGroup?>(nil)
        let isEnding = NIOLockedValueBox(false)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                var requests = EndingRequests()
                for await signal in signals {
                    if signal == .sighup {
                        onHangup()
                        continue
                    }
                    switch requests.meaning(at: .now) {
                    case .repetition: continue
                    case .second:
                        logger.warning("a second signal: ending at once")
                        _exit(128 + signal.number)
                    case .first: break
                    }
                    guard let group = running.withLockedValue({ $0 }) else {
                        logger.info("ending before this node has begun")
                        _exit(0)
                    }
                    isEnding.withLockedValue { $0 = true }
                    logger.info("ending; a second signal ends at once")
                    await group.triggerGracefulShutdown()
                }
            }
            // An error ends the other task, too.
            defer { tasks.cancelAll() }
            let group = try await start()
            running.withLockedValue { $0 = group }
            do {
                try await group.run()
            } catch is ServiceGroupError where isEnding.withLockedValue({ $0 }) {
                // The signal came before the group ran, and a group that has ended does not run.
            }
        }
    }

    /// Runs `body`, which goes on for as long as it is wanted, until it ends or somebody ends it by SIGTERM or
    /// SIGINT; that is no failure. A second signal ends the process at once.
    static func untilEnded(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let (ending, endIt) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                var requests = EndingRequests()
                for await signal in signals {
                    switch requests.meaning(at: .now) {
                    case .first: endIt.finish()
                    case .repetition: continue
                    case .second: _exit(128 + signal.number)
                    }
                }
            }
            try await withThrowingTaskGroup(of: Void.self) { either in
                either.addTask(operation: body)
                either.addTask { for await _ in ending {} }
                try await either.next()
                either.cancelAll()
            }
            tasks.cancelAll()
        }
    }
}

extension UnixSignal {
    fileprivate var number: Int32 { self == .sigint ? SIGINT : SIGTERM }
}
