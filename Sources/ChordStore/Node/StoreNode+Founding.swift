// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import ChordWire
import Logging
import NIOConcurrencyHelpers

extension StoreNode {
    /// Entries that one work applies, so that no work keeps others waiting for long.
    private static let entriesOfWork = 256

    /// Makes the successor of a range out of this node's replica, which has promised.
    ///
    /// - Parameters:
    ///   - last: the end of the log by which the administrator has chosen this replica.
    ///   - index: the highest index that a replica of the range is known to have had.
    func found(
        _ recovery: RangeRecovery,
        last: LogPosition,
        above index: LogIndex,
        _ completion: @escaping RecoverCompletion
    ) {
        let range = recovery.range
        guard let record = recoveries[range] else {
            return refuse("the replica has not promised to take part", about: range, completion)
        }
        // The step was repeated, or another administrator was first.
        guard record.state == .promised else {
            return completion(recoveryReply(about: [range]))
        }
        guard record.recovery == recovery, let replica = promised[range], record.last == last,
            replica.last == last
        else {
            return refuse("the replica has promised something else", about: range, completion)
        }
        guard !replica.isFounding else {
            return refuse("the successor is being made; ask again", about: range, completion)
        }
        guard let birth = max(index, last.index).adding(RangeRecovery.gap) else {
            return refuse("the log has no room for another recovery", about: range, completion)
        }
        promised[range]?.isFounding = true
        applyRest(of: range, through: last.index) { node, error in
            if let error { return node.couldNotFound(range, error, completion) }
            node.switchOver(recovery, at: birth, completion)
        }
    }

    /// Applies what is left of the log: entries may have been committed, and acknowledged, without this replica having
    /// heard of it.
    private func applyRest(
        of range: RangeID,
        through last: LogIndex,
        _ completion: @escaping @Sendable (isolated StoreNode, StoreError?) -> Void
    ) {
        guard failure == nil, let replica = promised[range] else { return }
        let entries = Array(replica.entries.prefix(Self.entriesOfWork))
        guard !entries.isEmpty else { return completion(self, nil) }
        let state = replica.state
        rows.submit(
            { transaction throws(StoreError) -> AppliedState.Outcome? in
                try state.refresh(in: &transaction)
                let due = entries.filter { $0.index > state.state.applied && $0.index <= last }
                return due.isEmpty ? nil : try state.apply(due, in: &transaction)
            },
            { [weak self] result in
                self?.assumeIsolated { node in
                    switch result {
                    case .failure(let error): completion(node, error)
                    case .success(let outcome):
                        for child in outcome?.births ?? [] {
                            node.bear(child, of: range, isLed: false)
                        }
                        if outcome?.hasDiscardedRows == true { node.clearDiscardedRows() }
                        node.promised[range]?.entries.removeFirst(entries.count)
                        node.applyRest(of: range, through: last, completion)
                    }
                }
            }
        )
    }

    /// A replica that cannot read its own data will never be the founder: another one takes its place.
    private func couldNotFound(
        _ range: RangeID,
        _ error: StoreError,
        _ completion: @escaping RecoverCompletion
    ) {
        promised[range]?.isFounding = false
        guard error.code == .corrupted, var record = recoveries[range] else {
            return refuse("the log cannot be applied: \(error.message)", about: range, completion)
        }
        record.last = nil
        let kept = record
        recoveries[range] = record
        rows.submit(
            { transaction throws(StoreError) in try kept.save(in: &transaction) },
            { [weak self] result in
                guard case .failure(let error) = result else { return }
                self?.assumeIsolated { $0.fail(error) }
            }
        )
        rows.commit { [weak self] _ in
            self?.assumeIsolated { node in
                node.refuse(
                    "the replica is damaged and cannot be the first one: \(error.message); run the command again",
                    about: range,
                    completion
                )
            }
        }
    }

