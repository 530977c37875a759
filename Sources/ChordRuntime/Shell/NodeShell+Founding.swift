// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import Logging

// Rings that are born from a set of founders.
//
// Each founder calls all others again and again. One that has reached all of them a short while ago
// decides: it takes its place in the ring of all, and tells the others who they are, so that they take
// theirs once they have reached all of them, too (`FounderRegister`). A founder that hears "there is a ring
// already" joins that instead. So a ring begins once, when all founders are up, and whoever comes back later
// is an ordinary joiner.

extension NodeShell {
    /// One round of calls to the other founders.
    struct FoundingRound {
        var unanswered: Int
        /// Somebody who is a member.
        var member: String?
        /// What it says that the founders are, where the ring has only just begun.
        var decided: [NodeReference] = []
        /// Why one of them will never found a ring with this node.
        var refusal: ChordError?
        var continuation: CheckedContinuation<FoundingRound, Never>?
    }

    /// Founds a ring with the nodes at `addresses`, or joins it where they have done so already.
    ///
    /// - Parameters:
    ///   - addresses: What all founders are told to dial, this node's own address included.
    ///   - limit: how long to wait for the others; nil stands for ever.
    /// - Throws: `invalidConfiguration` when this node is not among the founders; `parametersDiffer`,
    ///   `refused` and `nameTaken` when one of the others is no partner; `noContact` when the time is
    ///   over, with those who have not answered; `stopped`.
    package func found(
        with addresses: [String],
        for limit: Duration?
    ) async throws(ChordError) {
        let own = configuration.address
        guard addresses.contains(own) else {
            throw ChordError(
                .invalidConfiguration,
                "the initial ring is \(addresses.joined(separator: ", ")), and this node, which is "
                    + "dialled at \(own), is not in it; name all founders by the addresses that they "
                    + "advertise"
            )
        }
        founders = Set(addresses).sorted()
        let others = founders.filter { $0 != own }
        guard !others.isEmpty else { return beginNewRing() }
        let deadline = limit.map { executor.now + $0 }
        var wait = configuration.intervals.joinRetry
        var reported: [String] = []
        var countedOnSince: MonotonicTime?
        perform(machine.beginFounding())
        while true {
            // What has become of the node since it took its place is no failure to found.
            if decision != nil { return }
            try checkMayJoin()
            let round = await callFounders(others)
            // Who has decided meanwhile counts on this node from then on.
            let isCountedOn = takePlace(in: round.decided)
            guard machine.phase == .founding, end == nil else { continue }
            if let refusal = round.refusal { throw refusal }
            // The others are reached first. To join instead would be to come back as somebody else, to a
            // ring in which this node stands already; but nobody waits for ever.
            if isCountedOn, countedOnSince == nil { countedOnSince = executor.now }
            if let member = round.member, !isCountedOn || !isRecent(countedOnSince) {
                perform(machine.ceaseFounding())
                let contacts = [member] + others.filter { $0 != member }
                let rest = deadline.map { max(.zero, $0 - executor.now) }
                return try await join(through: contacts, for: rest)
            }
            let missing = foundersReached.missing(of: others, now: foundingTime)
            if missing.isEmpty {
                try begin(with: foundersReached.nodes(at: others))
                continue
            }
            if missing != reported {
                reported = missing
                logger.info(
                    "waiting for the other founders",
                    metadata: [LogKeys.missing: .list(missing)]
                )
            }
            if let deadline, executor.now >= deadline {
                var attempts = JoinAttempts(contacts: missing, former: [], own: own)
                for address in missing {
                    if let error = founderFailures[address] { attempts.failed(address, error) }
                }
                throw ChordError(
                    .noContact,
                    "a ring begins when all its founders are up, and "
                        + "\(missing.joined(separator: ", ")) did not answer in time; start them, or "
                        + "take them out of the initial ring of all founders",
                    cause: attempts.failure
                )
            }
            // The last wait is shortened, so that the time is used to its end.
            await pause(deadline.map { min(wait, $0 - executor.now) } ?? wait)
            wait = min(wait * 2, configuration.intervals.joinRetryCap)
        }
    }

    private var foundingTime: Duration { executor.now - MonotonicTime(nanoseconds: 0) }

    /// Whether something happened a short while ago.
    private func isRecent(_ time: MonotonicTime?) -> Bool {
        time.map { executor.now - $0 <= configuration.intervals.founderLifetime } ?? false
    }

