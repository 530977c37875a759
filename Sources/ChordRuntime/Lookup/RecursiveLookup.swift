// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire

/// A recursive lookup in progress at one node: a ``LookupMachine`` with its calls. It needs no
/// actor and no task, and runs on the executor where the request arrived.
///
/// `@unchecked Sendable`: every method runs on `executor`, which runs one thing at a time.
final class RecursiveLookup: @unchecked Sendable {
    typealias Completion = @Sendable (Result<FindSuccessorReply, Status>, _ raw: [UInt8]?) -> Void

    let context: Context
    let executor: any NodeExecutor
    let deadline: MonotonicTime
    let wantsPath: Bool
    var machine: LookupMachine
    var completion: Completion?
    /// The call in progress.
    private var first: Asked?
    /// Calls to other peers beside it, because the first is silent, and so on.
    private var hedges: [Asked] = []
    private var askedCount = 0
    /// One peer has answered, and whether to believe it is being found out.
    private var isJudging = false
    /// The part of the lookup among nodes of other implementations, once it has reached one.
    private var foreign: ForeignLookup?
    /// The state query to a member that an answer passes over.
    var inquiry: PeerRequest?
    private var pause: ScheduledWork?
    /// Why the last peer that answered did not help.
    private var lastRefusal: String?
    /// A peer's report that the joiner's name is taken. The report may be false, so other peers are
    /// asked. If none knows better, the joiner is told and asks the named node itself.
    private var nameTaken: Status?
    /// Known nodes that turned out to be dead or not members. They no longer contradict an answer.
    var doubted: [Identifier] = []
    /// Peers beside which others were asked. No others are asked through them.
    private var late: [Identifier] = []
    lazy var check = AnswerCheck(
        of: machine.target,
        joiner: machine.joiner?.id,
        isPlaced: context.states.isRightlyPlaced
    )
    /// Time until which a lookup without live candidates is retried. Half of the time is left to
    /// the caller, which may know another node.
    private let patience: MonotonicTime

