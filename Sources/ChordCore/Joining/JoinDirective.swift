// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The actions that a ``JoinMachine`` asks its caller to carry out. A directive with a token is a
/// question: its answer is passed to the machine with the same token. The machine has at most one
/// open question.
package enum JoinDirective: Sendable {
    /// Why a node begins a ring instead of joining one.
    package enum Beginning: String, Hashable, Sendable {
        /// The node was never a member, and has no contact.
        case first
        /// The node was the only member of its ring.
        case onlyMember
        /// The node was a member, and no other member is left.
        case noMemberLeft
    }

    /// Ask the node at an address for its state and its ring's parameters.
    case askContact(Token, address: String)
    /// Ask the node at this node's place whether it is alive.
    case askHolder(Token, NodeReference)
    /// Look up the member before this node's place through a contact, as a joiner.
    case lookUpPlace(Token, via: String)
    /// Search the member before this node's place among members of another implementation.
    case searchPlace(Token, among: [NodeReference])
    /// Look up the member before each of this node's places through a contact, as a joiner, all of them
    /// together.
    case lookUpPlaces(Token, via: String, places: [NodeReference])
    /// Wait a random time within a duration, and then go on: nodes that join a small ring at one moment would all
    /// choose the same arc.
    case spread(within: Duration)
    /// Look up the owner of one of this node's places through a contact, not as a joiner.
    case lookUpOwner(Token, via: String, of: Identifier)
    /// Ask the node after this node's place for its state. The verdict `dead` must be certain.
    case reachHead(Token, NodeReference)
    /// Ask the member before this node's place for its state and its ring's parameters.
    case askMember(Token, NodeReference)
    /// A peer names an earlier incarnation of this node. Exceed it if it is plausible.
    case raiseIncarnation(above: UInt64)
    /// The ring has these parameters where the operator has set none: call ``ChordMachine/adopt(_:)``.
    case adopt(RingParameters)
    /// This node stands at this place from now on: call ``ChordMachine/move(to:)``.
    case takePlace(NodeReference)
    /// Join after a member: call ``ChordMachine/join(after:incarnationLimit:)``, and answer
    /// ``JoinMachine/joined(_:now:)`` or ``JoinMachine/placeChanged(now:)``.
    case join(after: RingState)
    /// Begin a ring. Joining is over.
    case create(Beginning)
    /// The attempt through a contact has failed; the next contact follows.
    case passOver(address: String, JoinError)
    /// Call ``JoinMachine/timerFired(now:)`` after a duration: all contacts are tried again.
    case retry(after: Duration)
    /// Call ``JoinMachine/joined(_:now:)`` after a duration, or earlier when the head has answered.
    case awaitHead(atMost: Duration)
    /// Tell an operator that no contact lets this node join yet.
    case report([JoinContact])
    /// The head has accepted this node as its predecessor. Joining is over.
    case finish
    /// Joining has failed. The contacts are the tried ones; empty if they do not matter.
    case giveUp(JoinError, contacts: [JoinContact])
}
