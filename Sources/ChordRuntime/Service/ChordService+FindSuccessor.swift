// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import NIOConcurrencyHelpers

/// FindSuccessor: answered from the published view, or forwarded on the connection's executor.
extension ChordService {
    func findSuccessor(
        _ bytes: UnsafeRawBufferPointer,
        _ call: inout ServerCall
    ) -> HandlerOutcome {
        // The common case: the request holds only an identifier, and this node knows its owner.
        if let id = FindSuccessorRequest.soleIdentifier(in: bytes, space: space),
            published.current.answer(id, hops: 0, appendingTo: &call.reply)
        {
            return .replied
        }
        let request: FindSuccessorRequest
        do throws(WireError) {
            request = try FindSuccessorRequest(decoding: bytes, space: space)
        } catch {
            return .failed(Status(.invalidArgument, "\(error)"))
        }
        let snapshot = published.current
        let view = snapshot.view
        guard view.isMember else { return .failed(view.notMember) }
        if let receiver = request.receiver, receiver != view.node.id {
            return .failed(view.moved(from: receiver))
        }
        if let joiner = request.joiner, let refusal = refusal(of: joiner, in: request, call.peer) {
            return .failed(refusal)
        }
        if request.iterative { return iterativeStep(request, view, &call) }

        if request.joiner == nil, !request.wantPath,
            snapshot.answer(request.id, hops: request.hops, appendingTo: &call.reply)
        {
            return .replied
        }
        let most = limits.hopBudget ?? LookupMachine.defaultHopBudget(width: space.width)
        let budget = min(request.hopBudget ?? most, most)
        let machine = LookupMachine(
            target: request.id,
            joiner: request.joiner,
            hops: request.hops,
            hopBudget: budget,
            avoiding: request.excluded,
            // A joiner's lookup goes by the pointers, and must not use up the question that one lookup may ask.
            silent: request.joiner == nil
                ? lookups.silent.toGoAround(at: call.executor.now) : []
        )
        return forward(machine, wantsPath: request.wantPath, &call)
    }

    /// The first node of a lookup compares the joiner's claim with its certificate. Further nodes
    /// trust the forwarding node, and accept such requests from nodes only.
    private func refusal(
        of joiner: NodeReference,
        in request: FindSuccessorRequest,
        _ peer: PeerIdentity
    ) -> Status? {
        guard joiner.id == request.id else {
            let width = shell.parameters.space.width
            return Status(
                .invalidArgument,
                "\(joiner.name) joins at \(joiner.id.hexadecimal(width: width)) and must look that up,"
                    + " not \(request.id.hexadecimal(width: width))"
            )
        }
        guard request.hops > 0, peer.role == .node else {
            return refusal(of: joiner, asking: request.parameters)
                ?? shell.refusal(of: joiner, claimedBy: peer, as: "joiner")
        }
        return nil
    }

    /// A joiner of version 0.1 does not say which ring it wants to join, and takes a ring whose parameters it
    /// knows only in part for its own. INVALID_ARGUMENT makes it stop with the message.
    private func refusal(of joiner: NodeReference, asking theirs: RingParameters?) -> Status? {
        let ours = published.current.view.parameters
        if let theirs {
            return ours.difference(from: theirs).map { Status(.invalidArgument, $0) }
        }
        guard ours.needsNewerProgram else { return nil }
        let needs =
            ours.store.map { "has the store \($0)" }
            ?? "gives each node one of \(ours.placements) places"
        return Status(
            .invalidArgument,
            "the ring \(ours.ring) \(needs), and the program of \(joiner.name) is of version 0.1, which "
                + "does not know that: replace it with the version of the other members"
        )
    }

    private func forward(
        _ machine: LookupMachine,
        wantsPath: Bool,
        _ call: inout ServerCall
    ) -> HandlerOutcome {
        let executor = call.executor
        let longest = executor.now + limits.longestDeadline
        let deadline = min(call.deadline ?? executor.now + limits.deadline, longest)
        let responder = call.makeResponder()
        let space = space
        let run = RecursiveLookup(
            machine,
            wantsPath: wantsPath,
            deadline: deadline,
            context: lookups,
            executor: executor
        ) { result, raw in
            switch result {
            case .success(let reply): responder.succeed(raw ?? reply.encoded(in: space))
            case .failure(let status): responder.fail(status)
            }
        }
        responder.onCancel { run.cancel() }
        responder.accept()
        run.start()
        return .deferred
    }

