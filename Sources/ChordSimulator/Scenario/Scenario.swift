// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// One run, described completely: the same scenario always gives the same events.
package struct Scenario: Hashable, Sendable {
    /// A node that exists from the start.
    package struct Founder: Hashable, Sendable {
        package var number: Int
        package var id: Identifier

        package init(number: Int, id: Identifier) {
            self.number = number
            self.id = id
        }
    }

    /// How the ring starts.
    package enum Birth: String, Hashable, Sendable, CaseIterable {
        /// The founders are an ideal ring from the first moment.
        case founded
        /// The first founder is alone, and the others join through it. The proof does not cover
        /// this phase until r + 1 nodes have joined. The invariant is checked once the ring is
        /// ideal for the first time.
        case grown
    }

    /// The behaviour of the network.
    package struct Network: Hashable, Sendable {
        package var delay = DelayDistribution.uniform(from: .milliseconds(1), to: .milliseconds(20))
        /// The fraction of messages that are lost.
        package var loss = 0.0
        /// The fraction of messages that arrive twice.
        package var duplication = 0.0
        /// Whether connections to a process that is down are refused. Otherwise calls to it time
        /// out, as with a machine that is down.
        package var refusesWhenDown = true
        /// Whether messages keep their delays after the repair. Otherwise they take a few
        /// milliseconds, so that the network does not disturb the ring any more.
        package var staysSlow = false

        package init() {}
    }

    /// The intervals of the node's shell that affect the machine.
    package struct Timing: Hashable, Sendable {
        package var stabilize: Duration = .seconds(1)
        /// The fraction by which each interval varies.
        package var jitter = 0.25
        package var promptDelay: Duration = .milliseconds(5)
        /// The peer timeout of state queries.
        package var peerTimeout: Duration = .seconds(1)
        /// The time without a sign after which a lookup tries the next best node.
        package var lookupTimeout: Duration = .milliseconds(250)
        package var lookupDeadline: Duration = .seconds(5)
        package var joinRetry: Duration = .milliseconds(100)
        package var joinRetryCap: Duration = .seconds(2)
        /// The largest relative error of the nodes' clocks. Each clock has its own rate.
        package var clockSkew = 0.0

        package init() {}
    }

    /// The seed of message delays, ticks and clients.
    package var seed: UInt64
    package var width: Int
    package var successorCount: Int
    package var queryMode: ChordMachine.QueryMode
    package var birth = Birth.founded
    /// Places that the ring gives to each node.
    package var placements = 1
    package var network = Network()
    package var timing = Timing()
    /// Whether failures that the proof does not admit are skipped.
    package var admitsOnly = true
    /// The mean time between two client lookups; zero stands for none.
    package var lookupInterval: Duration = .zero
    package var founders: [Founder]
    /// In order of time.
    package var faults: [TimedFault]
    /// The time of the repair, after which the ring is undisturbed.
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

    /// Whether only dead nodes are ever taken for dead: no message is lost, and every answer
    /// arrives before the peer timeout by every node's clock.
    package var isTruthful: Bool {
        let slowest = 1 + timing.clockSkew
        return network.loss == 0 && !faults.contains { $0.fault.misleads }
            && network.delay.limit * (2 * slowest * slowest) < timing.peerTimeout
    }

    /// Whether the proof covers the run.
    package var expectsInvariant: Bool { isTruthful && admitsOnly }
}
