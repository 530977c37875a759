// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// A fault of nodes or of the network between them. Nodes are numbered: `n7` is 7.
package enum Fault: Hashable, Sendable {
    /// The process ends without telling any node.
    case crash(Int)
    /// A node that is down starts again under its name, with an empty memory.
    case restart(Int, via: Int)
    /// A crash, followed by a restart after some time.
    case bounce(Int, down: Duration)
    /// The process, its clock and its timers stop. Later it continues with all that has arrived
    /// meanwhile.
    case pause(Int, for: Duration)
    /// A new node joins.
    case join(Int, id: Identifier, via: Int)
    /// A second process starts under the name of a node, at an address of its own. Only in rings that give
    /// each node several places.
    case twin(Int, of: Int, via: Int)
    /// A node starts that claims an identifier which is none of its places. Only in such rings.
    case intrude(Int, at: Identifier, via: Int)
    /// A member leaves with Leave calls.
    case leave(Int)
    /// No message passes between the two groups.
    case partition([Int], [Int])
    /// No message passes from the first group to the second.
    case partitionOneway([Int], [Int])
    /// No call from the first group to the second succeeds, and open ones are cut. Calls in the
    /// other direction and their answers pass.
    case firewall([Int], [Int])
    /// All messages pass between the two groups again.
    case repair([Int], [Int])
    /// All messages pass again.
    case repairAll
    /// Messages from one node to another are held back.
    case hold(from: Int, to: Int)
    /// Messages held back are delivered.
    case release(from: Int, to: Int)
    /// A client asks a node for the owner of an identifier.
    case lookup(at: Int, Identifier)

    /// Whether the fault can make a node take a live node for dead, or hear of it too late.
    var misleads: Bool {
        switch self {
        case .crash, .restart, .bounce, .join, .intrude, .leave, .lookup: false
        // One of the two lives stops, at any moment.
        case .twin, .pause, .partition, .partitionOneway, .firewall, .repair, .repairAll, .hold,
            .release:
            true
        }
    }
}

/// A fault and its time since the start of the run.
package struct TimedFault: Hashable, Sendable {
    package var time: Duration
    package var fault: Fault

    package init(at time: Duration, _ fault: Fault) {
        self.time = time
        self.fault = fault
    }
}
