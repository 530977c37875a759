// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire

/// The part of a lookup that runs among nodes of other implementations: an ``OwnerSearch`` with its
/// calls.
///
/// `@unchecked Sendable`: every method runs on `executor`, which runs one thing at a time.
final class ForeignLookup: @unchecked Sendable {
    typealias Completion = @Sendable (Result<FindSuccessorReply, Status>) -> Void

    /// The nodes that were dead or not members.
    private(set) var gone: [Identifier] = []

    private let states: StateQuerier
    private let view: RoutingView
    private let deadline: MonotonicTime
    private let floor: Duration
    private let executor: any NodeExecutor
    private var search: OwnerSearch
    private var completion: Completion?
    private var saying: PeerRequest?
    /// The error of the last call that failed.
    private var lastFailure = Status(.unavailable, "no node of another implementation answers")

    init(
        _ search: OwnerSearch,
        view: RoutingView,
        states: StateQuerier,
        floor: Duration,
        deadline: MonotonicTime,
        executor: any NodeExecutor,
        completion: @escaping Completion
    ) {
        self.search = search
        self.view = view
        self.states = states
        self.floor = floor
        self.deadline = deadline
        self.executor = executor
        self.completion = completion
    }

    func start() {
        advance()
    }

    /// Ends the lookup without an answer.
    func cancel() {
        completion = nil
        saying?.cancel()
    }

    private func advance() {
        guard completion != nil else { return }
        guard executor.now < deadline else {
            return finish(
                .failure(Status(.deadlineExceeded, "no owner before the deadline", origin: .local))
            )
        }
        switch search.step() {
        case .ask(let node): ask(node)
        case .jump(let node): jump(from: node)
        case .found(let owner, let before): finish(.success(reply(owner, before)))
        case .fail: finish(.failure(lastFailure))
        }
    }

    private func ask(_ node: NodeReference) {
        // This node knows its own state without a call.
        if node.id == view.node.id, view.isMember {
            search.answered(view.state)
            return advance()
        }
        // The timeout is that of maintenance, because a wrong verdict `dead` would change the
        // result.
        let options = CallOptions(
            deadline: deadline,
            floor: max(floor, states.peers.limits.maintenanceFloor)
        )
        saying = states.ask(node, options, isCertain: true, on: executor) { [self] answer in
            saying = nil
            guard completion != nil else { return }
            switch answer {
            case .state(let state) where state.node.id == node.id && state.node.name == node.name:
                search.answered(state)
            case .busy:
                // The node may be the owner, and only its own answer can tell.
                return finish(
                    .failure(Status(.unavailable, "\(node) does not tell whether it is a member"))
                )
            case .dead, .notMember, .unreached, .state:
                lastFailure = Status(
                    .unavailable,
                    "\(node) is dead or not a member: \(answer.kind)"
                )
                gone.append(node.id)
                search.failed(node.id)
            }
            advance()
        }
    }

    private func jump(from node: NodeReference) {
        // Our own implementation can be asked for any identifier.
        let isOurs = states.peers.dialects.dialect(of: node.address) == .native
        guard let question = isOurs ? search.target : harmlessQuestion(to: node) else {
            search.jumped(to: nil)
            return advance()
        }
        // The first sign of such a peer is its answer, which other nodes may delay. Half of the
        // time is kept for the rest of the lookup. A request that loops ends at the deadline that
        // it carries.
        let patience = (deadline - executor.now) / 2
        var options = CallOptions(deadline: executor.now + patience, floor: floor)
        options.foreignPatience = patience
        options.only = isOurs ? .native : nil
        saying = states.peers.say(
            .owner(of: question),
            to: PeerTarget(node),
            in: states.parameters,
            options,
            on: executor
        ) { [self] said in
            saying = nil
            guard completion != nil else { return }
            var hint: NodeReference?
            if said.result.status.isOK {
                let named = try? said.dialect.owner(from: said.answers, in: states.parameters)
                hint = named.flatMap { states.isRightlyPlaced($0) ? $0 : nil }
            }
            search.jumped(to: hint)
            advance()
        }
    }

    /// The identifier that a node of another implementation is asked to look up. Nil if it must not
    /// be asked.
    ///
    /// A lookup of a member's identifier can crash such a node. It is therefore asked for an
    /// identifier a little before the target, chosen at random so that an attacker cannot predict
    /// it. It is asked only far from the target and in rings that are not small. Narrow identifiers
    /// are excluded: the chosen identifier could be a member's, and such rings are small enough to
    /// walk.
    private func harmlessQuestion(to node: NodeReference) -> Identifier? {
        let space = states.parameters.space
        guard search.isFar, space.width >= 32 else { return nil }
        var generator = executor.generator
        let most = UInt64(1) << UInt64(min(space.width, 64) / 2)
        let distance = Identifier(UInt64.random(in: 1..<most, using: &generator))
        let id = space.subtracting(search.target, distance)
        return id.isBetween(node.id, and: search.target) && !search.knows(id) ? id : nil
    }

    private func reply(_ owner: RingState, _ before: RingState?) -> FindSuccessorReply {
        let answering = before ?? owner
        let following = owner.successors.filter { $0.id != owner.node.id }
        return FindSuccessorReply(
            owner: owner.node,
            successors: Array(following.prefix(states.parameters.successorCount - 1)),
            answering: answering.node,
            answeringSuccessors: search.joiner == nil ? [] : answering.successors
        )
    }

    private func finish(_ result: Result<FindSuccessorReply, Status>) {
        let completion = completion.take()
        completion?(result)
    }
}
