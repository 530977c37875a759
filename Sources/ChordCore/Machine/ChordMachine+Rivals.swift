// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Two lives of one name. Of two live holders of a name the newer one stays, and the older one stops.
//
// In a ring with one place for each node, two lives of a node stand at one identifier, and each is named to the
// other by their neighbours (``ChordMachine/rivals(in:)``). With several places they may stand anywhere: two
// processes that join at one moment, or in the two parts of a ring that was split. So each node looks up its
// other places now and then, one after the other. The older life finds the newer one, tells its neighbours of
// it, and stops.

extension ChordMachine {
    /// A node's look for other lives of itself.
    struct RivalSearch: Hashable, Sendable {
        /// All places of this node; empty if it has one only.
        var places: [Identifier] = []
        /// The index of the place that is looked up next.
        var turn = 0
        var ticks = 0
        var token: Token?
        var place = Identifier.zero
    }

    /// The places of this node by the ring's rule, this node's own place among them.
    package mutating func look(forRivalsAt places: [Identifier]) {
        rivalSearch.places = places.count > 1 ? places : []
    }

    /// An interval has passed: one of the other places may be due.
    mutating func startRivalSearchIfDue() -> [Directive] {
        guard !rivalSearch.places.isEmpty else { return [] }
        rivalSearch.ticks += 1
        guard rivalSearch.token == nil, rivalSearch.ticks >= configuration.rivalTicks else {
            return []
        }
        rivalSearch.ticks = 0
        var place = node.id
        for _ in rivalSearch.places.indices where place == node.id {
            place = rivalSearch.places[rivalSearch.turn % rivalSearch.places.count]
            rivalSearch.turn += 1
        }
        guard place != node.id else { return [] }
        let token = nextToken()
        rivalSearch.token = token
        rivalSearch.place = place
        return [.findRival(token, place)]
    }

    /// Takes the owner of another place of this node; nil when the lookup failed. An answer with a stale token
    /// changes nothing.
    package mutating func resolveRival(
        _ owner: NodeReference?,
        for token: Token
    ) -> [Directive] {
        guard phase == .member, rivalSearch.token == token else { return [] }
        rivalSearch.token = nil
        // An older life finds this one in the same way.
        guard let owner, owner.id == rivalSearch.place, owner.name == node.name,
            owner.outranks(node)
        else { return [] }
        return [.verifyRival(owner)]
    }

    /// Whether a node is an earlier life of this one that stood at another place. Others name it until they
    /// find out that it is gone.
    func isFormerLife(_ other: NodeReference) -> Bool {
        other.id != node.id && other.name == node.name && other.address == node.address
    }

    /// The neighbours that hear of a newer life of this node before this one stops. The two lives may be members
    /// of two parts of a ring, and this one the only node that knows both parts.
    package func neighboursToTell(of rival: NodeReference) -> [NodeReference] {
        guard phase == .member, configuration.merging.isOn else { return [] }
        var seen: Set<Identifier> = [node.id]
        return [successors.head, predecessor].compactMap { $0 }.filter {
            $0.address != rival.address && seen.insert($0.id).inserted
        }
    }

    /// Whether a state names a newer life of this node. At our own address it is a former one, whose
    /// incarnation ours must exceed; elsewhere it may be a live rival. The shell, which has a clock, decides
    /// whether the incarnation is plausible.
    func rivals(in state: RingState) -> [Directive] {
        let named = [state.predecessor] + state.successors
        let rival = named.first {
            guard $0.name == node.name else { return false }
            return $0.address == node.address
                ? $0.incarnation > node.incarnation : $0.outranks(node)
        }
        return rival.map { [.verifyRival($0)] } ?? []
    }
}
