// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine
import NIOConcurrencyHelpers
import Synchronization

/// Calls that many callers make at the same time, for a while.
///
/// A closed load has each caller make its next call when the last one has ended. An open load has a call begin at each
/// of the times that the rate gives, and its time counts from then, also when all callers are busy: what a slow answer
/// makes others wait is not left out.
final class BenchLoad: Sendable {
    /// What came of the calls.
    struct Tally {
        var times = LatencyHistogram()
        /// Calls that failed, by message.
        var failures: [String: Int] = [:]
        /// Time over which calls were counted.
        var measured: Duration = .zero

        var failed: Int { failures.values.reduce(0, +) }
    }

    /// Makes the call with a number.
    typealias Call = @Sendable (ChordClient, _ number: Int) async throws -> Void

    private let settings: BenchSettings
    private let call: Call
    private let tallies: [NIOLockedValueBox<Tally>]
    private let next = Atomic<Int>(0)
    private let clock = ContinuousClock()

    init(_ settings: BenchSettings, _ call: @escaping Call) {
        self.settings = settings
        self.call = call
        tallies = (0..<settings.connections).map { _ in NIOLockedValueBox(Tally()) }
    }

    /// All that was counted so far.
    var tally: Tally {
        var sum = Tally()
        for each in tallies {
            each.withLockedValue { tally in
                sum.times.add(tally.times)
                sum.failures.merge(tally.failures, uniquingKeysWith: +)
                sum.measured = max(sum.measured, tally.measured)
            }
        }
        return sum
    }

    /// Makes calls until the time is over, or the task is cancelled.
    ///
    /// - Parameter clients: as many as there are connections.
    func run(with clients: [ChordClient]) async {
        let start = clock.now
        let counted = start + settings.warmUp
        let end = counted + settings.duration
        await withTaskGroup(of: Void.self) { callers in
            for (client, tally) in zip(clients, tallies) {
                for _ in 0..<settings.callers {
                    callers.addTask { [self] in
                        await makeCalls(
                            with: client,
                            from: start,
                            counting: counted,
                            until: end,
                            in: tally
                        )
                    }
                }
            }
        }
    }

    private func makeCalls(
        with client: ChordClient,
        from start: ContinuousClock.Instant,
        counting counted: ContinuousClock.Instant,
        until end: ContinuousClock.Instant,
        in tally: NIOLockedValueBox<Tally>
    ) async {
        while !Task.isCancelled {
            let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
            var began = clock.now
            if let rate = settings.rate {
                let due = start + .seconds(Double(number) / rate)
                guard due < end else { return }
                if due > began {
                    do { try await clock.sleep(until: due) } catch { return }
                }
                began = due
            }
            guard began < end else { return }
            var failure: String?
            do {
                try await call(client, number)
            } catch is CancellationError {
                return
            } catch {
                failure = CommandFailure(explaining: error).message
            }
            let now = clock.now
            guard began >= counted else { continue }
            tally.withLockedValue { tally in
                tally.measured = max(tally.measured, min(now, end) - counted)
                guard let failure else { return tally.times.add(now - began) }
                tally.failures[failure, default: 0] += 1
            }
        }
    }
}
