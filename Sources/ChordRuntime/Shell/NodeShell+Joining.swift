// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import Logging

// Becoming a member, and ceasing to be one.

extension NodeShell {
    /// Makes this node the first of a new ring.
    package func create() {
        guard machine.phase == .notJoined else { return }
        reach.tenure.hold()
        perform(machine.create())
    }

    /// Makes this node the first of a new ring, and says so.
    func beginNewRing() {
        guard machine.phase == .notJoined else { return }
        logger.notice("began a new ring: this node was never a member, and was given no contact")
        create()
    }

    /// Joins the ring of whichever of `addresses` answers first as a member. All of them are tried in turn,
    /// with growing waits, until it works. Without any, a node that never was a member makes a new ring.
    ///
    /// A contact that is this node itself, no member, of another ring, silent, or no node at all is passed
    /// over; what each said is told in the end.
    ///
    /// - Parameters:
    ///   - limit: how long to go on trying; nil stands for ever. An attempt under way when it is over is
    ///     finished.
    ///   - former: members of the ring in a former life of this node. They are tried, too; and where nobody
    ///     is a member for a while, as all start again, this node begins the ring, and it merges with those
    ///     that others begin.
    ///   - hasBeenMember: whether this node was a member in a former life, which may have known nobody; nil
    ///     stands for whether there are former members.
    /// - Throws: `nameTaken` at once; `parametersDiffer` and `refused` where no contact says anything else,
    ///   as trying again would not help; `invalidConfiguration` where this node is its only contact;
    ///   `unreachable` when the node that is to come after this one cannot dial it;
    ///   `noContact` when the time is over, with a ``JoinFailure``; `stopped` when the node ended or the
    ///   task was cancelled meanwhile.
    package func join(
        through addresses: [String],
        for limit: Duration?,
        remembering former: [NodeReference] = [],
        hasBeenMember: Bool? = nil
    ) async throws(ChordError) {
        let hasBeenMember = hasBeenMember ?? !former.isEmpty
        var attempts = JoinAttempts(
            contacts: addresses,
            former: former.map(\.address),
            own: configuration.address
        )
        company.addresses = attempts.others
        guard !attempts.others.isEmpty else {
            guard !hasBeenMember else { return beginAgain(former) }
            guard addresses.isEmpty else { throw attempts.onlyItself }
            return beginNewRing()
        }
        let beginning = hasBeenMember ? executor.now + patience(among: former) : nil
        let deadline = limit.map { executor.now + $0 }
        var report = executor.now
        var wait = configuration.intervals.joinRetry
        while true {
            attempts.beginPass()
            for address in attempts.others {
                try checkMayJoin()
                guard machine.phase == .notJoined else { return }
                do throws(ChordError) {
                    if try await joinOnce(through: address, &attempts.hasHeardMember) {
                        return try await beTaken(by: deadline)
                    }
                    attempts.failed(address, ChordError(.noContact, "the ring changed meanwhile"))
                } catch {
                    // It has its list already, and was not taken.
                    if machine.phase != .notJoined { throw error }
                    try checkMayJoin()
                    if [.nameTaken, .unreachable].contains(error.code) { throw error }
                    attempts.failed(address, error)
                    logger.debug(
                        "cannot join through it yet",
                        metadata: [LogKeys.peer: "\(address)", LogKeys.error: "\(error)"]
                    )
                }
                if let deadline, executor.now >= deadline { break }
            }
            if let error = attempts.finalError { throw error }
            if let beginning, executor.now >= beginning, !attempts.hasHeardMember {
                guard machine.phase == .notJoined else { return }
                return beginAgain(former)
            }
            if let deadline, executor.now >= deadline { throw attempts.timeIsOver }
            if executor.now >= report {
                report = executor.now + configuration.intervals.joinReport
                logger.info(
                    "not a member yet: no contact lets this node join",
                    metadata: [LogKeys.error: "\(attempts.failure)"]
                )
            }
            // The last wait is shortened, so that the time is used to its end.
            await pause(deadline.map { min(wait, $0 - executor.now) } ?? wait)
            wait = min(wait * 2, configuration.intervals.joinRetryCap)
        }
    }

    /// Begins the ring anew of which this node was a member, as no other member is there.
    private func beginAgain(_ former: [NodeReference]) {
        logger.notice(
            former.isEmpty
                ? "this node was the only member of its ring, and begins it again"
                : "nobody is a member of the ring any more: this node begins it again"
        )
        create()
        remember(former)
    }

