// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordRPC

/// A node's executor on the scheduler: the node's only source of time, timers and randomness. It
/// ends with its process.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run. Calls from other
/// threads are reported and not executed.
package final class SimulatedExecutor: NodeExecutor, @unchecked Sendable {
    enum Work {
        case job(UnownedJob)
        case closure(@Sendable () -> Void)
    }

    /// The wall clock time at virtual time zero.
    private static let epochMilliseconds: UInt64 = 1_700_000_000_000
    private static let million: UInt64 = 1_000_000

    /// The node's number, for the trace.
    let number: Int
    let scheduler: SimulationScheduler
    /// The error of the node's clock in millionths; negative if it is fast.
    private let skew: Int64
    private var generator: SeededGenerator
    private var queue: [Work] = []
    private var head = 0
    private var isListed = false
    /// The process is paused, and its jobs wait.
    private(set) var isPaused = false
    /// The process has ended: its timers are void.
    private(set) var isDead = false

    package init(
        number: Int,
        seed: UInt64,
        skew: Int64 = 0,
        scheduler: SimulationScheduler
    ) {
        self.number = number
        self.scheduler = scheduler
        self.skew = skew
        generator = SeededGenerator(seed: seed)
    }

    // MARK: NodeExecutor

    package var now: MonotonicTime { MonotonicTime(nanoseconds: local(scheduler.now)) }

    package var wallClockMilliseconds: UInt64 {
        // A fast clock has been fast for some time, so it is some seconds ahead at the start.
        let offset = -skew * 10
        return UInt64(Int64(Self.epochMilliseconds) + offset) + UInt64(local(scheduler.now))
            / 1_000_000
    }

    package var isCurrent: Bool {
        scheduler.detector.isDriver && scheduler.current === self
    }

    package func execute(_ work: @escaping @Sendable () -> Void) {
        guard scheduler.detector.isDriver else {
            return scheduler.detector.report("work for n\(number)")
        }
        append(.closure(work))
    }

    package func schedule(
        after delay: Duration,
        _ work: @escaping @Sendable () -> Void
    ) -> ScheduledWork {
        guard scheduler.detector.isDriver else {
            scheduler.detector.report("a timer of n\(number)")
            return ScheduledWork {}
        }
        guard !isDead else { return ScheduledWork {} }
        // A delay is cut to a century, so that sums of delays do not overflow.
        let wait = min(max(0, delay.clampedNanoseconds), 1 << 61)
        let due = global(local(scheduler.now) + wait)
        let timer = scheduler.schedule(at: due, for: self, work)
        return ScheduledWork { timer.cancel() }
    }

    package func random() -> UInt64 {
        guard scheduler.detector.isDriver else {
            scheduler.detector.report("a draw of n\(number)")
            return 0
        }
        return generator.next()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        guard scheduler.detector.isDriver else {
            return scheduler.detector.report("a job for n\(number): \(job.description)")
        }
        append(.job(UnownedJob(job)))
    }

    package func checkIsolated() {
        precondition(isCurrent, "not on the executor of n\(number)")
    }

    // MARK: The node's clock

    /// The time that the node's clock shows at a moment of global time.
    private func local(_ time: Int64) -> Int64 {
        guard skew != 0 else { return time }
        let product = UInt64(time).multipliedFullWidth(by: Self.million)
        return Int64(rate.dividingFullWidth(product).quotient)
    }

    /// The first moment of global time at which the node's clock shows `time`.
    private func global(_ time: Int64) -> Int64 {
        guard skew != 0 else { return time }
        let product = UInt64(time).multipliedFullWidth(by: rate)
        let (quotient, rest) = Self.million.dividingFullWidth(product)
        return Int64(quotient) + (rest > 0 ? 1 : 0)
    }

    private var rate: UInt64 { UInt64(Int64(Self.million) + skew) }

    // MARK: Calls of the scheduler and the world

    func append(_ work: Work) {
        queue.append(work)
        guard !isListed, !isPaused else { return }
        isListed = true
        scheduler.becameReady(self)
    }

    func takeNext() -> Work? {
        guard head < queue.count else { return nil }
        defer {
            head += 1
            if head == queue.count {
                queue.removeAll(keepingCapacity: true)
                head = 0
            }
        }
        return queue[head]
    }

    func leftReady() {
        isListed = false
    }

    func pause() {
        isPaused = true
    }

    func resume() {
        isPaused = false
        guard !isListed, head < queue.count else { return }
        isListed = true
        scheduler.becameReady(self)
    }

    func die() {
        isDead = true
        isPaused = false
    }
}
