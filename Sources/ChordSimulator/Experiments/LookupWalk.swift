// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// An iterative lookup over the members' states at one moment, as the simulator of the Chord papers does
/// it: the asker goes from node to node, remembers who did not answer, and in the end calls the owner
/// that was named. Where that one does not answer either, the list of who named it says who is next.
struct LookupWalk {
    /// Who names the owner.
    enum Ending {
        /// The member right before the key, as in our nodes.
        case atPredecessor
        /// The first member whose successor list reaches past the key, as in the papers' simulator.
        case inList
    }

    /// Those that answered on the way, the asker first; the last one named the owner.
    private(set) var path: [NodeReference]
    /// Calls that nobody answered.
    private(set) var timeouts = 0
    /// Who answered as the owner; nil where nobody did.
    private(set) var owner: NodeReference?

    /// The times that the lookup was forwarded.
    var forwardings: Int { path.count - 1 }

    /// The nodes that answered after the asker, the owner included: what the papers count as hops where
    /// nodes fail.
    var contacts: Int {
        guard let owner, let last = path.last else { return forwardings }
        return owner.id == last.id ? forwardings : forwardings + 1
    }

    /// - Parameter view: the state of a member; nil of who is none, whose silence is a timeout.
    init(
        _ target: Identifier,
        from start: RoutingView,
        ending: Ending = .atPredecessor,
        view: (NodeReference) -> RoutingView?
    ) {
        path = [start.node]
        let budget = LookupMachine.defaultHopBudget(width: start.parameters.space.width)
        var here = start
        var silent: [Identifier] = []
        var lookup = LookupMachine(target: target, hopBudget: budget)
        while true {
            if ending == .inList, let named = here.listedOwner(of: target) {
                call(named, after: here, &silent, view)
                if owner != nil { return }
                // Nobody from there to the end of the list answers: somebody further on knows more.
                for id in silent { lookup.exclude(id) }
            }
            switch lookup.step(in: here) {
            case .fail: return
            case .answer(let named):
                call(named, after: here, &silent, view)
                return
            case .ask(let next):
                if let there = view(next) {
                    here = there
                    path.append(next)
                    lookup = LookupMachine(target: target, hops: forwardings, hopBudget: budget)
                    for id in silent { lookup.exclude(id) }
                } else {
                    timeouts += 1
                    silent.append(next.id)
                    lookup.exclude(next.id)
                }
            }
        }
    }

    private mutating func call(
        _ named: NodeReference,
        after member: RoutingView,
        _ silent: inout [Identifier],
        _ view: (NodeReference) -> RoutingView?
    ) {
        let rest = member.successors.drop { $0.id != named.id }.dropFirst()
        for candidate in [named] + rest where !silent.contains(candidate.id) {
            if candidate.id == member.node.id || view(candidate) != nil {
                owner = candidate
                return
            }
            timeouts += 1
            silent.append(candidate.id)
        }
    }
}

extension RoutingView {
    /// The first of the successors at or after an identifier, as far as the list reaches.
    fileprivate func listedOwner(of id: Identifier) -> NodeReference? {
        range.contains(id) ? node : successors.first { id.isIn(after: node.id, through: $0.id) }
    }
}
