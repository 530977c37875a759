// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A founder's knowledge about the other founders, which decides whether a decision counts, its own
/// or another founder's.
///
/// A decision makes a node a member of a ring with all nodes that the decision names. No node's
/// word is enough for this, not even the named founder's own. A founder counts only after a
/// connection of ours to its address has proved its identity, and that address must be in our
/// initial ring. It is a value; times are those of one monotonic clock.
package struct FounderRegister: Hashable, Sendable {
    private struct Founder: Hashable {
        var node: NodeReference
        var time: Duration
    }

    /// The verdict about another founder's decision.
    package enum Verdict: Hashable, Sendable {
        /// The ring begins with these nodes.
        case accept([NodeReference])
        /// These addresses must be reached first; then the decision is judged again.
        case reach([String])
        /// The decision is not valid for this node.
        case reject
    }

    /// How long a reached founder, or a decision, counts. A longer time bridges lost answers; a
    /// shorter one makes it less likely that the founder has ended since.
    private let lifetime: Duration
    private var reached: [String: Founder] = [:]
    private var pending: [NodeReference] = []
    private var pendingSince = Duration.zero

    /// A register in which reached founders count for `lifetime`.
    package init(lifetime: Duration) {
        self.lifetime = lifetime
    }

    /// A connection of ours to an address has proved the identity of the node there.
    package mutating func reached(_ node: NodeReference, at address: String, now: Duration) {
        guard node.address == address else { return }
        reached[address] = Founder(node: node, time: now)
    }

    /// A founder names itself. This proves nothing, except that an earlier proof may be outdated.
    ///
    /// - Returns: whether the founder must be reached.
    package mutating func heard(_ node: NodeReference, now: Duration) -> Bool {
        if let known = reached[node.address]?.node, known != node { reached[node.address] = nil }
        return isMissing(node.address, now: now)
    }

    /// Whether the founder at an address was not reached recently. The proof may be a little old,
    /// because otherwise one lost answer among many would make all founders wait. It may not be
    /// very old, because the founder may have ended since.
    private func isMissing(_ address: String, now: Duration) -> Bool {
        reached[address].map { now - $0.time > lifetime } ?? true
    }

    /// The addresses whose founders were not reached recently.
    package func missing(of addresses: [String], now: Duration) -> [String] {
        addresses.filter { isMissing($0, now: now) }
    }

    /// The founders at these addresses, as they were reached.
    package func nodes(at addresses: [String]) -> [NodeReference] {
        addresses.compactMap { reached[$0]?.node }
    }

    /// Judges another founder's decision or, without one, the last decision that had to wait.
    ///
    /// - Parameters:
    ///   - decided: all founders, as the deciding founder names them.
    ///   - node: this node, with its present incarnation. A decision about an earlier incarnation
    ///     does not count.
    ///   - founders: the addresses of this node's own initial ring, sorted.
    ///   - isPlaced: whether a node has the identifier that the ring's rule gives it.
    package mutating func judge(
        _ decided: [NodeReference]? = nil,
        for node: NodeReference,
        among founders: [String],
        now: Duration,
        isPlaced: (NodeReference) -> Bool
    ) -> Verdict {
        let isNew = decided != nil
        let ring = decided ?? (now - pendingSince <= lifetime ? pending : [])
        guard ring.contains(where: { $0.isSameLife(as: node) }),
            ring.map(\.address).sorted() == founders,
            Set(ring.map(\.id)).count == ring.count, ring.allSatisfy(isPlaced)
        else { return .reject }
        let others = ring.filter { !$0.isSameLife(as: node) }
        let unknown = missing(of: others.map(\.address), now: now)
        if !unknown.isEmpty {
            if isNew { (pending, pendingSince) = (ring, now) }
            return .reach(unknown)
        }
        // Another node, or another incarnation, answered at the address: the decision names a node
        // that does not exist.
        guard others.allSatisfy({ reached[$0.address]?.node.isSameLife(as: $0) == true }) else {
            return .reject
        }
        pending = []
        // As the founders name themselves: the deciding founder may be of version 1.
        return .accept(ring.map { reached[$0.address]?.node ?? node })
    }
}
