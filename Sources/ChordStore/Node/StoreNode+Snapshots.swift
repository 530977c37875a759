// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordRPC

// The Raft message of a snapshot does not travel by itself: it is made of the data's header when all data have come.
// So a receiver never waits for data that do not come.

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
        guard let member = replica.descriptor(of: receiver)?.member else {
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
        var snapshot = snapshot
        snapshot.term = replica.machine.term
        transport.send(snapshot, to: member) { [weak self] isComplete in
            self?.assumeIsolated { node in
                guard let replica = node.replicas[range] else { return }
                node.drive(replica) { $0.snapshotSent(to: receiver, isComplete: isComplete) }
            }
        }
    }

    // MARK: - Receiving

    /// The data of a snapshot have come.
    ///
    /// - Returns: whether the replica takes it, or has it already.
    package func receive(_ snapshot: RangeSnapshot, from node: String) -> Bool {
        let descriptor = snapshot.state.descriptor
        guard failure == nil, let replica = replicas[descriptor.id],
            snapshot.to == replica.number, replica.received == nil,
            accepts(snapshot.from, on: node, by: descriptor, for: replica)
        else { return false }
        guard overlapping(descriptor) == nil else { return false }
        replica.received = snapshot
        step(snapshot.message, of: replica)
        guard replica.received != nil else {
            return replica.machine.commit >= snapshot.state.applied
        }
        if replica.isInstalling { return true }
        // The machine did not want it.
        replica.received = nil
        return replica.machine.commit >= snapshot.state.applied
    }

    /// A range, of which this node has data, that overlaps one of which data come. Its replica lags behind, or
    /// was removed; it asks at once.
    func overlapping(_ descriptor: RangeDescriptor) -> RangeDescriptor? {
        let overlapping = replicas.values.filter { other in
            other.range != descriptor.id && other.view.hasData
                && other.view.descriptor.bounds.overlaps(descriptor.bounds)
        }.sorted { $0.range < $1.range }
        for other in overlapping { askAtOnce(about: other) }
        return overlapping.first?.view.descriptor
    }

    /// The machine wants the snapshot whose data have come.
    func install(_ snapshot: RaftSnapshot, of replica: Replica) {
        guard let received = replica.received, received.state.position == snapshot,
            !replica.isInstalling
        else {
            replica.machine.snapshotAbandoned()
            return
        }
        replica.isInstalling = true
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
                    switch result {
                    case .success(let isInstalled): node.confirmInstalled(range, isInstalled)
                    case .failure(let error) where error.code == .diskFull:
                        node.confirmInstalled(range, false)
                    case .failure(let error): node.fail(error)
                    }
                }
            }
        )
    }

    /// The log forgets what the snapshot replaces only once the rows have it durably.
    private func confirmInstalled(_ range: RangeID, _ isInstalled: Bool) {
        guard failure == nil, let replica = replicas[range], replica.isInstalling else { return }
        guard isInstalled else {
            replica.endInstallation()
            return drive(replica) { $0.snapshotAbandoned() }
        }
        rows.commit { [weak self] result in
            self?.assumeIsolated { node in
                guard node.failure == nil else { return }
                if case .failure(let error) = result { return node.fail(error) }
                node.installed(range)
            }
        }
    }

    private func installed(_ range: RangeID) {
        guard let replica = replicas[range], let received = replica.received,
            replica.isInstalling
        else { return }
        replica.endInstallation()
        replica.view = RangeView(received.state)
        noteBounds(of: replica)
        replica.durablyApplied = received.state.applied
        replica.undurable = []
        replica.unapplied.removeAll { $0.index <= received.state.applied }
        failWrites(of: replica, through: received.state.applied)
        drive(replica) { $0.snapshotInstalled(received.state.position) }
        runConfirmedReads(of: replica)
        clearDiscardedRows()
    }
}

extension RangeSnapshot {
    /// The leader's message.
    fileprivate var message: RaftMessage {
        RaftMessage(from: from, to: to, term: term, body: .snapshot(state.position))
    }

    /// Reads the state of a range with all its rows.
    fileprivate init(
        of state: RangeState,
        from: ReplicaNumber,
        to: ReplicaNumber,
        in transaction: inout any RowEngineTransaction
    ) throws(StoreError) {
        self.init(
            state: state,
            term: state.appliedTerm,
            from: from,
            to: to,
            rows: try transaction.rows(of: state)
        )
    }
}

extension RowEngineTransaction {
    /// All rows of a range.
    mutating func rows(of state: RangeState) throws(StoreError) -> [RowPage.Element] {
        var rows: [RowPage.Element] = []
        for interval in state.bounds.intervals {
            var next: RowInterval? = interval.rows(of: state.slot)
            while let part = next {
                let page = try scan(part, limit: RowLimit(rows: 4096, bytes: 4 << 20))
                rows += page.rows
                next = page.next.map {
                    RowInterval(slot: state.slot, first: $0, end: part.end)
                }
            }
        }
        return rows
    }
}
