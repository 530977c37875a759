// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// All jobs of all nodes of one run, on one thread and one virtual clock. Each node has its own
/// executor, which runs its jobs in order. The next executor is chosen at random.
///
/// `@unchecked Sendable`: all except the detector is used only on the thread that drives the run.
package final class SimulationScheduler: @unchecked Sendable {
    package let detector = EscapeDetector()
    /// Virtual nanoseconds since the start.
    private(set) var now: Int64 = 0
    /// The number of jobs that ran.
    private(set) var workCount = 0
    var hash = TraceHash()
    /// The executor whose job runs; nil for events of the world.
    private(set) var current: SimulatedExecutor?
    /// Called after each job of a node.
    var afterWork: ((SimulatedExecutor) -> Void)?

    /// The randomness that chooses the next executor. The order of timers that are due together has
    /// its own.
    private var turns: SeededGenerator
    private var ties: SeededGenerator
    private var ready: [SimulatedExecutor] = []
    private var turn: SimulatedExecutor?
    private var timers = TimerHeap()
    private var lastTimer: UInt64 = 0

    package init(seed: UInt64) {
        turns = SeededGenerator(seed: seed ^ 0x7363_6865_6475_6C65)
        ties = SeededGenerator(seed: seed ^ 0x7469_6D65_7273)
    }

    // MARK: Driving

    /// Makes the caller's thread the one that drives the run while `body` runs.
    package func drive<Value>(_ body: () throws -> Value) rethrows -> Value {
        detector.begin()
        defer { detector.end() }
        return try body()
    }

    /// Runs ready jobs and due timers up to a moment, while `goesOn` returns true.
    ///
    /// - Returns: whether the moment was reached.
    func run(until end: Int64, while goesOn: () -> Bool) -> Bool {
        while goesOn() {
            if runReady() { continue }
            guard let due = timers.nextDue, due <= end else {
                now = max(now, end)
                return true
            }
            fireNext()
        }
        return false
    }

    /// Runs `body` as a job of `executor`, at once.
    func run<Value>(as executor: SimulatedExecutor, _ body: () -> Value) -> Value {
        let former = current
        current = executor
        defer { current = former }
        return body()
    }

    /// Runs all jobs of one executor and nothing else.
    func drain(_ executor: SimulatedExecutor) {
        while let work = executor.takeNext() { run(work, of: executor) }
    }

    /// Releases everything that is still to come.
    func letGo() {
        timers.removeAll()
        ready = []
        turn = nil
    }

    // MARK: Calls of executors

    /// An executor has a job to run.
    func becameReady(_ executor: SimulatedExecutor) {
        ready.append(executor)
    }

    /// Schedules `work` of an executor, or of the world, at a moment.
    @discardableResult
    func schedule(
        at due: Int64,
        for executor: SimulatedExecutor?,
        _ work: @escaping @Sendable () -> Void
    ) -> SimulatedTimer {
        let timer = SimulatedTimer(executor, work)
        lastTimer += 1
        timers.push(timer, at: max(now, due), order: ties.next() << 32 | lastTimer)
        return timer
    }

    // MARK: Steps

    /// Runs one turn: all jobs of one executor that are ready. Nodes affect each other only by
    /// messages, which take time, so a turn needs no interruption.
    private func runReady() -> Bool {
        while true {
            if let executor = turn, !executor.isPaused, let work = executor.takeNext() {
                run(work, of: executor)
                return true
            }
            turn?.leftReady()
            turn = nil
            guard !ready.isEmpty else { return false }
            let index = ready.count == 1 ? 0 : Int(turns.below(UInt64(ready.count)))
            ready.swapAt(index, ready.count - 1)
            turn = ready.removeLast()
        }
    }

    private func fireNext() {
        guard let (due, timer) = timers.pop() else { return }
        now = max(now, due)
        guard let work = timer.take() else { return }
        guard let executor = timer.executor else { return runWorld(work) }
        if executor.isDead { return }
        if executor.isPaused { return executor.append(.closure(work)) }
        run(.closure(work), of: executor)
    }

    private func runWorld(_ work: () -> Void) {
        workCount += 1
        hash.mix(now)
        work()
    }

    private func run(_ work: SimulatedExecutor.Work, of executor: SimulatedExecutor) {
        workCount += 1
        current = executor
        switch work {
        case .closure(let closure):
            hash.mix(now)
            hash.mix(UInt64(executor.number))
            closure()
        case .job(let job):
            // The optimiser decides how many jobs a task consists of. Their total effect does not
            // depend on it.
            job.runSynchronously(
                isolatedTo: executor.asUnownedSerialExecutor(),
                taskExecutor: executor.asUnownedTaskExecutor()
            )
        }
        current = nil
        afterWork?(executor)
    }
}
