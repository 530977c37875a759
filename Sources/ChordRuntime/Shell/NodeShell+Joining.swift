// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordRPC
import Logging

// Becoming a member: what a JoinMachine directs.

extension NodeShell {
    /// Makes this node the first of a new ring.
    package func create() {
        guard machine.phase == .notJoined else { return }
        reach.tenure.hold()
        perform(machine.create())
    }

    /// Makes this node the first of a new ring, and logs it.
    func beginNewRing() {
        guard machine.phase == .notJoined else { return }
        logger.notice("began a new ring: this node was never a member, and was given no contact")
        create()
    }

    /// Joins the ring of whichever of `addresses` answers first as a member. All of them are tried in turn,
    /// with growing waits, until it works. Without any, a node that never was a member makes a new ring.
    ///
    /// A contact that is this node itself, no member, of another ring, silent, or no node at all is passed
    /// over; the error at the end names the reason of each.
    ///
    /// - Parameters:
    ///   - limit: how long to keep trying; nil stands for ever. An attempt under way when it is over is
    ///     finished.
    ///   - former: members of the ring in a former life of this node. They are tried, too; if none is
    ///     a member for a while, as all start again, this node begins the ring, which merges with those that
    ///     others begin.
    ///   - hasBeenMember: whether this node was a member in a former life, which may have known no other; nil
    ///     stands for whether there are former members.
    /// - Throws: `nameTaken` at once; `parametersDiffer` and `refused` where all contacts answer like that,
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
        var joining = JoinMachine(
            node: machine.node,
            parameters: configuration.parameters,
            through: addresses,
            past: .init(members: former, wasMember: hasBeenMember ?? !former.isEmpty),
            deadline: limit.map { machineTime + $0 },
            settings: configuration.intervals.joining,
            judge: .init(isPlaced: isRightlyPlaced, admissible: admissible)
        )
        company.addresses = joining.contacts
        var directives = joining.start(now: machineTime)[...]
        do throws(ChordError) {
            while let directive = directives.popFirst() {
                switch directive {
                case .create(let beginning): return begin(beginning, former)
                case .finish: return
                default: try checkMayJoin()
                }
                // It became a member in another way meanwhile.
                guard joining.hasPlace || machine.phase == .notJoined || joining.isOver else {
                    return
                }
                directives += try await carryOut(directive, of: &joining)
            }
        } catch {
            // It has its list already, and was not taken: no other node could reach it either.
            if machine.phase == .member { fail(error) }
            throw error
        }
    }

    /// The time as the machines of joining and founding count it.
    var machineTime: Duration { executor.now - MonotonicTime(nanoseconds: 0) }

    /// - Returns: the machine's next directives.
    private func carryOut(
        _ directive: JoinDirective,
        of joining: inout JoinMachine
    ) async throws(ChordError) -> [JoinDirective] {
        switch directive {
        case .askContact(let token, _), .askHolder(let token, _), .lookUpPlace(let token, _),
            .searchPlace(let token, _), .lookUpOwner(let token, _), .reachHead(let token, _),
            .askMember(let token, _):
            let answer = await answer(to: directive)
            try checkMayJoin()
            guard machine.phase == .notJoined else { return [] }
            return joining.receive(answer, for: token, now: machineTime)
        case .raiseIncarnation(let former): raiseIncarnation(above: former)
        case .join(let state):
            let limit = latestIncarnation(.ofOurselves)
            guard let directives = machine.join(after: state, incarnationLimit: limit) else {
                return joining.placeChanged(now: machineTime)
            }
            perform(directives)
            return joining.joined(standing, now: machineTime)
        case .passOver(let address, let error):
            logger.debug(
                "cannot join through it yet",
                metadata: [LogKeys.peer: "\(address)", LogKeys.error: "\(ChordError(error))"]
            )
        case .retry(let wait):
            await pause(wait)
            return joining.timerFired(now: machineTime)
        case .awaitHead(let wait):
            await pause(wait)
            return joining.joined(standing, now: machineTime)
        case .report(let contacts):
            logger.info(
                "not a member yet: no contact lets this node join",
                metadata: [LogKeys.error: "\(JoinFailure(contacts))"]
            )
        case .giveUp(let error, let contacts): throw ChordError(error, contacts: contacts)
        case .create, .finish: break
        }
        return []
    }

    /// This node's knowledge about its head, which is to take it for its predecessor.
    private var standing: JoinMachine.Standing {
        JoinMachine.Standing(
            head: machine.successors.head,
            isTaken: reach.tenure.hasJoined,
            refusal: reach.refusal.map {
                .init(
                    head: $0.head,
                    address: $0.address,
                    reason: $0.reason,
                    since: $0.since - MonotonicTime(nanoseconds: 0)
                )
            }
        )
    }

    private func begin(_ beginning: JoinDirective.Beginning, _ former: [NodeReference]) {
        switch beginning {
        case .first: return beginNewRing()
        case .onlyMember:
            logger.notice("this node was the only member of its ring, and begins it again")
        case .noMemberLeft:
            logger.notice("nobody is a member of the ring any more: this node begins it again")
        }
        create()
        remember(former)
    }

    func checkMayJoin() throws(ChordError) {
        if case .failed(let error) = end { throw error }
        if machine.phase == .left {
            throw ChordError(.stopped, "the node left before it had joined")
        }
        if Task.isCancelled { throw ChordError(.stopped, "joining was cancelled") }
    }
}

extension MaintenanceIntervals {
    fileprivate var joining: JoinMachine.Settings {
        var settings = JoinMachine.Settings()
        settings.retry = joinRetry
        settings.retryCap = joinRetryCap
        settings.report = joinReport
        settings.stabilize = stabilize
        settings.refusalPatience = refusalPatience
        return settings
    }
}
