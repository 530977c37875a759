// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

// Reachability between nodes. The shells find it out by dials and indirect probes; here it is
// computed at once and without messages.

extension MachineWorld {
    /// Whether a call from one node to another would be answered.
    private func reaches(_ from: Int, _ to: Int) -> Bool {
        nodes[to].isUp && nodes[to].backlog == nil && network.passes(caller: from, called: to)
    }

    /// The verdict about a node that did not answer a state query.
    func verdict(of number: Int, under token: Token) -> StateAnswer {
        guard let peer = nodes[number].machine.peer(askedUnder: token),
            judge(peer, by: number) == .unreached
        else { return .dead }
        return .unreached
    }

    /// A node's verdict about another node that it asks, or that has notified it. The verdict is
    /// `dead` if neither the node nor enough of three others reach it.
    func judge(_ peer: NodeReference, by number: Int) -> StateAnswer {
        let asked = MachineNode.number(of: peer)
        guard !isTruthful, !isHealed, asked < nodes.count, nodes[asked].isUp else {
            // In a truthful run no link is broken, and a notifying node needs no further check.
            return isTruthful || isHealed ? .busy : .dead
        }
        if reaches(number, asked) { return .busy }
        let machine = nodes[number].machine
        var seen: Set<Identifier> = [machine.node.id, peer.id]
        let known = machine.successors.entries + [machine.predecessor] + machine.table.entries
        let helpers = known.filter { seen.insert($0.id).inserted }.prefix(ProbeRound.helperLimit)
        var round = ProbeRound(helpers: helpers.count)
        for helper in helpers {
            let other = MachineNode.number(of: helper)
            let answer = reaches(number, other) ? reaches(other, asked) : nil
            guard let verdict = round.take(answer) else { continue }
            return verdict == .reached ? .unreached : .dead
        }
        return .dead
    }
}
