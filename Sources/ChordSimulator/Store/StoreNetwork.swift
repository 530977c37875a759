// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore

/// The network between simulated store nodes and clients: delays, losses and cuts.
final class StoreNetwork {
    private let scheduler: SimulationScheduler
    private var generator: SeededGenerator
    private let delays = DelayDistribution.exponential(
        mean: .milliseconds(1),
        limit: .milliseconds(50)
    )
    /// How many messages have been sent.
    private(set) var sent = 0
    /// Out of 1,000 messages so many are lost.
    var lossPermille = 0
    /// Out of 1,000 messages so many come twice.
    var repeatPermille = 0
    /// Links that are cut, by sender and receiver.
    private var cuts: Set<[String]> = []

    init(scheduler: SimulationScheduler, seed: UInt64) {
        self.scheduler = scheduler
        generator = SeededGenerator(seed: seed ^ 0x6E65_7477_6F72_6B)
    }

    func cut(from sender: String, to receiver: String) {
        cuts.insert([sender, receiver])
    }

    func healCuts() {
        cuts = []
    }

    /// Delivers after a random delay, or not at all.
    ///
    /// - Parameter time: how long the message takes besides, because it is long.
    /// - Returns: how often it will be delivered.
    @discardableResult
    func send(
        from sender: String,
        to receiver: String,
        after time: Int64 = 0,
        _ delivery: @escaping @Sendable () -> Void
    ) -> Int {
        sent += 1
        guard !cuts.contains([sender, receiver]) else { return 0 }
        if generator.below(1000) < UInt64(lossPermille) { return 0 }
        let copies = generator.below(1000) < UInt64(repeatPermille) ? 2 : 1
        for _ in 0..<copies {
            let delay = delays.sample(using: &generator)
            scheduler.schedule(at: scheduler.now + time + delay, for: nil, delivery)
        }
        return copies
    }
}
