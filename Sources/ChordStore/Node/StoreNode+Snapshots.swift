// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordRPC

extension StoreNode {
    // MARK: - Sending

    /// A follower needs what the log does not have any more.
    func sendSnapshot(of replica: Replica, to receiver: ReplicaNumber) {
        let range = replica.range
        let state = replica.state
        let from = replica.number
        rows.submit(
            { transaction throws(StoreError) in
                try state.refresh(in: &transaction)
                return try RangeSnapshot(
                    of: state.state,
                    from: from,
                    to: receiver,
                    in: &transaction
                )
            },
            { [weak self] result in
                self?.assumeIsolated { node in
                    guard let replica = node.replicas[range] else { return }
                    switch result {
                    case .success(let snapshot): node.send(snapshot, of: replica, to: receiver)
                    case .failure:
                        node.drive(replica) { $0.snapshotSent(to: receiver, isComplete: false) }
                    }
                }
            }
        )
    }

    private func send(
        _ snapshot: RangeSnapshot,
        of replica: Replica,
        to receiver: ReplicaNumber
    ) {
        guard let member = replica.descriptor(of: receiver) else {
            return drive(replica) { $0.snapshotSent(to: receiver, isComplete: false) }
        }
        let range = replica.range
        var isNeeded = true
        drive(replica) { machine in
            do throws(RaftRefusal) {
                try machine.sendSnapshot(to: receiver, at: snapshot.state.applied)
            } catch {
                isNeeded = false
            }
        }
        guard isNeeded else { return }
        transport.send(
            snapshot,
            to: StoreMember(node: member.node, address: member.address, disk: member.disk)
        ) { [weak self] isComplete in
            self?.assumeIsolated { node in
                guard let replica = node.replicas[range] else { return }
                node.drive(replica) { $0.snapshotSent(to: receiver, isComplete: isComplete) }
            }
        }
    }

    // MARK: - Receiving

    /// The data of a snapshot have come. They are installed once the leader's message asks for it.
    package func receive(_ snapshot: RangeSnapshot, from node: String) -> Bool {
        guard failure == nil, let replica = replicas[snapshot.state.descriptor.id],
            snapshot.to == replica.number,
            snapshot.state.descriptor.replica(snapshot.from)?.node == node
                || replica.descriptor(of: snapshot.from)?.node == node
        else { return false }
        replica.received = snapshot
        install(of: replica)
        return true
    }

    /// The machine waits for the data of this snapshot.
    func awaitSnapshot(_ snapshot: RaftSnapshot, of replica: Replica) {
        replica.awaited = snapshot
        install(of: replica)
        let range = replica.range
        // A sender that has died sends no data. The next leader sends a snapshot of its own.
        _ = executor.schedule(after: .seconds(60)) { [weak self] in
            self?.assumeIsolated { node in
                guard let replica = node.replicas[range], replica.awaited == snapshot,
                    !replica.isInstalling
                else { return }
                replica.awaited = nil
                node.drive(replica) { $0.snapshotAbandoned() }
            }
        }
    }

    private func install(of replica: Replica) {
        guard let awaited = replica.awaited, let received = replica.received,
            received.state.applied == awaited.index, received.state.appliedTerm == awaited.term,
            !replica.isInstalling
        else { return }
        replica.isInstalling = true
        replica.received = nil
        let range = replica.range
        let slot = nextSlot
        nextSlot = Slot(slot.number + 1)
        let state = replica.state
        rows.submit(
            { transaction throws(StoreError) in
                try state.replace(by: received, in: slot, of: &transaction)
            },
            { [weak self] result in
                self?.assumeIsolated { node in
                    guard case .failure(let error) = result else { return }
                    node.fail(error)
                }
            }
        )
        // The log forgets what the snapshot replaces only once the rows have it.
        rows.commit { [weak self] result in
            self?.assumeIsolated { node in
                guard node.failure == nil, let replica = node.replicas[range] else { return }
                if case .failure(let error) = result { return node.fail(error) }
                replica.isInstalling = false
                replica.awaited = nil
                replica.view = RangeView(received.state)
                replica.durablyApplied = received.state.applied
                node.drive(replica) { $0.snapshotInstalled(awaited) }
            }
        }
    }
}

extension RangeSnapshot {
    /// Reads the state of a range with all its rows.
    fileprivate init(
        of state: RangeState,
        from: ReplicaNumber,
        to: ReplicaNumber,
        in transaction: inout any RowEngineTransaction
    ) throws(StoreError) {
        var rows: [RowPage.Element] = []
        for interval in state.bounds.intervals {
            var next: RowInterval? = interval.rows(of: state.slot)
            while let part = next {
                let page = try transaction.scan(part, limit: RowLimit(rows: 4096, bytes: 4 << 20))
                rows += page.rows
                next = page.next.map {
                    RowInterval(slot: state.slot, first: $0, end: part.end)
                }
            }
        }
        self.init(state: state, term: state.appliedTerm, from: from, to: to, rows: rows)
    }
}

extension AppliedState {
    /// Takes over another replica's state and rows.
    fileprivate func replace(
        by snapshot: RangeSnapshot,
        in slot: Slot,
        of transaction: inout any RowEngineTransaction
    ) throws(StoreError) {
        let old = stored
        try old.erase(from: &transaction)
        var new = StoredReplica(number: old.number, state: snapshot.state)
        new.state.slot = slot
        for element in snapshot.rows {
            var key = element.key
            key.slot = slot
            try transaction.put(element.row, at: key)
        }
        new.state.markAllClientsChanged()
        try new.save(into: &transaction)
        var cleared: Int
        repeat {
            cleared = try transaction.clear(old.state.slot, within: old.state.bounds, atMost: 4096)
        } while cleared == 4096
        stored = new
    }
}
