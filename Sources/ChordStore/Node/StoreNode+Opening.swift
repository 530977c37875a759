// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import Logging
import ChordCore
import ChordRPC

extension StoreNode {
    /// Opens log and rows, and starts the replicas that this disk has.
    ///
    /// - Throws: why one of them cannot be opened, or what they contradict each other in. The data are as
    ///   before.
    package func open() async throws(StoreError) {
        try settings.validate()
        try await result { self.rows.open($0) }
        let recovered = try await result { self.log.open($0) }
        let space = space
        let stored = try await work { transaction throws(StoreError) in
            // A snapshot that had not come whole when the process ended is sent anew.
            for slot in try IncomingRows.slots(in: &transaction) {
                try IncomingRows.discard(slot, in: &transaction)
            }
            var replicas: [StoredReplica] = []
            var damaged: [(replica: StoredReplica, error: StoreError)] = []
            for range in try StoredReplica.ranges(in: &transaction) {
                guard
                    let header = try StoredReplica.loadHeader(range, in: space, from: &transaction)
                else { continue }
                do throws(StoreError) {
                    if let replica = try StoredReplica.load(range, in: space, from: &transaction) {
                        replicas.append(replica)
                    }
                } catch {
                    guard error.code == .corrupted else { throw error }
                    damaged.append((header, error))
                }
            }
            return Stored(
                replicas: replicas,
                damaged: damaged,
                recoveries: try RecoveryRecord.all(in: &transaction),
                givenUp: try GivenUpDisks.all(in: &transaction),
                tombstones: try Tombstone.all(in: &transaction),
                lastSlot: try
                    (transaction.slots() + DiscardedRows.all(in: &transaction).map(\.slot))
                    .max()
            )
        }
        recoveries = stored.recoveries
        givenUp = stored.givenUp
        guard !givenUp.contains(identity.member.disk) else {
            throw .givenUp(disk: identity.member.disk)
        }
        tombstones = recovered.tombstones.merging(stored.tombstones) { max($0, $1) }
        let usedSlots =
            (stored.replicas + stored.damaged.map(\.replica)).map(\.state.slot)
            + (stored.lastSlot.map { [$0] } ?? [])
        nextSlot = Slot((usedSlots.max()?.number ?? 0) + 1)
        try finishRemovals(recovered, stored)
        for (replica, error) in stored.damaged {
            let range = replica.state.descriptor.id
            guard recoveries[range] == nil else {
                promised[range] = PromisedReplica(DamagedReplica(replica))
                continue
            }
            setAside(DamagedReplica(replica), because: error)
        }
        for replica in stored.replicas {
            let range = replica.state.descriptor.id
            if let record = recoveries[range] {
                // It has ended its part in the range. One that has retired is deleted further.
                promised[range] = PromisedReplica(
                    replica,
                    recovered.groups[range],
                    promised: record.last
                )
                continue
            }
            do throws(StoreError) {
                try start(replica, recovered.groups[range], isNew: false)
            } catch  where error.code == .corrupted {
                setAside(DamagedReplica(replica), because: error)
            }
        }
        for (range, record) in recoveries where record.state != .promised {
            guard let replica = promised.removeValue(forKey: range) else { continue }
            delete(range, replica.state, lowestNumber: .highest)
        }
        clearDiscardedRows()
        spreadCampaigns()
        beginHeartbeats()
    }

    /// What the rows hold at the start.
    private struct Stored: Sendable {
        var replicas: [StoredReplica]
        /// Replicas of which more than the header cannot be read.
        var damaged: [(replica: StoredReplica, error: StoreError)]
        var recoveries: [RangeID: RecoveryRecord]
        var givenUp: Set<DiskID>
        var tombstones: [RangeID: ReplicaNumber]
        var lastSlot: Slot?
    }

    /// A replica whose record is deleted has no log any more.
    ///
    /// - Throws: `corrupted` where the log has a group of which the rows know nothing: they were lost, and with
    ///   them the number under which the group has voted.
    private func finishRemovals(
        _ recovered: RecoveredLog,
        _ stored: Stored
    ) throws(StoreError) {
        let known = Set(
            (stored.replicas + stored.damaged.map(\.replica)).map(\.state.descriptor.id)
        )
        for range in recovered.groups.keys.sorted() where !known.contains(range) {
            guard let lowest = stored.tombstones[range] else {
                throw StoreError(
                    .corrupted,
                    "the log has entries of range \(range), and the rows have no record of it: they are older "
                        + "than the log; wipe the directory and let the node's replicas be made anew"
                )
            }
            removeLog(of: range, lowestNumber: lowest)
        }
    }