    /// This node has its list, and nobody knows of it. It is in once its head has taken it; otherwise it ends,
    /// as nobody else could reach it either.
    private func beTaken(by deadline: MonotonicTime?) async throws(ChordError) {
        do throws(ChordError) {
            try await waitUntilTaken(by: deadline)
        } catch {
            fail(error)
            throw error
        }
    }

    /// How long this node waits for former members before it begins the ring again. The first by name waits
    /// the shortest time, so that as a rule the others find it.
    private func patience(among former: [NodeReference]) -> Duration {
        let rank = former.count { $0.name < configuration.name }
        return configuration.intervals.stabilize * (2 + min(rank, 8))
    }

    func checkMayJoin() throws(ChordError) {
        if case .failed(let error) = end { throw error }
        if machine.phase == .left {
            throw ChordError(.stopped, "the node left before it had joined")
        }
        if Task.isCancelled { throw ChordError(.stopped, "joining was cancelled") }
    }

    /// One attempt.
    ///
    /// - Parameter hasHeardMember: set where the contact answers as a member.
    /// - Returns: false where the ring changed meanwhile, so that another attempt may do.
    private func joinOnce(
        through address: String,
        _ hasHeardMember: inout Bool
    ) async throws(ChordError) -> Bool {
        let space = configuration.parameters.space
        let contact = PeerTarget(bootstrap: address)
        if let said = await foreignState(of: contact) {
            hasHeardMember = true
            return try await joinForeign(through: contact, said)
        }
        let first = try await stateForJoin(of: contact)
        hasHeardMember = true
        try await refuseLiveHolder(among: [first.predecessor] + first.successors)
        let request = FindSuccessorRequest(id: machine.node.id, joiner: machine.node)
        let result = await peers.call(
            ChordMethods.findSuccessor,
            at: contact,
            message: request.encoded(in: space),
            timeout: configuration.lookups.deadline,
            on: executor
        )
        guard result.status.isOK else {
            if result.status.isNameTaken { return try await refuseClaimedHolder(through: contact) }
            throw ChordError(joining: result.status, at: address)
        }
        let reply: FindSuccessorReply
        do throws(WireError) {
            reply = try FindSuccessorReply(decoding: result.message, space: space)
        } catch {
            throw ChordError(.invalidAnswer, "the answer of \(address) to a lookup", cause: error)
        }
        try await refuseLiveHolder(among: reply.answeringSuccessors)
        let member = reply.answering
        guard isRightlyPlaced(member) else { return false }
        let list = admissible(reply.answeringSuccessors)
        let foreseen = RingState(node: member, predecessor: member, successors: list)
        let head = head(after: foreseen)
        if head.id != member.id { try await reachHead(head) }
        // The member itself, rather than what somebody says of it: its state in one answer.
        var state = try await memberState(of: member)
        guard state.node.id == member.id, state.node.name == member.name else { return false }
        try await refuseLiveHolder(among: state.successors)
        state.successors = admissible(state.successors)
        // Somebody has joined or gone meanwhile: its head is another, which has to be reached first.
        guard self.head(after: state).id == head.id else { return false }
        guard machine.phase == .notJoined, end == nil else { return false }
        guard
            let directives = machine.join(
                after: state,
                incarnationLimit: latestIncarnation(.ofOurselves)
            )
        else { return false }
        perform(directives)
        return true
    }

    /// Who comes after this node when it joins after a member.
    func head(after state: RingState) -> NodeReference {
        state.successors.first { $0.id != machine.node.id } ?? state.node
    }

    /// A joiner reaches its head before it is a member: otherwise it would begin with a head that it takes for
    /// dead.
    func reachHead(_ head: NodeReference) async throws(ChordError) {
        let (answer, status) = await withCheckedContinuation { continuation in
            let failureDetection = configuration.failureDetection
            let options = CallOptions(
                deadline: executor.now + failureDetection.cap + failureDetection.connect,
                floor: failureDetection.maintenanceFloor
            )
            states.ask(head, options, isCertain: true, on: executor) {
                continuation.resume(returning: ($0, $1))
            }
        }
        switch answer {
        case .state(let state) where state.node.name == head.name: return
        case .busy: return
        case .dead, .unreached:
            throw ChordError(
                .noContact,
                "\(head) is to come after this node, and this node cannot reach it: \(status.message)"
            )
        case .notMember, .state:
            throw ChordError(
                .noContact,
                "\(head) is to come after this node, and is no member of the ring now"
            )
        }
    }

