// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire

/// A recursive lookup under way at one node: a ``LookupMachine`` with the calls that it asks for. No
/// actor and no task: it runs on the executor where the question came from.
///
/// `@unchecked Sendable`: every method runs on `executor`, which runs one thing at a time.
final class RecursiveLookup: @unchecked Sendable {
    /// The node's parts that a lookup uses.
    struct Context: Sendable {
        let published: PublishedView
        let states: StateQuerier
        let floor: Duration
        /// The share of the time left that one peer gets for its answer.
        let answerShare: Double
        /// Told of peers that are dead or no members.
        let suspect: @Sendable (Identifier) -> Void
        /// Told of peers that are alive and give no answer that helps, and why.
        let refused: @Sendable (NodeReference, String) -> Void

        var peers: PeerCalls { states.peers }
    }

    typealias Completion = @Sendable (Result<FindSuccessorReply, Status>, _ raw: [UInt8]?) -> Void

    private let context: Context
    private let executor: any NodeExecutor
    private let deadline: MonotonicTime
    private let wantsPath: Bool
    private var machine: LookupMachine
    private var completion: Completion?
    private var call: WatchedCall?
    /// The lookup among nodes of another implementation, once it has come to one.
    private var foreign: ForeignLookup?
    /// The question whether a member that an answer passes over is alive.
    private var inquiry: PeerRequest?
    private var pause: ScheduledWork?
    /// Why the last peer that answered was of no help.
    private var lastRefusal: String?
    /// What a peer said of a joiner's name, if any did. It may lie, so others are asked; where nobody knows
    /// better the joiner is told, and asks the holder itself.
    private var nameTaken: Status?
    /// Known nodes that turned out to be dead or no members: they contradict no answer.
    private var doubted: [Identifier] = []
    private lazy var check = AnswerCheck(
        of: machine.target,
        joiner: machine.joiner?.id,
        isPlaced: context.states.isRightlyPlaced
    )
    /// Until when one that finds nobody alive starts over. Half of the time is left to the caller, who may
    /// know another node to ask.
    private let patience: MonotonicTime

    /// - Parameter completion: gets the answer, and its bytes where a peer gave it as it stands.
    init(
        _ machine: LookupMachine,
        wantsPath: Bool,
        deadline: MonotonicTime,
        context: Context,
        executor: any NodeExecutor,
        completion: @escaping Completion
    ) {
        self.machine = machine
        self.wantsPath = wantsPath
        self.deadline = deadline
        self.context = context
        self.executor = executor
        self.completion = completion
        patience = executor.now + (deadline - executor.now) / 2
    }

    func start() {
        advance()
    }

    /// Ends the lookup without an answer.
    func cancel() {
        completion = nil
        pause?.cancel()
        call?.cancel()
        foreign?.cancel()
        inquiry?.cancel()
    }

    /// The caller has changed its mind, and still is to be told the end.
    func abandon() {
        finish(.failure(Status(.cancelled, "the caller cancelled the lookup", origin: .local)), nil)
        call?.cancel()
        foreign?.cancel()
        inquiry?.cancel()
    }

    private func advance() {
        let view = context.published.current.view
        switch machine.step(in: view) {
        case .answer(let owner):
            var reply = view.reply(owner: owner)
            reply.hops = machine.hops
            if machine.joiner != nil { reply.answeringSuccessors = view.state.successors }
            if wantsPath { reply.path = [view.node] }
            finish(.success(reply), nil)
        case .fail(.exhausted)
        where machine.hops == 0 && nameTaken == nil && executor.now + context.floor < patience:
            // Further on a lookup fails at once, so that whoever forwarded it tries another way. Here there
            // is none, and the ring may be about to mend itself.
            pause = executor.schedule(after: context.floor) { [self] in
                guard completion != nil else { return }
                machine.startOver()
                advance()
            }
        case .fail(let failure):
            finish(.failure(nameTaken ?? failure.status(in: view, after: lastRefusal)), nil)
        case .ask(let peer):
            ask(peer, space: view.parameters.space)
        }
    }

    private func ask(_ peer: NodeReference, space: IdentifierSpace) {
        if context.peers.dialects.isForeign(peer.address) { return askForeign(peer) }
        let request = FindSuccessorRequest(
            id: machine.target,
            hopBudget: machine.hopBudget,
            hops: machine.hops + 1,
            wantPath: wantsPath,
            joiner: machine.joiner,
            excluded: machine.toAvoid
        )
        call = context.peers.call(
            ChordMethods.findSuccessor,
            of: peer,
            message: request.encoded(in: space),
            deadline: answerDeadline,
            floor: context.floor,
            // There are others to ask, and a stopped node must not cost as much as a verdict does.
            connectLimit: context.peers.limits.initial,
            on: executor
        ) { [self] result in
            answered(result, by: peer)
        }
    }

    /// Until when one peer may take for its answer. It is handed on, so that of all who wait for a silent
    /// node the one right before it gives up first, and has time to ask another.
    private var answerDeadline: MonotonicTime {
        let left = deadline - executor.now
        return left <= context.floor
            ? deadline : executor.now + max(context.floor, left * context.answerShare)
    }

    private func answered(_ result: ClientResult, by peer: NodeReference) {
        call = nil
        guard completion != nil else { return }
        guard result.status.isOK else { return failed(result.status, at: peer) }
        let view = context.published.current.view
        let reply: FindSuccessorReply
        do throws(WireError) {
            reply = try FindSuccessorReply(
                decoding: result.message,
                space: view.parameters.space
            )
        } catch {
            return refuse(peer, "\(error)")
        }
        guard let owner = reply.owner else { return refuse(peer, "the answer names no owner") }
        if let objection = check.objection(owner: owner, answering: reply.answering) {
            return refuse(peer, "\(objection)")
        }
        believe(reply, owner, result.message, by: peer)
    }

