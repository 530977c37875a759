// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

// The scripts' notation: nodes by their addresses, identifiers in decimal, a life after the first
// behind an apostrophe.

extension Ring {
    func text(of node: NodeReference) -> String {
        node.incarnation > 1 ? "\(node.address)'\(node.incarnation)" : node.address
    }

    func text(of nodes: some Sequence<NodeReference>) -> String {
        "[" + nodes.map { text(of: $0) }.joined(separator: " ") + "]"
    }

    func text(of id: Identifier) -> String { "\(id.word3)" }

    func text(of range: IdentifierRange?) -> String {
        guard let range else { return "nothing" }
        return "(\(text(of: range.lowerBound)), \(text(of: range.upperBound))]"
    }

    func text(of answer: StateAnswer) -> String {
        switch answer {
        case .state(let state):
            "pred \(text(of: state.predecessor)) succ \(text(of: state.successors))"
        case .notMember: "no member"
        case .busy: "busy"
        case .unreached: "reached by others only"
        case .dead: "dead"
        }
    }

    func text(of message: Message) -> String {
        let way = message.from == message.to ? message.to : "\(message.from) -> \(message.to)"
        return switch message.payload {
        case .ask: "[\(way)] state?"
        case .answer(_, let answer): "[\(way)] \(text(of: answer))"
        case .notify(let node): "[\(way)] notify \(text(of: node))"
        case .nudge(let node): "[\(way)] nudge \(text(of: node))"
        case .leave(let leaveNotice):
            "[\(way)] leave, succ \(text(of: leaveNotice.state.successors))"
                + (leaveNotice.lost.isEmpty ? "" : ", lost \(text(of: leaveNotice.lost))")
        case .round: "[\(way)] round"
        case .finger(_, let target): "[\(way)] finger \(text(of: target))"
        case .rival(_, let place): "[\(way)] rival \(text(of: place))"
        case .findPlace(_, let contact): "[\(way)] own place, through \(text(of: contact))?"
        case .offer(let node): "[\(way)] offer \(text(of: node))"
        case .meet(_, let contact): "[\(way)] meet \(text(of: contact))"
        case .joinQuestion(_, let question): "[\(way)] \(question.rawValue)"
        case .joinAnswer(_, let reply): "[\(way)] \(text(of: reply))"
        case .call(let call): "[\(way)] \(text(of: call))"
        case .callAnswer(let reply, _): "[\(way)] \(text(of: reply))"
        }
    }

    /// The directive in short; nil for what says nothing by itself.
    func text(of directive: Directive) -> String? {
        switch directive {
        case .publish: nil
        case .askState(_, let peer): "asks \(text(of: peer))"
        case .notify(let peer): "notifies \(text(of: peer))"
        case .nudge(let peer): "nudges \(text(of: peer))"
        case .findFinger(_, let target): "seeks finger \(text(of: target))"
        case .findRival(_, let place): "seeks a rival at \(text(of: place))"
        case .findPlace(_, let contact): "seeks its place through \(text(of: contact))"
        case .offer(let peer): "offers itself to \(text(of: peer))"
        case .meet(let peer, let contact): "tells \(text(of: peer)) of \(text(of: contact))"
        case .sendLeave(let peer, _): "takes leave of \(text(of: peer))"
        case .roundSoon: "wants a round"
        case .verifyRival(let rival): "verifies rival \(text(of: rival))"
        case .report(.joined): "joined"
        case .report(.left): "left"
        case .report(.rangeChanged(_, let range, let cause)): "owns \(text(of: range)), \(cause)"
        case .report(.predecessorChanged(_, let node, let cause)):
            "pred \(text(of: node)), \(cause)"
        case .report(.successorsChanged(_, let list, let cause)):
            "succ \(text(of: list)), \(cause)"
        case .report(.successorsLost(let list)): "lost \(text(of: list))"
        }
    }

    func text(of found: Found) -> String {
        let path = found.path.joined(separator: " > ")
        return switch found.outcome {
        case .success(let owner): "\(path): \(text(of: owner))"
        case .failure(let failure): "\(path): \(failure)"
        }
    }

    /// A node's state on one line.
    func show(_ address: String) -> String {
        guard let node = nodes[address] else { return "\(address) unknown" }
        let head = "\(text(of: node.reference))@\(text(of: node.reference.id))"
        guard node.isUp else { return "\(head) down" }
        let machine = node.machine
        guard machine.phase == .member else { return "\(head) \(machine.phase)" }
        return "\(head) pred \(text(of: machine.predecessor))"
            + " succ \(text(of: machine.successors.entries))"
            + " table \(text(of: machine.table.entries))" + (machine.isBusy ? " busy" : "")
    }
}
