// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordSimulator
import NIOConcurrencyHelpers

/// Runs many seeds on several threads until one fails. Each run uses one thread.
struct ParallelSweep {
    private struct State {
        var next: UInt64
        var sweep = SweepReport()
        var isOver = false
        var lastTold: ContinuousClock.Instant
    }

    let level: SimulationLevel
    let options: SwarmOptions
    let first: UInt64
    let count: Int
    let jobs: Int

    /// Runs the seeds.
    ///
    /// - Parameter tell: receives a progress line every few seconds.
    func run(tell: @escaping @Sendable (String) -> Void) async -> SweepReport {
        let start = ContinuousClock.now
        let state = NIOLockedValueBox(State(next: first, lastTold: start))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<jobs {
                group.addTask {
                    while let seed = claim(state) {
                        let report = level.run(seed: seed, options: options)
                        add(report, to: state, since: start, tell)
                    }
                }
            }
        }
        let sweep = state.withLockedValue { $0.sweep }
        tell(progress(sweep.seeds, since: start))
        return sweep
    }

    private func claim(_ state: NIOLockedValueBox<State>) -> UInt64? {
        state.withLockedValue { state in
            guard !state.isOver, state.next < first + UInt64(count) else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    private func add(
        _ report: SimulationReport,
        to state: NIOLockedValueBox<State>,
        since start: ContinuousClock.Instant,
        _ tell: (String) -> Void
    ) {
        let now = ContinuousClock.now
        let line = state.withLockedValue { state -> String? in
            state.sweep.add(report)
            if !report.holds { state.isOver = true }
            guard now - state.lastTold > .seconds(5) else { return nil }
            state.lastTold = now
            return progress(state.sweep.seeds, since: start)
        }
        if let line { tell(line) }
    }

    private func progress(_ seeds: Int, since start: ContinuousClock.Instant) -> String {
        let minutes = (ContinuousClock.now - start) / .seconds(60)
        let rate = minutes > 0 ? Int(Double(seeds) / minutes) : 0
        return "\(seeds) of \(count) seeds from \(first) on, \(rate) per minute"
    }
}
