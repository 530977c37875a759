// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire

/// Whether an answer is believed.
extension RecursiveLookup {
    /// Accepts a consistent answer, unless it contradicts a member that this node knows.
    func believe(
        _ reply: FindSuccessorReply,
        _ owner: NodeReference,
        _ message: [UInt8],
        by peer: NodeReference
    ) {
        let view = context.published.current.view
        var known = view.table.entries + [view.predecessor, view.node]
        var passedOver = check.passedOver(owner: owner, among: known)
        while let node = passedOver, wouldNotAnswer(node.id) {
            known.removeAll { $0.id == node.id }
            passedOver = check.passedOver(owner: owner, among: known)
        }
        guard let passedOver, doubted.count < Self.inquiryLimit else {
            return accept(reply, message, by: peer)
        }
        let objection = "\(AnswerObjection.passesOver(passedOver, named: owner))"
        guard passedOver.id != view.node.id else { return refuse(peer, objection) }
        // The known member may have died, which would make the peer right. It is asked.
        inquire(of: passedOver) { [self] answer in
            switch answer {
            case .state(let state) where state.node.id == passedOver.id:
                confirm(state, after: 1) { [self] owner in
                    guard let owner else { return refuse(peer, objection) }
                    context.refused(peer, objection)
                    accept(confirmed(owner), nil, by: owner.node)
                }
            case .busy, .unreached:
                refuse(peer, objection)
            case .dead, .notMember, .state:
                if answer == .dead { context.silent.add(passedOver.id, at: executor.now) }
                doubted.append(passedOver.id)
                context.suspect(passedOver.id)
                believe(reply, owner, message, by: peer)
            }
        }
    }

    /// Whether a member that an answer passes over need not be asked whether it is still there. One that is only
    /// slower than usual is asked: a liar could pass over it otherwise.
    private func wouldNotAnswer(_ id: Identifier) -> Bool {
        doubted.contains(id) || context.silent.wasSilent(id, at: executor.now)
    }

    /// Finds the owner among a live member and the members before it, by each member's own state.
    private func confirm(
        _ state: RingState,
        after questions: Int,
        _ completion: @escaping @Sendable (RingState?) -> Void
    ) {
        let range = IdentifierRange(after: state.predecessor.id, through: state.node.id)
        if range.contains(machine.target) { return completion(state) }
        let before = state.predecessor
        guard questions < Self.inquiryLimit, check.isNearer(before.id, than: state.node.id) else {
            return completion(nil)
        }
        inquire(of: before) { [self] answer in
            guard case .state(let state) = answer, state.node.id == before.id else {
                return completion(nil)
            }
            confirm(state, after: questions + 1, completion)
        }
    }

    private func inquire(
        of node: NodeReference,
        _ completion: @escaping @Sendable (StateAnswer) -> Void
    ) {
        let options = CallOptions(
            deadline: answerDeadline,
            floor: context.floor,
            connectLimit: context.peers.limits.initial
        )
        inquiry = context.states.ask(node, options, isCertain: false, on: executor) {
            [self] answer in
            inquiry = nil
            guard self.completion != nil else { return }
            completion(answer)
        }
    }

    /// The largest number of passed-over members that are asked. If more are dead in one arc, the
    /// answer is accepted.
    private static let inquiryLimit = 4

    private func confirmed(_ state: RingState) -> FindSuccessorReply {
        let count = context.published.current.view.parameters.successorCount
        return FindSuccessorReply(
            owner: state.node,
            successors: Array(
                state.successors.filter { $0.id != state.node.id }.prefix(count - 1)
            ),
            answering: state.node,
            hops: machine.hops + 1,
            path: wantsPath ? [state.node] : []
        )
    }
}
