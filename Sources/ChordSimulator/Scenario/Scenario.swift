// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// One run, written down in full: with the same scenario everything happens in the same way.
package struct Scenario: Hashable, Sendable {
    /// A node that is there from the start.
    package struct Founder: Hashable, Sendable {
        package var number: Int
        package var id: Identifier

        package init(number: Int, id: Identifier) {
            self.number = number
            self.id = id
        }
    }

    /// How the ring comes about.
    package enum Birth: String, Hashable, Sendable, CaseIterable {
        /// The founders are an ideal ring from the first moment.
        case founded
        /// The first founder is alone, and the others join through it. Outside of the proof until r + 1
        /// are in: the invariant is checked once the ring is ideal for the first time.
        case grown
    }

    /// What the network does to messages.
    package struct Network: Hashable, Sendable {
        package var delay = DelayDistribution.uniform(from: .milliseconds(1), to: .milliseconds(20))
        /// The share of messages that get lost.
        package var loss = 0.0
        /// The share of messages that arrive twice.
        package var duplication = 0.0
        /// Whether a process that is down refuses connections; otherwise its silence must be waited for,
        /// as with a machine that is down.
        package var refusesWhenDown = true
        /// Whether messages take as long as before once everything is repaired. Otherwise they take a few
        /// milliseconds, so that the ring is left alone by the network too.
        package var staysSlow = false

        package init() {}
    }

    /// The intervals of the node shell, as far as the machine's fate depends on them.
    package struct Timing: Hashable, Sendable {
        package var stabilize: Duration = .seconds(1)
        /// The share by which each interval varies.
        package var jitter = 0.25
        package var promptDelay: Duration = .milliseconds(5)
        /// Silence after which a node that was asked for its state counts as dead.
        package var peerTimeout: Duration = .seconds(1)
        /// Silence after which a lookup tries the next best node.
        package var lookupTimeout: Duration = .milliseconds(250)
        package var lookupDeadline: Duration = .seconds(5)
        package var joinRetry: Duration = .milliseconds(100)
        package var joinRetryCap: Duration = .seconds(2)
        /// Each node's clock runs at a rate of its own, up to this share faster or slower.
        package var clockSkew = 0.0

        package init() {}
    }

    /// What messages' delays, ticks and clients are drawn from.
    package var seed: UInt64
    package var width: Int
    package var successorCount: Int
    package var queryMode: ChordMachine.QueryMode
    package var birth = Birth.founded
    package var network = Network()
    package var timing = Timing()
    /// Whether crashes and departures that the proof does not admit are left out.
    package var admitsOnly = true
    /// The mean time between two lookups of clients; zero stands for none.
    package var lookupInterval: Duration = .zero
    package var founders: [Founder]
    /// In order of time.
    package var faults: [TimedFault]
    /// When everything is repaired and the ring is left alone.
    package var healTime: Duration

    package init(
        seed: UInt64,
        width: Int,
        successorCount: Int,
        queryMode: ChordMachine.QueryMode,
        founders: [Founder],
        faults: [TimedFault] = [],
        healTime: Duration = .seconds(5)
    ) {
        self.seed = seed
        self.width = width
        self.successorCount = successorCount
        self.queryMode = queryMode
        self.founders = founders
        self.faults = faults
        self.healTime = healTime
    }

    /// Whether a node is only ever taken for dead that is dead: nothing is lost, and every answer
    /// arrives before the silence is too long, by anybody's clock.
    package var isTruthful: Bool {
        let slowest = 1 + timing.clockSkew
        return network.loss == 0 && !faults.contains { $0.fault.misleads }
            && network.delay.limit * (2 * slowest * slowest) < timing.peerTimeout
    }

    /// Whether the run is one of those that the proof speaks about.
    package var expectsInvariant: Bool { isTruthful && admitsOnly }
}