    /// Starts a replica with what log and rows have of it.
    ///
    /// - Parameter isNew: whether the replica has never taken part in its group.
    func start(
        _ stored: StoredReplica,
        _ group: RecoveredGroup?,
        isNew: Bool
    ) throws(StoreError) {
        let state = stored.state
        let group = group ?? RecoveredGroup()
        var restored = RaftMachine.Restored(
            hardState: group.hardState,
            base: group.compactedThrough,
            entries: group.entries,
            applied: RaftSnapshot(
                index: state.applied,
                term: state.appliedTerm,
                configuration: state.configuration
            )
        )
        restored.isNew = isNew
        let machine = try RaftMachine(
            number: stored.number,
            restored: restored,
            settings: settings.raft,
            seed: executor.random(),
            now: now
        )
        let replica = Replica(
            machine: machine,
            stored: stored,
            logBase: group.compactedThrough,
            now: now
        )
        replicas[replica.range] = replica
        noteBounds(of: replica)
        recentChanges.begin(replica.range, after: state.version)
        drive(replica)
    }

    /// Makes a replica whose record becomes durable before it takes part: a replica that forgot its number
    /// could vote twice.
    func make(_ descriptor: RangeDescriptor, number: ReplicaNumber, birth: RaftSnapshot) {
        let range = descriptor.id
        guard replicas[range] == nil, beingMade[range] == nil else { return }
        beingMade[range] = true
        let slot = takeSlot()
        let stored = StoredReplica(
            number: number,
            state: RangeState(descriptor: descriptor, slot: slot, space: space, birth: birth)
        )
        rows.submit(
            { transaction throws(StoreError) in
                // A split that was applied meanwhile has made the replica.
                let known = try StoredReplica.loadHeader(
                    range,
                    in: stored.state.space,
                    from: &transaction
                )
                guard known == nil else { return false }
                var stored = stored
                try stored.save(into: &transaction)
                return true
            },
            { [weak self] result in
                self?.assumeIsolated { node in
                    switch result {
                    case .success(let isNew): node.beingMade[range] = isNew
                    case .failure(let error): node.fail(error)
                    }
                }
            }
        )
        rows.commit { [weak self] result in
            self?.assumeIsolated { node in
                guard node.beingMade.removeValue(forKey: range) == true, node.failure == nil else {
                    return
                }
                do throws(StoreError) {
                    if case .failure(let error) = result { throw error }
                    try node.start(stored, nil, isNew: true)
                } catch {
                    node.fail(error)
                }
            }
        }
    }

    /// Makes the first range of a new store, with one voter. Once in the life of a store.
    package func giveBirth(to range: RangeID) async throws(StoreError) {
        let number = ReplicaNumber(1)
        let descriptor = RangeDescriptor(
            id: range,
            bounds: IdentifierRange(after: .zero, through: .zero),
            replicas: [
                ReplicaDescriptor(
                    number: number,
                    node: identity.member.node,
                    address: identity.member.address,
                    disk: identity.member.disk,
                    role: .voter
                )
            ],
            nextNumber: ReplicaNumber(2),
            replication: settings.replicas
        )
        let configuration = try RaftConfiguration(voters: [number])
        make(descriptor, number: number, birth: .birth(of: configuration))
        // The commit of `make` comes before this one.
        try await result { self.rows.commit($0) }
        if let failure { throw failure }
    }

    /// Closes log and rows.
    package func close() async {
        for replica in replicas.values { replica.timer?.work.cancel() }
        placementTimer?.cancel()
        heartbeatTimer?.cancel()
        stopWatches()
        failure = failure ?? StoreError(.closed, "the store of this node is closed")
        await withCheckedContinuation { continuation in log.close { continuation.resume() } }
        await withCheckedContinuation { continuation in
            rows.close { _ in continuation.resume() }
        }
    }

    /// The engine's events.
    package func handle(_ event: RowEngineEvent) {
        switch event {
        case .durable(let sequence): rowsDurable(through: sequence)
        case .diskFull: rowsBecame(full: true)
        case .diskHasRoom: rowsBecame(full: false)
        case .closed(let error): fail(error)
        }
    }

    // MARK: - Waiting

    private func result<Value: Sendable>(
        _ start: (@escaping @Sendable (Result<Value, StoreError>) -> Void) -> Void
    ) async throws(StoreError) -> Value {
        let result: Result<Value, StoreError> = await withCheckedContinuation { continuation in
            start { continuation.resume(returning: $0) }
        }
        return try result.get()
    }

    private func work<Value: Sendable>(
        _ work: @escaping @Sendable (inout any RowEngineTransaction) throws(StoreError) -> Value
    ) async throws(StoreError) -> Value {
        try await result { self.rows.submit(work, $0) }
    }
}
