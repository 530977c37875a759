// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What a founder has found out about the others, and by that which decisions count: its own and theirs.
///
/// A decision makes a node a member of a ring with everybody that the decision names. So no founder is taken
/// on anybody's word, its own included: it counts once a connection of ours to its address, which is one of
/// our own initial ring, has shown who lives there. A value; times are those of one monotonic clock.
package struct FounderRegister: Hashable, Sendable {
    private struct Founder: Hashable {
        var node: NodeReference
        var time: Duration
    }

    /// What becomes of a decision that another founder has made.
    package enum Verdict: Hashable, Sendable {
        /// The ring begins with these.
        case accept([NodeReference])
        /// These addresses are to be reached first; then the decision is judged again.
        case reach([String])
        /// It is no decision about this node.
        case reject
    }

    /// How long what was reached or decided counts. Longer bridges lost answers; shorter leaves less time
    /// for a founder to have gone since.
    private let lifetime: Duration
    private var reached: [String: Founder] = [:]
    private var pending: [NodeReference] = []
    private var pendingSince = Duration.zero

    /// A register in which what was reached counts for `lifetime`.
    package init(lifetime: Duration) {
        self.lifetime = lifetime
    }

    /// A connection of ours to an address has shown who lives there.
    package mutating func reached(_ node: NodeReference, at address: String, now: Duration) {
        guard node.address == address else { return }
        reached[address] = Founder(node: node, time: now)
    }

    /// A founder says who it is. That proves nothing, except that what was reached before may be over.
    ///
    /// - Returns: whether it is to be reached.
    package mutating func heard(_ node: NodeReference, now: Duration) -> Bool {
        if let known = reached[node.address]?.node, known != node { reached[node.address] = nil }
        return isMissing(node.address, now: now)
    }

    /// Whether the founder at an address has not been reached a short while ago. Not in the same moment: one
    /// lost answer among many would make all founders wait; and not ever: it may be gone since.
    private func isMissing(_ address: String, now: Duration) -> Bool {
        reached[address].map { now - $0.time > lifetime } ?? true
    }

    /// Of these addresses, those whose founders have not been reached a short while ago.
    package func missing(of addresses: [String], now: Duration) -> [String] {
        addresses.filter { isMissing($0, now: now) }
    }

    /// The founders at these addresses, as they were reached.
    package func nodes(at addresses: [String]) -> [NodeReference] {
        addresses.compactMap { reached[$0]?.node }
    }

    /// Judges what another founder has decided, or, without one, the last decision that had to wait.
    ///
    /// - Parameters:
    ///   - decided: all founders, as the one that decided names them.
    ///   - node: this node, in this life: a decision about a former life is none about this one.
    ///   - founders: the addresses of this node's own initial ring, sorted.
    ///   - isPlaced: whether a node stands where the ring's rule puts it.
    package mutating func judge(
        _ decided: [NodeReference]? = nil,
        for node: NodeReference,
        among founders: [String],
        now: Duration,
        isPlaced: (NodeReference) -> Bool
    ) -> Verdict {
        let isNew = decided != nil
        let ring = decided ?? (now - pendingSince <= lifetime ? pending : [])
        guard ring.contains(node), ring.map(\.address).sorted() == founders,
            Set(ring.map(\.id)).count == ring.count, ring.allSatisfy(isPlaced)
        else { return .reject }
        let others = ring.filter { $0 != node }
        let unknown = missing(of: others.map(\.address), now: now)
        if !unknown.isEmpty {
            if isNew { (pending, pendingSince) = (ring, now) }
            return .reach(unknown)
        }
        // What answered there is somebody else, or in another life: the decision names nobody that exists.
        guard others.allSatisfy({ reached[$0.address]?.node == $0 }) else { return .reject }
        pending = []
        return .accept(ring)
    }
}