    /// Everything that makes the successor out of the replica becomes durable at once.
    private func switchOver(
        _ recovery: RangeRecovery,
        at birth: LogIndex,
        _ completion: @escaping RecoverCompletion
    ) {
        guard failure == nil, let replica = promised[recovery.range] else { return }
        let state = replica.state
        let own = identity.member
        let made = NIOLockedValueBox<StoredReplica?>(nil)
        rows.submit(
            { transaction throws(StoreError) in
                let stored = try state.found(recovery, on: own, at: birth, in: &transaction)
                made.withLockedValue { $0 = stored }
            },
            { [weak self] result in
                guard case .failure(let error) = result else { return }
                self?.assumeIsolated { $0.couldNotFound(recovery.range, error, completion) }
            }
        )
        rows.commit { [weak self] result in
            self?.assumeIsolated { node in
                guard node.failure == nil else { return }
                if case .failure(let error) = result { return node.fail(error) }
                guard let stored = made.withLockedValue({ $0 }) else { return }
                node.begin(stored, insteadOf: recovery, completion)
            }
        }
    }

    private func begin(
        _ stored: StoredReplica,
        insteadOf recovery: RangeRecovery,
        _ completion: @escaping RecoverCompletion
    ) {
        let range = recovery.range
        let successor = stored.state.descriptor.id
        recoveries[range] = RecoveryRecord(.founded, recovery, last: nil, successor: successor)
        promised[range] = nil
        tombstones[range] = .highest
        noteGivenUp(recovery.givenUp)
        removeLog(of: range, lowestNumber: .highest)
        do throws(StoreError) {
            try start(stored, nil, isNew: true)
        } catch {
            return fail(error)
        }
        logger.notice(
            "a range was recovered: a new one takes its place",
            metadata: [
                StoreLogKeys.range: "\(range)", StoreLogKeys.child: "\(successor)",
            ]
        )
        if let replica = replicas[successor] { drive(replica) { $0.campaignAtOnce() } }
        completion(recoveryReply(about: [range]))
    }
}

extension AppliedState {
    /// Makes the successor of a range out of the replica: rows, time and request table stay, the log begins anew above
    /// every index that was seen, and this disk has the only voter.
    func found(
        _ recovery: RangeRecovery,
        on own: StoreMember,
        at birth: LogIndex,
        in transaction: inout any RowEngineTransaction
    ) throws(StoreError) -> StoredReplica {
        try refresh(in: &transaction)
        let old = stored
        let range = recovery.range
        let record = try RecoveryRecord.load(of: range, in: &transaction)
        guard record?.state == .promised, record?.recovery == recovery else {
            throw StoreError(.closed, "the replica has promised something else meanwhile")
        }
        let number = ReplicaNumber(1)
        var descriptor = old.state.descriptor
        descriptor.id = recovery.successor
        // Hints about the lost range give way to those about this one.
        descriptor.epoch.configuration += 1
        descriptor.epoch.bounds += 1
        descriptor.replicas = [
            ReplicaDescriptor(
                number: number,
                node: own.node,
                address: own.address,
                disk: own.disk,
                role: .voter
            )
        ]
        descriptor.nextNumber = ReplicaNumber(2)
        let configuration = try RaftConfiguration(voters: [number])
        var state = RangeState(
            descriptor: descriptor,
            slot: old.state.slot,
            space: old.state.space,
            birth: .birth(of: configuration, at: birth)
        )
        state.time = old.state.time
        state.requests = old.state.requests
        state.size = old.state.size
        state.versionOffset = old.state.versionOffset
        state.deletions = RecentDeletions(after: state.version(at: birth))
        state.markAllClientsChanged()
        try old.erase(from: &transaction)
        try Tombstone.bury(range, lowestNumber: .highest, in: &transaction)
        try RecoveryRecord(.founded, recovery, last: nil, successor: descriptor.id)
            .save(in: &transaction)
        try GivenUpDisks.note(recovery.givenUp, in: &transaction)
        var new = StoredReplica(number: number, state: state)
        try new.save(into: &transaction)
        return new
    }
}
