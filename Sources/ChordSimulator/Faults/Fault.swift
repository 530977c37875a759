// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// What is done to nodes and to the network between them. Nodes go by their numbers: `n7` is 7.
package enum Fault: Hashable, Sendable {
    /// The process ends without a word.
    case crash(Int)
    /// A node that is down starts again under its name, with an empty memory.
    case restart(Int, via: Int)
    /// A crash, and a restart after some time.
    case bounce(Int, down: Duration)
    /// The process stands still, its clock and its timers too, and then goes on with what has piled up.
    case pause(Int, for: Duration)
    /// A new node asks to join.
    case join(Int, id: Identifier, via: Int)
    /// A member leaves in an orderly way.
    case leave(Int)
    /// Nothing passes between the two groups.
    case partition([Int], [Int])
    /// Nothing passes from the first group to the second.
    case partitionOneway([Int], [Int])
    /// No call from the first group to the second comes about, and those that are open are cut; calls the
    /// other way go on, with their answers.
    case firewall([Int], [Int])
    /// Everything passes again between the two groups.
    case repair([Int], [Int])
    /// Everything passes again between all.
    case repairAll
    /// What goes from one node to another waits.
    case hold(from: Int, to: Int)
    /// What waits goes on.
    case release(from: Int, to: Int)
    /// A client asks a node for the owner of an identifier.
    case lookup(at: Int, Identifier)

    /// Whether it can make a node take a live one for dead, or hear somebody too late.
    var misleads: Bool {
        switch self {
        case .crash, .restart, .bounce, .join, .leave, .lookup: false
        case .pause, .partition, .partitionOneway, .firewall, .repair, .repairAll, .hold, .release:
            true
        }
    }
}

/// A fault with its moment, counted from the start of the run.
package struct TimedFault: Hashable, Sendable {
    package var time: Duration
    package var fault: Fault

    package init(at time: Duration, _ fault: Fault) {
        self.time = time
        self.fault = fault
    }
}
