// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Identifies one question of the machine. Its answer carries the same token.
package struct Token: Hashable, Sendable, CustomStringConvertible {
    let number: UInt64

    /// The token's number.
    package var description: String { "#\(number)" }
}

/// The actions that the machine asks its shell to carry out. The shell passes the results back; it
/// decides nothing.
package enum Directive: Hashable, Sendable {
    /// Ask a node for its state, and answer ``ChordMachine/receive(_:for:)`` under the token, always.
    case askState(Token, NodeReference)
    /// Tell a node that we may be its predecessor.
    case notify(NodeReference)
    /// Tell our predecessor that our state, which it copies, has changed; it then asks us again.
    case nudge(NodeReference)
    /// Look up the owner of an identifier, and answer ``ChordMachine/resolveFinger(_:for:)``.
    case findFinger(Token, Identifier)
    /// Tell a node that this node leaves.
    case sendLeave(NodeReference, LeaveNotice)
    /// Look up the member right before this node's identifier, through a node that may be of another ring,
    /// and answer ``ChordMachine/resolvePlace(_:for:)``, always.
    case findPlace(Token, via: NodeReference)
    /// Tell a member that we may be its successor.
    case offer(NodeReference)
    /// Tell a member that `contact` is of another ring, so that it looks up its own place there.
    case meet(NodeReference, contact: NodeReference)
    /// Run a maintenance round soon and not only at the next tick.
    case roundSoon
    /// The routing view changed: publish it.
    case publish
    /// Something happened that may matter to an embedder or an operator.
    case report(RingEvent)
    /// Look up the owner of another place of this node, and answer
    /// ``ChordMachine/resolveRival(_:for:)``.
    case findRival(Token, Identifier)
    /// A peer names a newer incarnation of this node. At our own address it is an earlier process:
    /// call ``ChordMachine/raiseIncarnation(above:)`` if the number is plausible. At another
    /// address it may be a rival: find out whether it is alive.
    case verifyRival(NodeReference)
}

/// The result of asking a node for its state.
package enum StateAnswer: Hashable, Sendable {
    /// The node is a member and this is its state.
    case state(RingState)
    /// The node is alive but not a member: it is skipped and never counted as live.
    case notMember
    /// The node delays its answer during its own operation. Nothing is known; try again.
    case busy
    /// The node did not answer this node, but other members can reach it: it is alive, and a link
    /// is broken.
    case unreached
    /// The node did not answer.
    case dead
}

/// A change of a node's place in the ring, with its cause.
public enum RingEvent: Hashable, Sendable {
    /// The cause of the change.
    public enum Cause: String, Hashable, Sendable, CaseIterable {
        /// The node became a member.
        case joined
        /// A maintenance round found a nearer or newer neighbour.
        case stabilized
        /// Another node became the predecessor.
        case rectified
        /// A member of another ring joined this one: the rings had been split, or had never been connected.
        case merged
        /// A neighbour was found dead, or no longer a member; or the range belongs to the head, because the
        /// head cannot reach this node.
        case failed
        /// A neighbour announced that it leaves.
        case left
    }

    /// The node is a member now.
    case joined(RingState)
    /// The node's range has changed. `from` is nil when it joined, `to` when it left.
    case rangeChanged(from: IdentifierRange?, to: IdentifierRange?, cause: Cause)
    /// The predecessor has changed.
    case predecessorChanged(from: NodeReference, to: NodeReference, cause: Cause)
    /// The successor list has changed.
    case successorsChanged(from: [NodeReference], to: [NodeReference], cause: Cause)
    /// All known successors are gone: the ring may be split, or the node cut off.
    case successorsLost([NodeReference])
    /// The node has left.
    case left
}
