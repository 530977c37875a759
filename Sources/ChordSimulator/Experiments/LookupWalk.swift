// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// An iterative lookup over the members' states at one moment, as in the simulator of the Chord
/// papers. The caller visits one node after the other and remembers those that did not answer. At
/// the end it calls the named owner. If the owner does not answer, the list of the node that named
/// it gives the next one.
struct LookupWalk {
    /// Which node names the owner.
    enum Ending {
        /// The member just before the key, as in our nodes.
        case atPredecessor
        /// The first member whose successor list reaches past the key, as in the papers' simulator.
        case inList
    }

    /// The nodes that answered, starting with the caller. The last one named the owner.
    private(set) var path: [NodeReference]
    /// Calls without an answer.
    private(set) var timeouts = 0
    /// Those among them that were made on the way, and not to the named owner.
    private(set) var askedDead = 0
    /// The owner that the last node named, whether it answers or not.
    private(set) var named: NodeReference?
    /// The node that answered as the owner; nil if none did.
    private(set) var owner: NodeReference?

    /// The number of hops.
    var forwardings: Int { path.count - 1 }

    /// The number of nodes that answered after the caller, including the owner. The papers count
    /// these as hops if nodes fail.
    var contacts: Int {
        guard let owner, let last = path.last else { return forwardings }
        return owner.id == last.id ? forwardings : forwardings + 1
    }

    /// - Parameter view: the state of a member; nil for a node that is not a member, which counts
    ///   as a timeout.
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
                // No node from there to the end of the list answers. Nodes further on know more.
                for id in silent { lookup.exclude(id) }
            }
            switch lookup.step(in: here) {
            case .fail: return
            case .answer(let named):
                self.named = named
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
                    askedDead += 1
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
    /// The first of the successors at or after an identifier, if the list reaches that far.
    fileprivate func listedOwner(of id: Identifier) -> NodeReference? {
        range.contains(id) ? node : successors.first { id.isIn(after: node.id, through: $0.id) }
    }
}
