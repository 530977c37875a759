// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore
import ChordRPC
import Logging

// Becoming a member: executes the directives of `JoinMachine`.

extension NodeShell {
    /// Starts a new ring with this node as its first member.
    package func create() {
        guard machine.phase == .notJoined else { return }
        reach.tenure.hold()
        perform(machine.create())
    }

    /// Starts a new ring with this node as its first member, and logs it.
    func beginNewRing() {
        guard machine.phase == .notJoined else { return }
        logger.notice(
            "began a new ring: this node was never a member, and no contact is configured"
        )
        beginStore(of: [machine.node])
        create()
    }

    /// Gives a new ring a store, if any of its founders has a disk for one. The founder with a disk and the
    /// smallest identifier makes the first range.
    ///
    /// The store that a founder's disk belongs to already is the ring's: the other founders take it over before they
    /// are members. Founders whose disks belong to different stores refuse each other.
    ///
    /// Each founder computes the store's identifier from the disks of all, so nothing has to be exchanged. A
    /// disk identifier is random and never used again, so no other ring can come to the same store. A ring with a
    /// founder of version 0.1, which knows nothing of stores, has none.
    func beginStore(of founders: [NodeReference]) {
        guard configuration.adoption.store, parameters.store == nil else { return }
        let others = founders.filter { $0.name != machine.node.name }
        guard states.capabilities.common(with: others).features.contains(.storeMembers) else {
            return
        }
        let holders = founders.filter { $0.disk != nil }.sorted { $0.id < $1.id }
        guard let first = holders.first else { return }
        let new = StoreID(foundedOn: holders.compactMap(\.disk))
        // A founder that has begun already tells the new store, which is no disk's yet.
        let former = others.sorted { $0.id < $1.id }.compactMap { founderStores[$0.name] }
            .first { $0 != new }
        var parameters = parameters
        parameters.store = former ?? new
        givesBirthToStore = former == nil && first.name == machine.node.name
        perform(machine.adopt(parameters))
    }

    /// Joins the ring of the first address that answers as a member. All addresses are tried in
    /// turn, with growing waits, until one works. A node without addresses starts a new ring,
    /// unless it was a member before.
    ///
    /// Contacts are skipped if they are this node itself, not members, members of another ring,
    /// silent, or not Chord nodes. The error at the end names the reason for each.
    ///
    /// - Parameters:
    ///   - limit: how long to keep trying; nil stands for ever. An attempt in progress at the end
    ///     is finished.
    ///   - former: members of the ring that this node knew before its restart. They are tried too.
    ///     If none is a member for a while, because all nodes restart, this node starts the ring.
    ///     It later merges with those that others start.
    ///   - hasBeenMember: whether this node was a member before its restart, perhaps without
    ///     knowing others. Nil means: if there are former members.
    ///   - placeIndex: the index of this node's place before its restart; nil if it is not known.
    /// - Throws: `nameTaken` at once; `parametersDiffer` or `refused` if all contacts answer so,
    ///   because trying again would not help; `invalidConfiguration` if this node is its only
    ///   contact; `unreachable` if this node's successor cannot dial it; `noContact` with a
    ///   ``JoinFailure`` if the time is over; `stopped` if the node ended or the task was
    ///   cancelled.
    package func join(
        through addresses: [String],
        for limit: Duration?,
        remembering former: [NodeReference] = [],
        hasBeenMember: Bool? = nil,
        placeIndex: Int? = nil
    ) async throws(ChordError) {
        var joining = JoinMachine(
            node: machine.node,
            parameters: parameters,
            adoption: configuration.adoption,
            through: addresses,
            past: .init(
                members: former,
                wasMember: hasBeenMember ?? !former.isEmpty,
                placeIndex: placeIndex
            ),
            deadline: limit.map { machineTime + $0 },
            settings: configuration.intervals.joining,
            judge: .init(
                isPlaced: isRightlyPlaced,
                admissible: admissible,
                rule: states.rule
            )
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
                // The node became a member in another way in the meantime.
                guard joining.hasPlace || machine.phase == .notJoined || joining.isOver else {
                    return
                }
                directives += try await carryOut(directive, of: &joining)
            }
        } catch {
            // The node has its list but was not accepted: other nodes could not reach it either.
            if machine.phase == .member { fail(error) }
            throw error
        }
    }

    /// The time in the form that the joining and founding machines use.
    var machineTime: Duration { executor.now - MonotonicTime(nanoseconds: 0) }

    /// - Returns: the machine's next directives.
    private func carryOut(
        _ directive: JoinDirective,
        of joining: inout JoinMachine
    ) async throws(ChordError) -> [JoinDirective] {
        switch directive {
        case .askContact(let token, _), .askHolder(let token, _), .lookUpPlace(let token, _),
            .lookUpPlaces(let token, _, _), .searchPlace(let token, _),
            .lookUpOwner(let token, _, _), .reachHead(let token, _), .askMember(let token, _):
            let answer = await answer(to: directive)
            try checkMayJoin()
            guard machine.phase == .notJoined else { return [] }
            return joining.receive(answer, for: token, now: machineTime)
        case .raiseIncarnation(let former): raiseIncarnation(above: former)
        case .adopt(let parameters): perform(machine.adopt(parameters))
        case .takePlace(let place): move(to: place)
        case .join(let state):
            let limit = latestIncarnation(.ofOurselves)
            guard let directives = machine.join(after: state, incarnationLimit: limit) else {
                return joining.placeChanged(now: machineTime)
            }
            perform(directives)
            return joining.joined(standing, now: machineTime)
        case .passOver(let address, let error):
            logger.debug(
                "cannot join through this contact yet",
                metadata: [LogKeys.peer: "\(address)", LogKeys.error: "\(ChordError(error))"]
            )
        case .spread(let limit):
            var generator = executor.generator
            await pause(limit * Double.random(in: 0..<1, using: &generator))
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

    /// Moves this node to another of its places. It is not a member yet.
    func move(to place: NodeReference) {
        let directives = machine.move(to: place)
        guard !directives.isEmpty else { return }
        reach.claims = ClaimTable(owner: machine.node.id, space: parameters.space)
        perform(directives)
    }

    /// The head's latest verdict about this node as its predecessor.
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
            logger.notice("no node is a member of the ring any more: this node begins it again")
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
