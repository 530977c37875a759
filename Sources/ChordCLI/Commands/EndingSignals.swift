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

/// Decides the meaning of a signal from the time since the first signal.
struct EndingRequests {
    /// Signals within this time count as one: a wrapper or terminal sends its own besides that of a
    /// supervisor.
    static let sameRequest = Duration.milliseconds(500)

    enum Meaning {
        /// End in an orderly way.
        case first
        /// The first request, repeated.
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

/// Handles SIGTERM and SIGINT. The first signal lets the services stop in an orderly way. A second
/// one, at least half a second later, ends the process at once. SIGHUP is passed on.
///
/// A `ServiceGroup` handles only the first signal, and would swallow the second.
enum EndingSignals {
    /// Creates services and runs them. A signal during their creation ends the process at once with
    /// code 0: there is nothing to stop yet, and a host lookup may take long.
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
                        logger.warning("second signal: this process ends at once")
                        _exit(128 + signal.number)
                    case .first: break
                    }
                    guard let group = running.withLockedValue({ $0 }) else {
                        logger.info("this process ends before the node has started")
                        _exit(0)
                    }
                    isEnding.withLockedValue { $0 = true }
                    logger.info("the node is stopping; a second signal ends the process at once")
                    await group.triggerGracefulShutdown()
                }
            }
            // An error also ends the other task.
            defer { tasks.cancelAll() }
            let group = try await start()
            running.withLockedValue { $0 = group }
            do {
                try await group.run()
            } catch is ServiceGroupError where isEnding.withLockedValue({ $0 }) {
                // The signal came before the group ran, and a stopped group does not run.
            }
        }
    }

    /// Runs `body` until it returns, or until SIGTERM or SIGINT, which is not a failure. A second
    /// signal ends the process at once.
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
