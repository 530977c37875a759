// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordRPC
import NIOConcurrencyHelpers
package import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// A node's executor on an event loop: actors, tasks and connections that share a loop share a
/// thread, so that a request never hops.
///
/// Two executors of one loop would not be identical and would cost a hop between them: take the one from
/// `EventLoopExecutors`.
package final class EventLoopExecutor: NodeExecutor {
    package let eventLoop: any EventLoop
    /// Locked, because any thread may ask for a number.
    private let numbers: NIOLockedValueBox<SeededGenerator>

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        // The system's generator costs a system call per number: it gives only the seed.
        var system = SystemRandomNumberGenerator()
        numbers = NIOLockedValueBox(SeededGenerator(seed: system.next()))
    }

    package var now: MonotonicTime {
        MonotonicTime(nanoseconds: Int64(clamping: eventLoop.now.uptimeNanoseconds))
    }

    package var wallClockMilliseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(clamping: time.tv_sec) * 1000 + UInt64(clamping: time.tv_nsec) / 1_000_000
    }

    package var isCurrent: Bool { eventLoop.inEventLoop }

    package func execute(_ work: @escaping @Sendable () -> Void) {
        eventLoop.execute(work)
    }

    package func schedule(
        after delay: Duration,
        _ work: @escaping @Sendable () -> Void
    ) -> ScheduledWork {
        let scheduled = eventLoop.scheduleTask(in: TimeAmount(clamping: delay), work)
        return ScheduledWork { scheduled.cancel() }
    }

    package func random() -> UInt64 {
        numbers.withLockedValue { $0.next() }
    }

    // MARK: Swift concurrency

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        eventLoop.execute { [self] in
            job.runSynchronously(
                isolatedTo: asUnownedSerialExecutor(),
                taskExecutor: asUnownedTaskExecutor()
            )
        }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    package func asUnownedTaskExecutor() -> UnownedTaskExecutor {
        UnownedTaskExecutor(ordinary: self)
    }

    package func checkIsolated() {
        eventLoop.preconditionInEventLoop()
    }

    package func isIsolatingCurrentContext() -> Bool? {
        eventLoop.inEventLoop
    }
}

extension TimeAmount {
    /// The duration, at most about a hundred years: a timer could not add more to the present time.
    init(clamping duration: Duration) {
        let hundredYears: Int64 = 3_155_760_000_000_000_000
        self = .nanoseconds(min(max(duration.clampedNanoseconds, 0), hundredYears))
    }
}
