// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire
import Logging

// Executes the machine's directives.

extension NodeShell {
    func startTicking() {
        guard ticker == nil, end == nil else { return }
        let places = states.rule.places(of: machine.node, count: parameters.placements)
        machine.look(forRivalsAt: places.map(\.id))
        scheduleTick()
    }

    private func scheduleTick() {
        let intervals = configuration.intervals
        var generator = executor.generator
        let factor = Double.random(
            in: (1 - intervals.jitter)...(1 + intervals.jitter),
            using: &generator
        )
        ticker = executor.schedule(after: intervals.stabilize * factor) { [weak self] in
            self?.assumeIsolated { shell in
                guard shell.end == nil else { return }
                shell.noteStandstill()
                shell.tickReach()
                shell.perform(shell.machine.tick())
                shell.retryBootstrap()
                shell.watchBalance()
                shell.scheduleTick()
            }
        }
    }

    func perform(_ directives: [Directive]) {
        let isPublishing = directives.contains(.publish)
        let wasMember = published.current.view.isMember
        // No other member is left that could name this node, so it owns the whole circle.
        if isPublishing, machine.isAlone, reach.tenure.state != .held { update { $0.confirm($1) } }
        // The tenure is settled before the view is published, because services learn of both
        // together.
        var reports: [[RingEvent]] = []
        for case .report(let event) in directives {
            reports.append(reach.tenure.events(for: event))
        }
        if isPublishing {
            publish(reports.flatMap(\.self))
            if machine.view.isMember != wasMember { membership.send(!wasMember) }
            // A joiner is a member without a range. It asks its head like any other member.
            if machine.phase == .member { startTicking() }
        }
        for directive in directives {
            switch directive {
            case .publish: break
            case .askState(let token, let peer): askState(token, peer)
            case .notify(let peer): notify(peer, changed: false)
            case .nudge(let peer): notify(peer, changed: true)
            case .findFinger(let token, let target):
                findOwner(of: target) { $0.perform($0.machine.resolveFinger($1, for: token)) }
            case .findRival(let token, let place):
                findOwner(of: place) { $0.perform($0.machine.resolveRival($1, for: token)) }
            case .findPlace(let token, let contact): findPlace(token, through: contact)
            case .offer(let peer): meet(peer, contact: nil)
            case .meet(let peer, let contact): meet(peer, contact: contact)
            case .sendLeave(let peer, let leaveNotice): sendLeave(leaveNotice, to: peer)
            case .roundSoon: scheduleRound()
            case .report: for event in reports.removeFirst() { report(event) }
            case .verifyRival(let rival): verifyRival(rival)
            }
        }
        // A node that is the predecessor again is granted its range before it is told so.
        settleRanges()
        settleClaims()
    }

    private func scheduleRound() {
        guard !isPromptRoundDue else { return }
        isPromptRoundDue = true
        var generator = executor.generator
        let delay =
            configuration.intervals.promptDelay * Double.random(in: 0.5...1.5, using: &generator)
        _ = executor.schedule(after: delay) { [weak self] in
            self?.assumeIsolated { shell in
                shell.isPromptRoundDue = false
                guard shell.end == nil else { return }
                shell.perform(shell.machine.round())
            }
        }
    }

    // MARK: Calls

    private func askState(_ token: Token, _ peer: NodeReference) {
        let releases = reach.tenure.releases
        state(of: peer, isCertain: true, claim: claim(to: peer)) { [weak self] answer, status in
            self?.assumeIsolated { shell in
                var answer = answer
                var isReplaced = false
                if case .state(let state) = answer, state.node.name != peer.name {
                    // Another node listens at the address now.
                    answer = .dead
                    isReplaced = true
                }
                let isRefused = isReplaced || status.reason == .nothingListens
                shell.noteAnswer(answer, of: peer)
                if case .state = answer, peer.id == shell.machine.successors.head?.id {
                    shell.failingList = []
                }
                guard answer == .dead else {
                    let patient = shell.impatient(answer, of: peer.id)
                    return shell.answered(patient, peer, token, releases: releases)
                }
                shell.judgeSilence(of: peer) { shell, verdict in
                    if verdict == .unreached { shell.noteUnreached(peer) }
                    if verdict == .dead { return shell.died(peer, token, isRefused: isRefused) }
                    shell.answered(verdict, peer, token, releases: releases)
                }
            }
        }
    }

    func answered(
        _ answer: StateAnswer,
        _ peer: NodeReference,
        _ token: Token,
        releases: UInt64,
        mayOwnRange: Bool = false
    ) {
        guard end == nil else { return }
        logger.trace(
            "asked for its state",
            metadata: [LogKeys.peer: "\(peer)", LogKeys.answer: "\(answer.kind)"]
        )
        if case .state(let state) = answer {
            resetBackoff(state.predecessor)
            headAnswered(state, releases: releases)
        }
        perform(machine.receive(answer, for: token, mayOwnRange: mayOwnRange))
    }

    /// Replaces `busy` by `dead` for a node that has been busy for too long. A node that only
    /// answers with errors would stop maintenance of this part of the ring. The machine remembers it as lost,
    /// and finds it again when it recovers.
    private func impatient(_ answer: StateAnswer, of peer: Identifier) -> StateAnswer {
        guard answer == .busy else {
            busySince[peer] = nil
            return answer
        }
        let now = executor.now
        guard let since = busySince[peer] else {
            // Only neighbours are asked, so the table is small. In an unstable ring it is cleared.
            if busySince.count >= 64 { busySince = [:] }
            busySince[peer] = now
            return answer
        }
        guard now - since > configuration.intervals.stabilize * busyPatience else {
            return answer
        }
        busySince[peer] = nil
        return .dead
    }