    private func failed(_ status: Status, at peer: NodeReference) {
        let isUnknown = status.origin == .peer && status.code == .unimplemented
        if isUnknown, context.peers.dialects.hasForeign { return askForeign(peer) }
        // A deadline that passed says nothing about the peer: it may have been the caller's own and
        // short, or spent further on by somebody whom this peer waits for.
        let verdict = PeerLiveness(status)
        let isBlamed = verdict == .dead && status.isUnreachable
        if isBlamed || verdict == .notMember { context.suspect(peer.id) }
        if status.isOwnCancellation { return finish(.failure(status), nil) }
        guard executor.now < deadline else { return finish(.failure(Self.late), nil) }
        if status.isNameTaken, machine.joiner != nil { nameTaken = status }
        // Whoever says that it found nobody alive, or that it cannot answer now, is passed over like a dead
        // one, and so is one that is no member: all of that is ordinary, and may soon be over.
        let isForNow = status.code == .unavailable || status.code == .aborted
        if isBlamed || verdict == .notMember || isForNow {
            machine.exclude(peer.id)
            return advance()
        }
        refuse(peer, "\(status)")
    }

    /// A live peer was of no help: it is not asked again, and the next best may do better.
    private func refuse(_ peer: NodeReference, _ reason: String) {
        context.refused(peer, reason)
        lastRefusal = "\(peer): \(reason)"
        machine.refuse(peer.id)
        guard executor.now < deadline else { return finish(.failure(Self.late), nil) }
        advance()
    }

    private static let late = Status(
        .deadlineExceeded,
        "no owner before the deadline",
        origin: .local
    )

    /// Takes an answer that does not contradict itself, unless it contradicts a member that this node knows.
    private func believe(
        _ reply: FindSuccessorReply,
        _ owner: NodeReference,
        _ message: [UInt8],
        by peer: NodeReference
    ) {
        let view = context.published.current.view
        var known = view.table.entries + [view.predecessor, view.node]
        if !doubted.isEmpty { known.removeAll { doubted.contains($0.id) } }
        let passedOver = check.passedOver(owner: owner, among: known)
        guard let passedOver, doubted.count < Self.inquiryLimit else {
            return accept(reply, message)
        }
        let objection = "\(AnswerObjection.passesOver(passedOver, named: owner))"
        guard passedOver.id != view.node.id else { return refuse(peer, objection) }
        // It may have died, and the peer be right: it is asked.
        inquire(of: passedOver) { [self] answer in
            switch answer {
            case .state(let state) where state.node.id == passedOver.id:
                confirm(state, after: 1) { [self] owner in
                    guard let owner else { return refuse(peer, objection) }
                    context.refused(peer, objection)
                    accept(confirmed(owner), nil)
                }
            case .busy, .unreached:
                refuse(peer, objection)
            case .dead, .notMember, .state:
                doubted.append(passedOver.id)
                context.suspect(passedOver.id)
                believe(reply, owner, message, by: peer)
            }
        }
    }

    /// Whether a live member owns the target, or one of those before it does, as each says itself.
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

    /// How many members that an answer passes over are asked. More dead ones than that in one arc, and the
    /// answer is taken as it is.
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

    /// The answer, without the nodes in its lists that do not stand where they must.
    private func accept(_ original: FindSuccessorReply, _ message: [UInt8]?) {
        var reply = original
        reply.successors = check.placed(reply.successors)
        reply.answeringSuccessors = check.placed(reply.answeringSuccessors)
        reply.path = reply.path.filter(context.states.isRightlyPlaced)
        // Nodes are only taken out.
        let isWhole =
            reply.successors.count == original.successors.count
            && reply.answeringSuccessors.count == original.answeringSuccessors.count
            && reply.path.count == original.path.count
        if wantsPath { reply.path.insert(context.published.current.view.node, at: 0) }
        finish(.success(reply), isWhole && !wantsPath ? message : nil)
    }

    /// Goes on among nodes of another make. They forward nothing for us: what they answer needs checks that
    /// only the asker can make.
    private func askForeign(_ peer: NodeReference) {
        let view = context.published.current.view
        let search = OwnerSearch(
            for: machine.target,
            from: [peer],
            known: view.table.entries + [view.predecessor, view.node],
            joiner: machine.joiner?.id,
            questionLimit: max(8, machine.hopBudget - machine.hops)
        )
        foreign = ForeignLookup(
            search,
            view: view,
            states: context.states,
            floor: context.floor,
            deadline: deadline,
            executor: executor
        ) { [self] result in
            for id in foreign?.gone ?? [] { context.suspect(id) }
            foreign = nil
            guard completion != nil else { return }
            switch result {
            case .success(var reply):
                reply.hops = machine.hops + 1
                if wantsPath { reply.path = [view.node, peer] }
                finish(.success(reply), nil)
            case .failure:
                guard executor.now < deadline else { return finish(.failure(Self.late), nil) }
                machine.exclude(peer.id)
                advance()
            }
        }
        foreign?.start()
    }

    private func finish(_ result: Result<FindSuccessorReply, Status>, _ raw: [UInt8]?) {
        pause?.cancel()
        let completion = completion.take()
        completion?(result, raw)
    }
}

extension Status {
    /// Whether a peer says that the joining node is a member already.
    fileprivate var isNameTaken: Bool { origin == .peer && code == .alreadyExists }
}
