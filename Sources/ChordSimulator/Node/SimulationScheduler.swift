// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// All work of all nodes of one run, on one thread and one virtual clock. Each node has an executor of
/// its own here, which runs its work in order; whose turn is next, chance decides.
///
/// `@unchecked Sendable`: all but the detector is touched on the thread that drives the run only.
package final class SimulationScheduler: @unchecked Sendable {
    package let detector = EscapeDetector()
    /// Virtual nanoseconds since the start.
    private(set) var now: Int64 = 0
    /// Pieces of work that ran.
    private(set) var workCount = 0
    var hash = TraceHash()
    /// Whose work runs; nil for the world's.
    private(set) var current: SimulatedExecutor?
    /// Runs after each piece of work of a node.
    var afterWork: ((SimulatedExecutor) -> Void)?

    /// What decides whose turn it is, and apart from it the order of timers that are due together.
    private var turns: SimulationGenerator
    private var ties: SimulationGenerator
    private var ready: [SimulatedExecutor] = []
    private var turn: SimulatedExecutor?
    private var timers = TimerHeap()
    private var lastTimer: UInt64 = 0

    package init(seed: UInt64) {
        turns = SimulationGenerator(seed: seed ^ 0x7363_6865_6475_6C65)
        ties = SimulationGenerator(seed: seed ^ 0x7469_6D65_7273)
    }

    // MARK: Driving

    /// Makes the caller's thread the one on which everything happens, for as long as `body` runs.
    package func drive<Value>(_ body: () throws -> Value) rethrows -> Value {
        detector.begin()
        defer { detector.end() }
        return try body()
    }

    /// Runs what is ready and what becomes due up to a moment, as long as `goesOn`.
    ///
    /// - Returns: whether it came to that moment.
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

    /// Runs `body` as a piece of work of `executor`, at once.
    func run<Value>(as executor: SimulatedExecutor, _ body: () -> Value) -> Value {
        let former = current
        current = executor
        defer { current = former }
        return body()
    }

    /// Runs all that one executor has to do and nothing else.
    func drain(_ executor: SimulatedExecutor) {
        while let work = executor.takeNext() { run(work, of: executor) }
    }

    /// Lets go of everything that is still to come.
    func letGo() {
        timers.removeAll()
        ready = []
        turn = nil
    }

    // MARK: What executors say

    /// An executor has got something to do.
    func becameReady(_ executor: SimulatedExecutor) {
        ready.append(executor)
    }

    /// Runs `work` of an executor, or of the world, at a moment.
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

    /// Runs a piece of work of whose turn it is. A turn lasts until there is nothing left to do: nodes
    /// hear of each other by messages only, and those take time.
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
            // Into how many jobs a task falls apart depends on the optimiser; what they do does not.
            job.runSynchronously(
                isolatedTo: executor.asUnownedSerialExecutor(),
                taskExecutor: executor.asUnownedTaskExecutor()
            )
        }
        current = nil
        afterWork?(executor)
    }
}
