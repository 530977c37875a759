// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The actions that a ``FoundingMachine`` asks its caller to carry out.
package enum FoundingDirective: Sendable {
    /// Answer "busy" to queries from now on: call ``ChordMachine/beginFounding()``.
    case prepare
    /// Call the founder at an address in a round, and answer ``FoundingMachine/answered(_:at:inRound:now:)``.
    case call(address: String, round: Int)
    /// Call the founder at an address outside of the rounds, and answer
    /// ``FoundingMachine/reached(_:at:now:)``.
    case reach(address: String)
    /// Take this node's place in the ring of these, each at its own: call ``ChordMachine/move(to:)`` and
    /// ``ChordMachine/found(with:)``. Founding is over.
    case begin([NodeReference])
    /// Tell a founder which ring has begun. The answer does not matter.
    case tell(NodeReference, ring: [NodeReference])
    /// This node is the only founder: begin a ring of one. Founding is over.
    case beginAlone
    /// A ring exists already: call ``ChordMachine/ceaseFounding()`` and join it through these, in the time
    /// that is left; nil stands for ever.
    case join(through: [String], limit: Duration?)
    /// Call ``FoundingMachine/timerFired(now:)`` after a duration.
    case retry(after: Duration)
    /// Tell an operator which founders are missing.
    case report(missing: [String])
    /// A founder does not answer as a founder yet.
    case passOver(address: String, JoinError)
    /// Founding has failed. The contacts are the founders that did not answer.
    case giveUp(JoinError, contacts: [JoinContact])
}
