// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
package import ChordWire
import Logging

// A node's part in the recovery of a range that has lost the majority of its replicas (RangeRecovery.swift). An
// administrator's program takes the steps; a step that is repeated changes nothing.

extension StoreNode {
    typealias RecoverCompletion = @Sendable (RecoverReply) -> Void

    /// Takes one step of a recovery.
    package func recover(
        _ request: RecoverRequest,
        _ completion: @escaping @Sendable (RecoverReply) -> Void
    ) {
        if let failure { return refuse("the store serves no more: \(failure.message)", completion) }
        let disks = request.givenUp.map { DiskID(RandomBits(wire: $0)) }
        guard let bits = request.range else {
            if request.step == .note { return note(disks, completion) }
            return completion(recoveryReply(about: recoveries.keys.sorted()))
        }
        let range = RangeID(RandomBits(wire: bits))
        let recovery = RangeRecovery(of: range, givingUp: disks)
        switch request.step {
        case .inspect: completion(recoveryReply(about: [range]))
        case .note: note(disks, completion)
        case .promise: promise(recovery, completion)
        case .found:
            let last = LogPosition(
                index: LogIndex(request.lastIndex),
                term: Term(request.lastTerm)
            )
            found(recovery, last: last, above: LogIndex(request.index), completion)
        case .retire:
            let successor = request.successor.map { RangeID(RandomBits(wire: $0)) }
            guard let successor else { return refuse("the successor is not named", completion) }
            retire(range, for: successor)
            rows.commit { [weak self] _ in
                self?.assumeIsolated { completion($0.recoveryReply(about: [range])) }
            }
        }
    }

    func refuse(_ reason: String, about range: RangeID? = nil, _ completion: RecoverCompletion) {
        var reply = recoveryReply(about: range.map { [$0] } ?? [])
        reply.refusal = "\(identity.member.node): \(reason)"
        completion(reply)
    }

    // MARK: - Promising

    private func promise(_ recovery: RangeRecovery, _ completion: @escaping RecoverCompletion) {
        let range = recovery.range
        if let known = recoveries[range] {
            guard known.state == .promised, known.recovery != recovery else {
                return completion(recoveryReply(about: [range]))
            }
            guard known.yields(to: recovery), promised[range]?.isFounding != true else {
                let disks = known.recovery.givenUp.sorted().map(\.description)
                return refuse(
                    "the replica takes part in another recovery, which gives up the disks "
                        + disks.joined(separator: ", "),
                    about: range,
                    completion
                )
            }
        }
        guard !recovery.givenUp.contains(identity.member.disk) else {
            return refuse("its disk is among those that are given up", completion)
        }
        if let replica = replicas[range] {
            if let reason = objection(to: recovery, of: replica) {
                return refuse(reason, about: range, completion)
            }
            endPart(of: replica)
        } else if let replica = damaged.removeValue(forKey: range) {
            promised[range] = PromisedReplica(replica)
        }
        guard let replica = promised[range] else {
            return completion(recoveryReply(about: [range]))
        }
        confirmLog(of: replica) { node, problem in
            if let problem { return node.refuse(problem, about: range, completion) }
            node.keep(RecoveryRecord(.promised, recovery, last: replica.last), completion)
        }
    }

    /// Why a range need not be recovered.
    private func objection(to recovery: RangeRecovery, of replica: Replica) -> String? {
        let machine = replica.machine
        guard machine.halt != nil || !hearsLeader(replica) else {
            return "range \(replica.range) has a leader, or had one a moment ago"
        }
        guard !replica.isInstalling else {
            return "the replica receives a snapshot; try again"
        }
        let descriptor = replica.view.descriptor
        let configuration = machine.configuration
        let isWhole = configuration.isMajority { number in
            guard let disk = descriptor.replica(number)?.disk else { return true }
            return !recovery.givenUp.contains(disk)
        }
        guard !isWhole || configuration.voters.isEmpty else {
            return
                "a majority of range \(replica.range) is not given up: start the nodes that hold it"
        }
        return nil
    }

    /// Whether a replica leads, or has heard of its leader within the last election timeout.
    func hearsLeader(_ replica: Replica) -> Bool {
        if replica.isLeader { return true }
        guard replica.machine.leader != nil, let contact = replica.machine.leaderContact else {
            return false
        }
        return replica.machine.isQuiet || now - contact < settings.raft.electionTimeoutMaximum
    }

    private func endPart(of replica: Replica) {
        replica.timer?.work.cancel()
        let descriptor = replica.view.descriptor
        promised[replica.range] = PromisedReplica(replica)
        failAll(of: replica) { .noLeader(descriptor) }
        forget(replica)
        logger.notice(
            "a replica has ended its part in a range that is being recovered",
            metadata: [StoreLogKeys.range: "\(replica.range)"]
        )
    }