    /// The number of intervals for which a node may be busy. In mode `answering` a healthy node is
    /// busy only while it founds a ring. In mode `delaying` two neighbours with a slow link may
    /// find each other busy ten times in a row. Losing a healthy node is worse than waiting for a
    /// faulty one.
    private var busyPatience: Int { configuration.machine.queryMode == .delaying ? 60 : 10 }

    /// A neighbour names a node, or an incarnation, that is new here. Earlier failed dials say
    /// nothing about it, so its backoff is reset.
    private func resetBackoff(_ node: NodeReference) {
        guard node.id != machine.node.id, !machine.table.entries.contains(node) else { return }
        peers.transport.resetBackoff(of: node.address)
    }

    /// Asks a node for its state. `isCertain` asks twice before the verdict `dead`.
    nonisolated func state(
        of node: NodeReference,
        isCertain: Bool,
        claim: RangeClaim? = nil,
        completion: @escaping @Sendable (StateAnswer, Status) -> Void
    ) {
        let failureDetection = configuration.failureDetection
        var options = CallOptions(
            deadline: executor.now + failureDetection.cap + failureDetection.connect,
            floor: failureDetection.maintenanceFloor
        )
        options.claim = claim
        states.ask(node, options, isCertain: isCertain, on: executor, completion: completion)
    }

    /// - Parameter changed: asks our predecessor for a maintenance round, instead of claiming to be
    ///   a predecessor.
    func notify(_ peer: NodeReference, changed: Bool) {
        guard changed || mayNotify(peer) else { return }
        let notice = PeerOperation.notify(machine.node, changed: changed)
        let claim = changed ? nil : claim(to: peer)
        let releases = reach.tenure.releases
        tell(peer, claim.map { .claiming($0, notice) } ?? notice) { [weak self] said in
            self?.assumeIsolated { shell in
                let status = said.result.status
                if !changed { shell.notifyAnswered(by: peer, said, releases: releases) }
                // No retry is needed: the next round notifies again.
                guard !status.isOK else { return }
                shell.logger.debug(
                    "notify failed",
                    metadata: [LogKeys.peer: "\(peer)", LogKeys.error: "\(status)"]
                )
            }
        }
    }

    private func tell(
        _ peer: NodeReference,
        _ statement: PeerOperation,
        completion: @escaping @Sendable (PeerResponse) -> Void
    ) {
        let failureDetection = configuration.failureDetection
        let options = CallOptions(
            deadline: executor.now + failureDetection.cap,
            floor: failureDetection.maintenanceFloor
        )
        peers.say(
            statement,
            to: PeerTarget(peer),
            in: parameters,
            options,
            on: executor,
            completion: completion
        )
    }

    private func sendLeave(_ leaveNotice: LeaveNotice, to peer: NodeReference) {
        let state = leaveNotice.state
        // A predecessor of another implementation is told nothing: it asks this node regularly, and
        // will notice that it is gone. A successor is told our predecessor.
        let isPredecessor =
            peer.id == state.predecessor.id && peer.id != state.successors.first?.id
        if isPredecessor, peers.dialects.isForeign(peer.address) { return }
        leavesUnderWay += 1
        tell(peer, .leave(leaveNotice)) { [weak self] said in
            self?.assumeIsolated { shell in
                let status = said.result.status
                if !status.isOK {
                    shell.logger.debug(
                        "a neighbour did not receive the Leave",
                        metadata: [LogKeys.peer: "\(peer)", LogKeys.error: "\(status)"]
                    )
                }
                shell.leaveAnswered()
            }
        }
    }

    private func findOwner(
        of target: Identifier,
        _ completion: @escaping @Sendable (isolated NodeShell, NodeReference?) -> Void
    ) {
        let budget = LookupMachine.defaultHopBudget(width: parameters.space.width)
        let run = RecursiveLookup(
            LookupMachine(
                target: target,
                hopBudget: configuration.lookups.hopBudget ?? budget,
                silent: silent.toGoAround(at: executor.now)
            ),
            wantsPath: false,
            deadline: executor.now + configuration.lookups.deadline,
            context: lookupContext,
            executor: executor
        ) { [weak self] result, _ in
            // The answer may arrive before this call returns, and the machine must not be entered
            // twice.
            self?.enter { shell in
                let owner = try? result.get().owner
                completion(shell, owner.flatMap { shell.admissible([$0]).first })
            }
        }
        run.start()
    }

    nonisolated var lookupContext: RecursiveLookup.Context {
        RecursiveLookup.Context(
            published: published,
            states: states,
            members: members,
            floor: configuration.failureDetection.lookupFloor,
            answerShare: configuration.lookups.boundedAnswerShare,
            suspect: { [weak self] id in self?.enter { $0.suspect(id) } },
            refused: { [logger, metrics] peer, reason in
                metrics.refusedAnswer()
                logger.debug(
                    "a peer's answer to a lookup was refused",
                    metadata: [LogKeys.peer: "\(peer)", LogKeys.error: "\(reason)"]
                )
            },
            hedged: { [metrics] in metrics.hedgedLookup() }
        )
    }
}

extension Directive {
    var isSendLeave: Bool {
        if case .sendLeave = self { true } else { false }
    }
}