    /// - Parameter completion: receives the reply, and its bytes if a peer's reply is passed on
    ///   unchanged.
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
        endCalls()
        foreign?.cancel()
        inquiry?.cancel()
    }

    /// Ends the lookup because its caller was cancelled; the caller still receives the end.
    func abandon() {
        finish(.failure(Status(.cancelled, "the caller cancelled the lookup", origin: .local)), nil)
        foreign?.cancel()
        inquiry?.cancel()
    }

    private func endCalls() {
        first.take()?.call?.cancel()
        endHedges()
    }

    private func endHedges() {
        for hedge in hedges { hedge.call?.cancel() }
        hedges = []
    }

    /// Takes the next step, unless a peer that was asked beside this one may still answer.
    private func advance() {
        guard first == nil, hedges.isEmpty else { return }
        let view = context.published.current.view
        switch machine.step(in: view, knowing: shortcut(in: view)) {
        case .answer(let owner):
            var reply = view.reply(owner: owner)
            reply.hops = machine.hops
            if machine.joiner != nil { reply.answeringSuccessors = view.state.successors }
            if wantsPath { reply.path = [view.node] }
            finish(.success(reply), nil)
        case .fail(.exhausted)
        where machine.hops == 0 && nameTaken == nil && executor.now + context.floor < patience:
            // Intermediate nodes fail at once, so that the node before them tries another path. The
            // first node has no other path, and the ring may soon be repaired, so it waits.
            pause = executor.schedule(after: context.floor) { [self] in
                guard completion != nil else { return }
                machine.startOver()
                advance()
            }
        case .fail(let failure):
            finish(.failure(nameTaken ?? failure.status(in: view, after: lastRefusal)), nil)
        case .ask(let peer):
            ask(peer, in: view.parameters)
        }
    }

    /// A member near the target that the node knows beside its table.
    private func shortcut(in view: RoutingView) -> NodeReference? {
        guard machine.mayTakeShortcuts else { return nil }
        let member = context.members.preceding(
            machine.target,
            after: view.node.id,
            at: executor.now
        )
        // A former life of this node at another place is this node, and others do not forward for us.
        guard let member, member.address != view.node.address,
            !context.peers.dialects.isForeign(member.address)
        else { return nil }
        return member
    }

    private func ask(_ peer: NodeReference, in parameters: RingParameters) {
        if context.peers.dialects.isForeign(peer.address) { return askForeign(peer) }
        askedCount += 1
        let number = askedCount
        first = Asked(number: number, peer: peer)
        context.hedges.forwarded()
        let call = send(number, to: peer, avoiding: machine.toAvoid, in: parameters)
        if first?.number == number { first?.call = call }
    }

    /// Asks the next best peer too: the last one that was asked is silent for longer than usual. Other lookups go
    /// around that one until it answers.
    private func askAnother(beside number: Int) {
        guard completion != nil, !isJudging, hedges.count < Self.hedgeLimit,
            let last = hedges.last ?? first, last.number == number
        else { return }
        let silent = last.peer
        let view = context.published.current.view
        var others = machine
        for id in machine.avoided + late + [silent.id] { others.exclude(id) }
        let peer: NodeReference
        switch others.step(in: view) {
        case .ask(let next): peer = next
        // The owner if the silent members have failed; it knows better whether it is.
        case .answer(let owner): peer = owner
        case .fail: return
        }
        guard peer.id != view.node.id, !context.peers.dialects.isForeign(peer.address),
            context.hedges.take(at: executor.now)
        else { return }
        late.append(silent.id)
        context.silent.add(silent.id, at: executor.now, isWhole: false)
        context.hedged()
        askedCount += 1
        let number = askedCount
        hedges.append(Asked(number: number, peer: peer))
        let call = send(number, to: peer, avoiding: others.toAvoid, in: view.parameters)
        if let place = hedges.firstIndex(where: { $0.number == number }) {
            hedges[place].call = call
        }
    }

    private func send(
        _ number: Int,
        to peer: NodeReference,
        avoiding avoided: [Identifier],
        in parameters: RingParameters
    ) -> WatchedCall {
        // A joiner's lookup follows the ring's own pointers, and asks silent nodes too.
        var hedge: (@Sendable () -> Void)?
        if machine.joiner == nil { hedge = { [self] in askAnother(beside: number) } }
        let request = FindSuccessorRequest(
            id: machine.target,
            hopBudget: machine.hopBudget,
            hops: machine.hops + 1,
            wantPath: wantsPath,
            joiner: machine.joiner,
            excluded: avoided,
            receiver: parameters.placements > 1 ? peer.id : nil
        )
        return context.peers.call(
            ChordMethods.findSuccessor,
            of: peer,
            message: request.encoded(in: parameters.space),
            deadline: answerDeadline,
            floor: context.floor,
            // Other nodes can be asked, so a stopped node must not cost the time of a full verdict.
            connectLimit: context.peers.limits.initial,
            hedge: hedge,
            on: executor
        ) { [self] result in
            answered(result, number, by: peer)
        }
    }

    /// The deadline of one peer's answer. It is passed on, so that the node just before a silent
    /// node gives up first and has time to ask another.
    var answerDeadline: MonotonicTime {
        let left = deadline - executor.now
        return left <= context.floor
            ? deadline : executor.now + max(context.floor, left * context.answerShare)
    }

    private func answered(_ result: ClientResult, _ number: Int, by peer: NodeReference) {
        if first?.number == number {
            first = nil
        } else if let place = hedges.firstIndex(where: { $0.number == number }) {
            hedges.remove(at: place)
        } else {
            // The call was ended.
            return
        }
        if result.status.origin == .peer || result.status.isOK { context.silent.remove(peer.id) }
        guard completion != nil, !isJudging else { return blame(peer, for: result.status) }
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
        endHedges()
        isJudging = true
        believe(reply, owner, result.message, by: peer)
    }

    /// Tells the node about a peer that is dead or no member.
    private func blame(_ peer: NodeReference, for status: Status) {
        // A missed deadline says nothing about the peer. The deadline may have been the caller's
        // own, and short. Or a node behind the peer used the time.
        let verdict = PeerLiveness(status)
        let isBlamed = verdict == .dead && status.isUnreachable
        if isBlamed || verdict == .notMember { context.suspect(peer.id) }
        if isBlamed { context.silent.add(peer.id, at: executor.now) }
    }

    private func failed(_ status: Status, at peer: NodeReference) {
        let isUnknown = status.origin == .peer && status.code == .unimplemented
        if isUnknown, context.peers.dialects.hasForeign {
            endCalls()
            return askForeign(peer)
        }
        blame(peer, for: status)
        if status.isOwnCancellation { return finish(.failure(status), nil) }
        guard executor.now < deadline else { return finish(.failure(Self.late), nil) }
        if status.isNameTaken, machine.joiner != nil { nameTaken = status }
        // UNAVAILABLE and ABORTED are ordinary and temporary: the peer found no live node, or
        // cannot answer now. Such a peer is excluded like a dead node or a node that is not a
        // member.
        let verdict = PeerLiveness(status)
        let isDead = verdict == .dead && status.isUnreachable
        let isForNow = status.code == .unavailable || status.code == .aborted
        if isDead || verdict == .notMember || isForNow {
            context.members.doubt(peer.id, at: executor.now)
            machine.exclude(peer.id)
            return advance()
        }
        refuse(peer, "\(status)")
    }

    /// A live peer did not help: it is not asked again, and the next best node is asked.
    func refuse(_ peer: NodeReference, _ reason: String) {
        context.members.doubt(peer.id, at: executor.now)
        context.refused(peer, reason)
        lastRefusal = "\(peer): \(reason)"
        machine.refuse(peer.id)
        isJudging = false
        guard executor.now < deadline else { return finish(.failure(Self.late), nil) }
        advance()
    }

    /// The largest number of peers that are asked beside the first one. Each costs a part of the budget.
    private static let hedgeLimit = 2

    private static let late = Status(
        .deadlineExceeded,
        "no owner before the deadline",
        origin: .local
    )

    /// Accepts the reply. Nodes at a wrong identifier are removed from its lists.
    func accept(
        _ original: FindSuccessorReply,
        _ message: [UInt8]?,
        by peer: NodeReference
    ) {
        var reply = original
        reply.successors = check.placed(reply.successors)
        reply.answeringSuccessors = check.placed(reply.answeringSuccessors)
        reply.path = reply.path.filter(context.states.isRightlyPlaced)
        learn(from: reply, of: peer)
        // The reply's bytes can be passed on unchanged if nothing was removed.
        let isWhole =
            reply.successors.count == original.successors.count
            && reply.answeringSuccessors.count == original.answeringSuccessors.count
            && reply.path.count == original.path.count
        if wantsPath { reply.path.insert(context.published.current.view.node, at: 0) }
        finish(.success(reply), isWhole && !wantsPath ? message : nil)
    }

    /// Remembers the members that an answer names.
    private func learn(from reply: FindSuccessorReply, of peer: NodeReference) {
        if let owner = reply.owner, context.members.hasJustHeard(of: owner.id, at: executor.now) {
            return
        }
        let own = context.published.current.view.node.id
        let named = [reply.owner, reply.answering].compactMap(\.self) + reply.successors
        context.members.learn(
            context.states.learnable(named.filter { $0.id != own }),
            from: peer,
            at: executor.now
        )
    }

    /// Continues among nodes of other implementations. They forward nothing for us: their answers
    /// need checks that only the caller can make.
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
                context.members.doubt(peer.id, at: executor.now)
                machine.exclude(peer.id)
                advance()
            }
        }
        foreign?.start()
    }

    private func finish(_ result: Result<FindSuccessorReply, Status>, _ raw: [UInt8]?) {
        pause?.cancel()
        // A first peer that was slower than another goes on: its answer or its silence says whether
        // lookups must go around it.
        if case .failure = result { endCalls() }
        let completion = completion.take()
        completion?(result, raw)
    }
}

extension Status {
    /// Whether a peer reports that the joining node is a member already.
    fileprivate var isNameTaken: Bool { origin == .peer && code == .alreadyExists }
}