    /// Whether a node stands where this one is to stand: under its name at another address, or under
    /// another name whose hash is the same.
    private func isHolder(_ node: NodeReference) -> Bool {
        let isOurName = node.name == configuration.name
        guard isOurName || node.id == machine.node.id else { return false }
        return !isOurName || node.address != configuration.address
    }

    /// Asks the members that stand in this node's place. One that answers keeps it; one that does not is
    /// what is left of a former life.
    func refuseLiveHolder(among nodes: [NodeReference]) async throws(ChordError) {
        for former in nodes where former.name == configuration.name {
            raiseIncarnation(above: former.incarnation)
        }
        // An honest list names one at the most.
        guard let holder = nodes.first(where: isHolder) else { return }
        let state: RingState
        switch await stateAnswer(of: holder) {
        case .dead, .notMember, .unreached: return
        case .busy:
            throw ChordError(
                .noContact,
                "\(holder) stands in this node's place and does not say if it is alive"
            )
        case .state(let answer): state = answer
        }
        guard isHolder(state.node) else { return }
        let remedy =
            state.node.name == configuration.name
            ? "stop that node, or give this one another name and certificate"
            : "its identifier "
                + "\(state.node.id.hexadecimal(width: configuration.parameters.space.width)) is that of \(configuration.name) too; give one of them "
                + "another name, or the ring wider identifiers"
        throw ChordError(
            .nameTaken,
            "\(state.node.name) is a live member at \(state.node.address), and this node is "
                + "\(configuration.name) at \(configuration.address); \(remedy)"
        )
    }

    func stateForJoin(of target: PeerTarget) async throws(ChordError) -> RingState {
        let parameters = configuration.parameters
        let request = GetSuccessorListRequest(parameters: nil)
        let result = await peers.call(
            ChordMethods.getSuccessorList,
            at: target,
            message: request.encoded(in: parameters.space),
            timeout: configuration.failureDetection.cap,
            on: executor
        )
        guard result.status.isOK else {
            throw ChordError(
                joining: result.status,
                at: target.address,
                isOwnName: result.peer?.proof == .spiffe && result.peer?.name == configuration.name
            )
        }
        let reply: GetSuccessorListReply
        do throws(WireError) {
            reply = try GetSuccessorListReply(decoding: result.message, space: parameters.space)
        } catch {
            guard error.code == .widthDiffers else {
                throw ChordError(
                    .invalidAnswer,
                    "cannot join through \(target.address)",
                    cause: error
                )
            }
            throw ChordError(
                .parametersDiffer,
                "cannot join the ring of \(target.address): \(error.message)"
            )
        }
        if let difference = parameters.difference(from: reply.parameters) {
            throw ChordError(
                .parametersDiffer,
                "cannot join the ring of \(target.address): \(difference)"
            )
        }
        return reply.state
    }

    /// The state of the member that stands before our place, of whatever make it is.
    private func memberState(of member: NodeReference) async throws(ChordError) -> RingState {
        guard peers.dialects.hasForeign else {
            return try await stateForJoin(of: PeerTarget(member))
        }
        let answer = await stateAnswer(of: member)
        guard case .state(let state) = answer else {
            throw ChordError(.noContact, "\(member) does not say its state: \(answer.kind)")
        }
        return state
    }

    func stateAnswer(of node: NodeReference) async -> StateAnswer {
        await executor.answer(orWhenCancelled: .busy) { [self] completion in
            state(of: node, isCertain: false, completion: completion)
            return {}
        }
    }