    /// All have answered: the ring begins here, and a moment later there.
    private func begin(with others: [NodeReference]) throws(ChordError) {
        let all = ([machine.node] + others).sorted { $0.id < $1.id }
        for (left, right) in zip(all, all.dropFirst()) where left.id == right.id {
            throw ChordError(
                .nameTaken,
                "\(left) and \(right) both stand at "
                    + "\(left.id.hexadecimal(width: configuration.parameters.space.width)) of the ring that they are to found; "
                    + "give one of them another name"
            )
        }
        takePlace(in: all)
        guard decision?.nodes == all else { return }
        for peer in others {
            callFounder(at: PeerTarget(peer), decided: all) { [logger] result in
                // It hears of the ring when it asks next.
                guard !result.status.isOK else { return }
                logger.debug(
                    "a founder was not told that the ring has begun",
                    metadata: [LogKeys.peer: "\(peer)", LogKeys.error: "\(result.status)"]
                )
            }
        }
    }

    /// Takes this node's place among founders that are known beforehand, without asking anybody: for a ring
    /// of more of them than a message names.
    package func begin(among ring: [NodeReference]) {
        guard machine.phase == .notJoined, end == nil else { return }
        reach.tenure.hold()
        perform(machine.found(with: ring))
    }

    private func callFounders(_ others: [String]) async -> FoundingRound {
        foundingRounds += 1
        let number = foundingRounds
        return await withCheckedContinuation { continuation in
            foundingRound = FoundingRound(unanswered: others.count, continuation: continuation)
            for address in others {
                callFounder(at: PeerTarget(bootstrap: address), decided: []) { [weak self] result in
                    self?.assumeIsolated { $0.founderAnswered(address, result, inRound: number) }
                }
            }
        }
    }

    private func callFounder(
        at target: PeerTarget,
        decided: [NodeReference],
        completion: @escaping @Sendable (ClientResult) -> Void
    ) {
        let request = FoundRequest(
            founder: machine.node,
            parameters: configuration.parameters,
            initialRing: founders,
            decided: decided
        )
        peers.call(
            ChordMethods.found,
            at: target,
            message: request.encoded(in: configuration.parameters.space),
            deadline: executor.now + configuration.failureDetection.cap,
            floor: configuration.failureDetection.maintenanceFloor,
            on: executor,
            completion: completion
        )
    }

    private func founderAnswered(_ address: String, _ result: ClientResult, inRound number: Int) {
        guard number == foundingRounds, var round = foundingRound else { return }
        round.unanswered -= 1
        do throws(ChordError) {
            let reply = try founderReached(at: address, result)
            if reply.isMember {
                round.member = round.member ?? address
                if round.decided.isEmpty { round.decided = reply.decided }
            } else {
                founderFailures[address] = nil
            }
        } catch {
            founderFailures[address] = error
            if error.isFinal { round.refusal = round.refusal ?? error }
            logger.debug(
                "a founder does not answer yet",
                metadata: [LogKeys.peer: "\(address)", LogKeys.error: "\(error)"]
            )
        }
        foundingRound = round
        if round.unanswered == 0 { endFoundingRound() }
    }

    /// A connection of ours to a founder's address has shown who lives there.
    private func founderReached(
        at address: String,
        _ result: ClientResult
    ) throws(ChordError) -> FoundReply {
        let reply = try founderReply(of: address, result)
        let isItself =
            reply.node.address == address
            && result.peer.map { refusal(of: reply.node, claimedBy: $0, as: "founder") == nil }
                ?? false
        if isItself { foundersReached.reached(reply.node, at: address, now: foundingTime) }
        return reply
    }

    /// Dials a founder that has called, or that a decision names, outside of the rounds.
    private func reachFounder(at address: String) {
        guard founders.contains(address), address != configuration.address,
            [.notJoined, .founding].contains(machine.phase), end == nil,
            foundersUnderWay.insert(address).inserted
        else { return }
        callFounder(at: PeerTarget(bootstrap: address), decided: []) { [weak self] result in
            self?.assumeIsolated { shell in
                shell.foundersUnderWay.remove(address)
                do throws(ChordError) {
                    let reply = try shell.founderReached(at: address, result)
                    if reply.isMember { shell.takePlace(in: reply.decided) }
                    // What had to wait for this one.
                    shell.takePlace(in: nil)
                } catch {
                    shell.logger.debug(
                        "a founder that has called cannot be reached",
                        metadata: [LogKeys.peer: "\(address)", LogKeys.error: "\(error)"]
                    )
                }
            }
        }
    }