    /// Waits until the log of a replica is durable, which takes no new entries any more.
    private func confirmLog(
        of replica: PromisedReplica,
        _ completion: @escaping @Sendable (isolated StoreNode, _ problem: String?) -> Void
    ) {
        guard let hardState = replica.hardState else { return completion(self, nil) }
        flushPersistence()
        guard backlog.refused.isEmpty else {
            return completion(self, "the disk is full; make room and try again")
        }
        var batch = LogBatch([GroupUpdate(replica.descriptor.id, hardState: hardState)])
        // It builds on the batches before, so it is refused if one of them is.
        batch.round = backlog.round
        log.submit(batch) { [weak self] result in
            self?.assumeIsolated { node in
                guard case .failure(let error) = result else { return completion(node, nil) }
                if error.code != .diskFull { node.fail(error) }
                completion(node, "the log cannot be written: \(error.message)")
            }
        }
    }

    /// Makes a record durable, and the disks that the recovery gives up.
    private func keep(_ record: RecoveryRecord, _ completion: @escaping RecoverCompletion) {
        let range = record.recovery.range
        rows.submit(
            { transaction throws(StoreError) in
                // A founder has no promise to change any more.
                let known = try RecoveryRecord.load(of: range, in: &transaction)
                guard known?.yields(to: record.recovery) ?? true else { return }
                try record.save(in: &transaction)
            },
            { _ in }
        )
        rows.commit { [weak self] result in
            self?.assumeIsolated { node in
                if case .failure(let error) = result { return node.fail(error) }
                if node.recoveries[range]?.yields(to: record.recovery) ?? true {
                    node.recoveries[range] = record
                }
                node.noteGivenUp(record.recovery.givenUp)
                completion(node.recoveryReply(about: [range]))
            }
        }
    }

    // MARK: - Retiring

    /// The range's successor has been made elsewhere.
    func retire(_ range: RangeID, for successor: RangeID) {
        guard let record = recoveries[range], record.state == .promised,
            let replica = promised[range], !replica.isFounding
        else { return }
        var retired = record
        retired.state = .retired
        retired.successor = successor
        let kept = retired
        recoveries[range] = retired
        promised[range] = nil
        rows.submit(
            { transaction throws(StoreError) in try kept.save(in: &transaction) },
            { [weak self] result in
                guard case .failure(let error) = result else { return }
                self?.assumeIsolated { $0.fail(error) }
            }
        )
        delete(range, replica.state, lowestNumber: .highest)
    }

    /// Messages of a successor prove that it has been made.
    func retireReplicas(replacedBy successor: RangeID) {
        for (range, record) in recoveries
        where record.state == .promised && record.recovery.successor == successor {
            retire(range, for: successor)
        }
    }

    // MARK: - Disks that are given up

    private func note(_ disks: [DiskID], _ completion: @escaping RecoverCompletion) {
        guard givenUp.union(disks).count <= GivenUpDisks.most else {
            return refuse("\(GivenUpDisks.most) disks are given up already", completion)
        }
        noteGivenUp(disks)
        rows.commit { [weak self] _ in
            self?.assumeIsolated { completion($0.recoveryReply(about: [])) }
        }
    }

    /// Keeps in mind that disks were given up. Their nodes are not answered any more; a node that hears of its own disk
    /// stops its store.
    func noteGivenUp(_ disks: some Sequence<DiskID>) {
        let new = Set(disks).subtracting(givenUp)
        guard failure == nil, !new.isEmpty, givenUp.count + new.count <= GivenUpDisks.most else {
            return
        }
        givenUp.formUnion(new)
        logger.notice(
            "disks were given up by a recovery",
            metadata: [
                StoreLogKeys.disk: "\(new.sorted().map(\.description).joined(separator: " "))"
            ]
        )
        rows.submit(
            { transaction throws(StoreError) in try GivenUpDisks.note(new, in: &transaction) },
            { [weak self] result in
                guard case .failure(let error) = result else { return }
                self?.assumeIsolated { $0.fail(error) }
            }
        )
        guard new.contains(identity.member.disk) else { return }
        // What the disk says from now on would be of ranges that are gone.
        rows.commit { [weak self] _ in
            self?.assumeIsolated { $0.fail(.givenUp(disk: $0.identity.member.disk)) }
        }
        for replica in replicas.values { replica.timer?.work.cancel() }
    }
}

extension ReplicaNumber {
    /// Above every number that is given to a replica.
    static let highest = Self(1 << 62)
}

extension StoreError {
    static func givenUp(disk: DiskID) -> Self {
        Self(
            .givenUp,
            "this disk (\(disk)) was given up by `chord store recover`: its ranges were recovered without it, and "
                + "what only this disk holds is lost. Move the store's directory away (`store` in the data "
                + "directory) and start the node again: it gets an empty disk, which the other nodes fill"
        )
    }
}
