// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// What can happen to a simulated store at random.
package enum StoreFault: String, CaseIterable, Hashable, Sendable, Comparable {
    case crash
    /// A node, or all of them, crash within a moment after a snapshot has come or a range was split.
    case ambush
    /// All nodes lose their power at once, maybe several times in a row.
    case powerCut = "power cut"
    case slowDisks = "slow disks"
    /// Committed entries wait before they are applied.
    case slowRows = "slow rows"
    case fullDisk = "full disk"
    case lostDisk = "lost disk"
    /// One row of a node cannot be read any more.
    case damagedRow = "damaged row"
    case pause
    /// All links of a node, or about half of them.
    case cutNode = "cut node"
    /// One link, in one direction or in both.
    case cutLink = "cut link"
    /// The ring falls into parts that merge again.
    case partition
    case lossyNetwork = "lossy network"
    /// Data of ranges take long.
    case slowSnapshots = "slow snapshots"
    /// A node leaves the ring, or comes back.
    case membership
    /// A node comes, is a member for long enough that ranges are split at its identifier, and goes.
    case passingMember = "passing member"
    /// The number of replicas of some or all ranges is set anew.
    case replicas = "number of replicas"

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// What a crash waits for, so that it comes at the moment at which it does most harm.
enum StoreAmbush: CaseIterable {
    /// The data of a range have come to a node.
    case snapshot
    /// A range was split.
    case split
}

/// How often each fault happens in one run.
///
/// The mix is drawn for each run anew, and leaves some faults out. Runs in which a few faults meet often reach
/// states that runs with a little of everything do not [Groce et al., Swarm Testing, 2012].
struct StoreFaultMix {
    private var faults: [(fault: StoreFault, weight: UInt64)] = []
    private var sum: UInt64 = 0
    /// Out of 100 events so many end a fault instead: a node starts again, or links come back.
    let repairPercent: UInt64
    /// Out of 100 events so many follow the one before within a moment.
    let burstPercent: UInt64

    /// - Parameter required: a fault that every run has.
    init(requiring required: StoreFault? = nil, using generator: inout SeededGenerator) {
        repairPercent = 15 + generator.below(25)
        burstPercent = generator.below(60)
        while faults.count < 4 {
            faults = []
            for fault in StoreFault.allCases {
                let isChosen = generator.below(2) == 0
                let weight = 1 + generator.below(4)
                if fault == required {
                    faults.append((fault, 4))
                } else if isChosen {
                    faults.append((fault, weight))
                }
            }
        }
        sum = faults.reduce(0) { $0 + $1.weight }
    }

    /// The next fault; nil where a fault ends instead.
    func next(using generator: inout SeededGenerator) -> StoreFault? {
        if generator.below(100) < repairPercent { return nil }
        var place = generator.below(sum)
        for (fault, weight) in faults {
            if place < weight { return fault }
            place -= weight
        }
        return nil
    }

    /// Time until the next event.
    func pause(using generator: inout SeededGenerator) -> Duration {
        let isBurst = generator.below(100) < burstPercent
        return .milliseconds(Int64(generator.below(isBurst ? 600 : 9000)))
    }
}