    /// Waits, unless the node ends or the task is cancelled meanwhile.
    package func pause(_ duration: Duration) async {
        lastWaiter += 1
        let key = lastWaiter
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                guard end == nil, !Task.isCancelled else { return continuation.resume() }
                let timer = executor.schedule(after: duration) { [weak self] in
                    self?.assumeIsolated { $0.endPause(key) }
                }
                pauses[key] = (continuation, timer)
            }
        } onCancel: {
            enter { $0.endPause(key) }
        }
    }

    func endPause(_ key: Int) {
        guard let (continuation, timer) = pauses.removeValue(forKey: key) else { return }
        timer.cancel()
        continuation.resume()
    }

    func joined() {
        hasJoined = true
        for key in pauses.keys.sorted() { endPause(key) }
        for key in joinWaiters.keys.sorted() { joinWaiters.removeValue(forKey: key)?.resume() }
    }

    /// Waits until the node is a member.
    ///
    /// - Throws: why it will not become one, or `CancellationError`.
    package func waitUntilJoined() async throws {
        lastWaiter += 1
        let key = lastWaiter
        try await withTaskCancellationHandler {
            // Looked at here and not before: on the way to here the actor may have run other things.
            try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Void, any Error>) in
                switch (machine.phase, end) {
                case (.member, nil) where reach.tenure.hasJoined: continuation.resume()
                case (_, .failed(let error)): continuation.resume(throwing: error)
                case (_, .left), (.left, _):
                    continuation.resume(
                        throwing: ChordError(.stopped, "the node has left the ring")
                    )
                case (_, nil) where Task.isCancelled:
                    continuation.resume(throwing: CancellationError())
                case (.notJoined, nil), (.founding, nil), (.member, nil):
                    joinWaiters[key] = continuation
                }
            }
        } onCancel: {
            enter { $0.joinWaiters.removeValue(forKey: key)?.resume(throwing: CancellationError()) }
        }
    }

    /// Leaves the ring, once the services are ready for that: tells the neighbours and waits until they have heard it, or cannot, but no longer
    /// than `leaveTimeout`.
    package func leave() async {
        guard end == nil else { return }
        await prepareToLeave()
        guard end == nil else { return }
        perform(machine.leave())
        ticker?.cancel()
        ticker = nil
        if leavesUnderWay > 0 {
            let timer = executor.schedule(after: configuration.leaveTimeout) { [weak self] in
                self?.assumeIsolated { shell in
                    guard shell.end == nil, shell.leavesUnderWay > 0 else { return }
                    shell.logger.warning(
                        "left without an answer of all neighbours: they find out by themselves"
                    )
                    shell.endLeaving()
                }
            }
            await withCheckedContinuation { leaveWaiters.append($0) }
            timer.cancel()
        }
        finish(.left)
    }

    func leaveAnswered() {
        leavesUnderWay -= 1
        if leavesUnderWay == 0 { endLeaving() }
    }

    private func endLeaving() {
        for waiter in leaveWaiters { waiter.resume() }
        leaveWaiters = []
    }

    /// Ends the node without a word to the ring: it cannot go on.
    package func fail(_ error: ChordError) {
        guard end == nil else { return }
        // Without this it would go on answering as a member.
        perform(machine.leave().filter { !$0.isSendLeave })
        finish(.failed(error))
    }
}

extension ChordError {
    /// Whether trying again would end in the same way.
    var isFinal: Bool {
        [.nameTaken, .parametersDiffer, .refused, .invalidConfiguration, .unreachable]
            .contains(code)
    }

    /// - Parameter isOwnName: whether who answers has this node's own certificate or another of its name.
    init(joining status: Status, at address: String, isOwnName: Bool = false) {
        switch (status.origin, status.code) {
        case (.peer, .failedPrecondition) where isOwnName:
            self.init(
                .notMember,
                "\(address) is not a member, and has this node's own name: it is this node itself, or "
                    + "another that was given its certificate"
            )
        case (.peer, .failedPrecondition), (.peer, .aborted):
            self.init(.notMember, "\(address) answers, and is not a member yet: \(status.message)")
        case (.peer, .alreadyExists):
            self.init(.nameTaken, "cannot join through \(address): \(status.message)")
        case (.peer, .permissionDenied), (.peer, .unauthenticated), (.peer, .invalidArgument):
            self.init(.refused, "\(address) does not let this node join: \(status.message)")
        case (.peer, .unimplemented):
            self.init(
                .noContact,
                Self.speaksAnother(address),
                reasons: [.otherImplementation]
            )
        default:
            self.init(.noContact, status.told(by: address), reasons: Reason.of(status))
        }
    }

    /// What a node of another make is, to who does not know its dialect or cannot ask it.
    static func speaksAnother(_ address: String) -> String {
        "\(address) speaks no chord.v1: it is no node of this make"
    }
}
