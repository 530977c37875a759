// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Logging
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// SIGTERM and SIGINT: the first lets the services end in their own time, the second ends the process.
/// SIGHUP is handed on.
///
/// A `ServiceGroup` would listen to the first by itself, and swallow the second.
enum EndingSignals {
    static func run(
        _ group: ServiceGroup,
        logger: Logger,
        onHangup: @escaping @Sendable () -> Void
    ) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                var isEnding = false
                for await signal in signals {
                    if signal == .sighup {
                        onHangup()
                        continue
                    }
                    if isEnding {
                        logger.warning("a second signal: ending at once")
                        _exit(128 + signal.number)
                    }
                    isEnding = true
                    logger.info("leaving the ring; a second signal ends at once")
                    await group.triggerGracefulShutdown()
                }
            }
            try await group.run()
            tasks.cancelAll()
        }
    }

    /// Runs `body`, which goes on for as long as it is wanted, until it ends or somebody ends it by SIGTERM or
    /// SIGINT; that is no failure. A second signal ends the process at once.
    static func untilEnded(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
        let (ending, endIt) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                var isEnding = false
                for await signal in signals {
                    if isEnding { _exit(128 + signal.number) }
                    isEnding = true
                    endIt.finish()
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