    private func iterativeStep(
        _ request: FindSuccessorRequest,
        _ view: RoutingView,
        _ call: inout ServerCall
    ) -> HandlerOutcome {
        var reply: FindSuccessorReply
        switch view.step(for: request.id, excluding: request.excluded, joiner: request.joiner) {
        case .owner(let owner):
            reply = view.reply(owner: owner)
        case .forward(let closer):
            reply = FindSuccessorReply(owner: nil, answering: view.node)
            reply.closer = closer
        case .nameTaken(let node): return .failed(LookupFailure.nameTaken(node).status(in: view))
        case .exhausted: return .failed(LookupFailure.exhausted.status(in: view))
        case .notMember: return .failed(view.notMember)
        }
        reply.hops = request.hops
        reply.encode(appendingTo: &call.reply, space: space)
        return .replied
    }
}

/// A routing view with the replies that follow from it, encoded once. Most lookups that end at this
/// node ask for one of two owners. Most state queries come from neighbours and get the same reply
/// again.
final class EncodedRoutingView: Sendable {
    let view: RoutingView
    /// The reply to GetSuccessorList.
    let stateReply: [UInt8]
    /// The reply to GetPredecessor.
    let predecessorReply: [UInt8]
    /// The reply to FindSuccessor for identifiers that this node owns, without hops and path.
    private let ownReply: PreparedFindSuccessorReply
    /// The same for identifiers that the successor owns; nil if this node is alone.
    private let successorReply: PreparedFindSuccessorReply?
    /// The range of this node, and the end of its successor's range. Nil while this node is not a
    /// member.
    private let ownRange: IdentifierRange?
    private let successorRange: IdentifierRange?

    init(_ view: RoutingView) {
        self.view = view
        let space = view.parameters.space
        stateReply = GetSuccessorListReply(
            state: view.state,
            parameters: view.parameters,
            isHeadUnreached: view.unreachedHead != nil,
            capabilities: .own
        ).encoded(in: space)
        predecessorReply = GetPredecessorReply(predecessor: view.predecessor).encoded(in: space)
        ownReply = PreparedFindSuccessorReply(view.reply(owner: view.node), space: space)
        successorReply = view.successors.first.map {
            PreparedFindSuccessorReply(view.reply(owner: $0), space: space)
        }
        ownRange = view.ownsRange ? view.range : nil
        successorRange =
            view.isMember
            ? view.successors.first.map { IdentifierRange(after: view.node.id, through: $0.id) }
            : nil
    }

    /// Appends the prepared reply to a lookup of `id`, if
    /// ``RoutingView/step(for:excluding:joiner:)`` would name this node or its successor. Only the
    /// hop count differs between calls.
    ///
    /// - Returns: false if the lookup must be forwarded.
    func answer(_ id: Identifier, hops: Int, appendingTo output: inout [UInt8]) -> Bool {
        if let ownRange, ownRange.contains(id) {
            ownReply.encode(hops: hops, appendingTo: &output)
            return true
        }
        if let successorRange, let successorReply, successorRange.contains(id) {
            successorReply.encode(hops: hops, appendingTo: &output)
            return true
        }
        return false
    }
}

extension RoutingView {
    /// The reply that names `owner`, with the owner's successors as far as this node knows them.
    func reply(owner: NodeReference) -> FindSuccessorReply {
        var following = successors
        if owner.id != node.id {
            let index = following.firstIndex { $0.id == owner.id }
            following.removeFirst(index.map { $0 + 1 } ?? 0)
            // If the list is short, the circle continues with this node.
            if following.count + 1 < parameters.successorCount { following.append(node) }
        }
        // One entry less than a full list: every node can name that many after its own successor.
        // The reply therefore does not depend on the node that gives it.
        return FindSuccessorReply(
            owner: owner,
            successors: Array(following.prefix(parameters.successorCount - 1)),
            answering: node
        )
    }
}

/// The view that requests are answered from, on any thread.
final class PublishedView: Sendable {
    private let box: NIOLockedValueBox<EncodedRoutingView>

    init(_ view: RoutingView) {
        box = NIOLockedValueBox(EncodedRoutingView(view))
    }

    var current: EncodedRoutingView { box.withLockedValue { $0 } }

    func publish(_ view: RoutingView) {
        let snapshot = EncodedRoutingView(view)
        box.withLockedValue { $0 = snapshot }
    }
}