    private func founderReply(
        of address: String,
        _ result: ClientResult
    ) throws(ChordError) -> FoundReply {
        guard result.status.isOK else {
            guard (result.status.origin, result.status.code) == (.peer, .failedPrecondition) else {
                throw ChordError(joining: result.status, at: address)
            }
            throw ChordError(
                .parametersDiffer,
                "cannot found a ring with \(address): \(result.status.message)"
            )
        }
        let reply: FoundReply
        do throws(WireError) {
            reply = try FoundReply(
                decoding: result.message,
                space: configuration.parameters.space
            )
        } catch {
            throw ChordError(.invalidAnswer, "cannot found a ring with \(address)", cause: error)
        }
        if reply.isMember { return reply }
        guard reply.node.address == address else {
            throw ChordError(
                .parametersDiffer,
                "the founder at \(address) wants to be dialled at \(reply.node.address); name all "
                    + "founders by the addresses that they advertise"
            )
        }
        if let peer = result.peer,
            let refusal = refusal(of: reply.node, claimedBy: peer, as: "founder")
        {
            throw ChordError(.refused, refusal.message)
        }
        return reply
    }

    /// Another founder calls.
    func founded(
        with request: FoundRequest,
        from peer: PeerIdentity
    ) -> Result<FoundReply, Status> {
        let node = machine.node
        switch machine.phase {
        case .member:
            // One that the answer to its call or ours did not reach is counted on and need not join.
            let isCountedOn =
                isRecent(decision?.time) && decision?.nodes.contains(request.founder) == true
            let decided = isCountedOn ? decision?.nodes ?? [] : []
            return .success(FoundReply(node: node, isMember: true, decided: decided))
        case .left: return .failure(machine.view.notMember)
        case .notJoined, .founding: break
        }
        guard !founders.isEmpty else {
            return .failure(
                Status(
                    .unavailable,
                    "\(node.name) founds no ring; it is not a member of one either"
                )
            )
        }
        guard request.initialRing.sorted() == founders else {
            return .failure(
                Status(
                    .failedPrecondition,
                    "the initial ring of \(node.name) is \(founders.joined(separator: ", ")), that of "
                        + "\(request.founder.name) is \(request.initialRing.joined(separator: ", "))"
                )
            )
        }
        // It is dialled there before it counts. Only one whose certificate holds there makes us dial.
        let founder = request.founder
        guard founders.contains(founder.address),
            peer.holds(forHost: NetworkAddress.host(of: founder.address))
        else {
            return .failure(
                Status(
                    .permissionDenied,
                    "\(peer) is no founder at \(founder.address): its certificate must hold for the "
                        + "host of an address of the initial ring"
                )
            )
        }
        // It lives: whatever kept us from dialling it is over.
        peers.transport.resetBackoff(of: founder.address)
        if foundersReached.heard(founder, now: foundingTime) { reachFounder(at: founder.address) }
        if !request.decided.isEmpty { takePlace(in: request.decided) }
        return .success(FoundReply(node: node, isMember: machine.phase == .member))
    }

    /// The ring begins with these, if the decision counts.
    ///
    /// - Parameter decided: all founders; nil for those of the last decision that had to wait.
    /// - Returns: whether the decision counts once the others are reached.
    @discardableResult
    private func takePlace(in decided: [NodeReference]?) -> Bool {
        guard [.notJoined, .founding].contains(machine.phase), end == nil else { return false }
        let verdict = foundersReached.judge(
            decided,
            for: machine.node,
            among: founders,
            now: foundingTime,
            isPlaced: isRightlyPlaced
        )
        switch verdict {
        case .reject: return false
        case .reach(let addresses):
            for address in addresses { reachFounder(at: address) }
            return true
        case .accept(let ring):
            decision = (ring, executor.now)
            logger.notice("began a new ring, together with the other founders")
            reach.tenure.hold()
            perform(machine.found(with: ring))
            // Whoever does not answer this round is waited for no more.
            endFoundingRound()
            for key in pauses.keys.sorted() { endPause(key) }
            return false
        }
    }

    func endFoundingRound() {
        guard let round = foundingRound else { return }
        foundingRound = nil
        round.continuation?.resume(returning: round)
    }
}
