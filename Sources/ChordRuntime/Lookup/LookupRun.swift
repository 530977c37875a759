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
final class LookupRun: @unchecked Sendable {
    /// What a lookup is part of.
    struct Context: Sendable {
        let published: PublishedView
        let states: PeerStates
        let floor: Duration
        /// Told of peers that are dead or no members.
        let suspect: @Sendable (Identifier) -> Void

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
    /// The lookup among nodes of another make, where it has come to one.
    private var foreign: ForeignLookup?
    private var pause: ScheduledWork?
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

    /// Nobody waits any more.
    func cancel() {
        completion = nil
        pause?.cancel()
        call?.cancel()
        foreign?.cancel()
    }

    /// The caller has changed its mind, and still is to be told the end.
    func abandon() {
        finish(.failure(Status(.cancelled, "the caller cancelled the lookup", origin: .local)), nil)
        call?.cancel()
        foreign?.cancel()
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
        case .fail(.exhausted) where machine.hops == 0 && executor.now + context.floor < patience:
            // Further on a lookup fails at once, so that whoever forwarded it tries another way. Here there
            // is none, and the ring may be about to mend itself.
            pause = executor.schedule(after: context.floor) { [self] in
                guard completion != nil else { return }
                machine.startOver()
                advance()
            }
        case .fail(let failure):
            finish(.failure(failure.status(in: view)), nil)
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
            deadline: deadline,
            floor: context.floor,
            // There are others to ask, and a stopped node must not cost as much as a verdict does.
            connectLimit: context.peers.limits.initial,
            on: executor
        ) { [self] result in
            answered(result, by: peer)
        }
    }

    private func answered(_ result: ClientResult, by peer: NodeReference) {
        call = nil
        guard completion != nil else { return }
        guard result.status.isOK else {
            let isUnknown = result.status.origin == .peer && result.status.code == .unimplemented
            if isUnknown, context.peers.dialects.hasForeign { return askForeign(peer) }
            // A deadline that passed says nothing about the peer: it may have been the caller's own and
            // short, or spent further on by somebody whom this peer waits for.
            let verdict = PeerVerdict(result.status)
            let isBlamed = verdict == .dead && result.status.isUnreachable
            if isBlamed || verdict == .notMember { context.suspect(peer.id) }
            if result.status.endsLookup { return finish(.failure(result.status), nil) }
            machine.exclude(peer.id)
            return advance()
        }
        let view = context.published.current.view
        do throws(WireError) {
            var reply = try FindSuccessorReply(
                decoding: result.message,
                space: view.parameters.space
            )
            guard reply.owner != nil else {
                throw WireError(.missing, "FindSuccessorReply.owner: it must name the owner")
            }
            guard wantsPath else { return finish(.success(reply), result.message) }
            reply.path.insert(view.node, at: 0)
            finish(.success(reply), nil)
        } catch {
            // What it sent makes no sense; it is asked no more, and the next best may do better.
            machine.exclude(peer.id)
            advance()
        }
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
            case .failure(let status):
                if status.code == .deadlineExceeded { return finish(.failure(status), nil) }
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

extension LookupFailure {
    /// The failure as a gRPC status.
    func status(in view: RoutingView) -> Status {
        switch self {
        case .hopBudgetSpent:
            Status(
                .resourceExhausted,
                "the lookup's hop budget is spent at \(view.node.name): the ring is not settled"
            )
        case .exhausted:
            Status(.unavailable, "\(view.node.name) found nobody alive to ask")
        case .notMember:
            view.notMember
        case .nameTaken(let node):
            Status(
                .alreadyExists,
                "\(node.name) at \(node.address) is a member at the same identifier"
            )
        }
    }
}

extension RoutingView {
    /// What a node that is no member answers to everything that only members can say.
    var notMember: Status {
        phase == .founding
            ? Status(.aborted, "\(node.name) waits for the other founders of the ring")
            : Status(.failedPrecondition, "\(node.name) is not a member of the ring")
    }
}

extension Status {
    /// Whether another peer's answer could not be better.
    var endsLookup: Bool {
        guard !isUnreachable else { return false }
        switch code {
        case .alreadyExists, .resourceExhausted, .deadlineExceeded, .invalidArgument:
            return true
        case .cancelled:
            // A peer that resets its stream with CANCEL has given up, and the next best has not.
            return origin == .local
        default:
            return false
        }
    }
}

/// What a failed call says about the peer.
enum PeerVerdict: Hashable {
    /// It did not answer.
    case dead
    /// It is alive, and no member of this ring.
    case notMember
    /// It is alive, and nothing else is known.
    case alive
    /// Nothing is known: this side gave up.
    case unknown

    init(_ status: Status) {
        switch status.origin {
        case .transport, .silence: self = .dead
        case .local: self = status.code == .deadlineExceeded ? .dead : .unknown
        case .peer:
            switch status.code {
            case .failedPrecondition, .unimplemented, .permissionDenied, .unauthenticated:
                self = .notMember
            default: self = .alive
            }
        }
    }
}
