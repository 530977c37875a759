// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

extension StoreNode {
    /// What a replica makes of a snapshot whose rows have come.
    enum SnapshotFate {
        /// It takes the place of the replica's state.
        case installing
        /// The replica has all of it already.
        case notNeeded
        case refused
    }

    /// Gives a replica the snapshot whose rows have come.
    func take(_ received: ReceivedSnapshot, from node: String) -> SnapshotFate {
        let snapshot = received.snapshot
        let descriptor = snapshot.state.descriptor
        guard failure == nil, let replica = replicas[descriptor.id],
            snapshot.to == replica.number, replica.received == nil,
            accepts(snapshot.from, on: node, by: descriptor, for: replica)
        else { return .refused }
        guard overlapping(descriptor) == nil else { return .refused }
        replica.received = received
        drive(replica) { step(snapshot.message, into: &$0, of: replica.range) }
        if replica.isInstalling { return .installing }
        // The machine did not want it.
        replica.received = nil
        return replica.machine.commit >= snapshot.state.applied ? .notNeeded : .refused
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

    /// The machine wants the snapshot whose rows have come. One small work switches slot, descriptor and position;
    /// the rows of the former slot are deleted later.
    func install(_ snapshot: RaftSnapshot, of replica: Replica) {
        guard let received = replica.received, received.snapshot.state.position == snapshot,
            !replica.isInstalling
        else {
            replica.machine.snapshotAbandoned()
            return
        }
        replica.isInstalling = true
        // Entries are applied before the snapshot that replaces them.
        releaseHeldEntries(of: replica)
        let range = replica.range
        let state = replica.state
        rows.submit(
            { transaction throws(StoreError) in
                try state.replace(by: received.snapshot, in: received.slot, of: &transaction)
            },
            { [weak self] result in
                self?.assumeIsolated { node in
                    switch result {
                    case .success(let isInstalled): node.confirmInstalled(range, isInstalled)
                    case .failure(let error): node.failed(error, of: range)
                    }
                }
            }
        )
    }

    /// The log forgets what the snapshot replaces only once the rows have it durably.
    private func confirmInstalled(_ range: RangeID, _ isInstalled: Bool) {
        guard failure == nil else { return }
        guard isInstalled else {
            clearDiscardedRows()
            guard let replica = replicas[range], replica.isInstalling else { return }
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
        guard let replica = replicas[range], let received = replica.received?.snapshot,
            replica.isInstalling
        else { return }
        replica.endInstallation()
        replica.view = RangeView(received.state)
        noteBounds(of: replica)
        recentChanges.begin(range, after: received.state.version)
        replica.durablyApplied = received.state.applied
        replica.undurable = []
        replica.unapplied.removeAll { $0.index <= received.state.applied }
        replica.endChecksum("the replica has got a snapshot")
        failWrites(of: replica, through: received.state.applied)
        drive(replica) { $0.snapshotInstalled(received.state.position) }
        runConfirmedReads(of: replica)
        clearDiscardedRows()
    }
}
