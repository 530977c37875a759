// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// The applied state of a replica.
///
/// Unchecked: only works of the ``RowEngine`` use it, and they run one after the other.
final class AppliedState: @unchecked Sendable {
    private(set) var stored: StoredReplica

    init(_ stored: StoredReplica) {
        self.stored = stored
    }

    var state: RangeState { stored.state }

    /// What came of entries that were applied by one work.
    struct Outcome: Sendable {
        var results: [AppliedEntry]
        var view: RangeView
        /// What the entries have changed in rows, in their order.
        var changes: [AppliedChanges] = []
        /// Replicas of this disk that splits among the entries have made.
        var births: [StoredReplica] = []
        /// Whether there are rows to be deleted.
        var hasDiscardedRows = false
    }

    /// Applies entries and stores what they change.
    func apply(
        _ entries: [LogEntry],
        in transaction: inout any RowEngineTransaction
    ) throws(StoreError) -> Outcome {
        var outcome = Outcome(results: [], view: RangeView(stored.state))
        outcome.results.reserveCapacity(entries.count)
        transaction.mayUseReserve = true
        do throws(StoreError) {
            for entry in entries {
                var rows: [ChangedRow] = []
                let result = try stored.state.apply(entry, to: &transaction, noting: &rows)
                outcome.results.append(result)
                if !rows.isEmpty {
                    outcome.changes.append(
                        AppliedChanges(version: stored.state.version(at: entry.index), rows: rows)
                    )
                }
                guard case .split(let child) = result else { continue }
                if let born = try settle(child, in: &transaction) {
                    outcome.births.append(born)
                } else {
                    outcome.hasDiscardedRows = true
                }
            }
            try stored.save(into: &transaction)
        } catch {
            // The work is undone. What the state has taken from it is read again.
            isStale = true
            throw error
        }
        outcome.view = RangeView(stored.state)
        return outcome
    }

    /// Stores the child of a split. A replica that messages have made before keeps its number and its vote, and
    /// takes the rows.
    ///
    /// - Returns: nil where this disk has no replica of the child by this split: the replica was removed
    ///   already, maybe made anew under a higher number. Its rows are discarded then.
    private func settle(
        _ child: RangeState,
        in transaction: inout any RowEngineTransaction
    ) throws(StoreError) -> StoredReplica? {
        let number = stored.number
        let range = child.descriptor.id
        let known = try StoredReplica.loadHeader(range, in: child.space, from: &transaction)
        let lowest = try Tombstone.lowestNumber(of: range, in: &transaction)
        guard child.configuration.contains(number), known?.number ?? number == number,
            lowest ?? number <= number
        else {
            try DiscardedRows(of: child).record(in: &transaction)
            return nil
        }
        if known?.state.hasData == true {
            throw StoreError(
                .corrupted,
                "range \(state.descriptor.id) splits, and the child \(range) has data already"
            )
        }
        var born = StoredReplica(number: number, state: child)
        try born.save(into: &transaction)
        return born
    }

    /// Whether the state in memory is ahead of the stored one, because a work was undone.
    private var isStale = false

    /// Reads the state again if it is stale.
    func refresh(in transaction: inout any RowEngineTransaction) throws(StoreError) {
        guard isStale else { return }
        let range = state.descriptor.id
        guard let read = try StoredReplica.load(range, in: state.space, from: &transaction) else {
            throw StoreError(.corrupted, "the record of range \(range) is missing")
        }
        stored = read
        isStale = false
    }

    /// Takes over another replica's state, whose rows are in a slot already.
    ///
    /// - Returns: whether it could: not while another replica of this disk has rows of the same positions, and not
    ///   if this replica was removed or has got its state from a split meanwhile. The rows are discarded then.
    func replace(
        by snapshot: RangeSnapshot,
        in slot: Slot,
        of transaction: inout any RowEngineTransaction
    ) throws(StoreError) -> Bool {
        try refresh(in: &transaction)
        let old = stored
        let descriptor = snapshot.state.descriptor
        let header = try StoredReplica.loadHeader(
            descriptor.id,
            in: old.state.space,
            from: &transaction
        )
        guard header?.number == old.number, header?.state.applied == old.state.applied,
            try StoredReplica.ranges(
                overlapping: descriptor,
                in: old.state.space,
                from: &transaction
            ).isEmpty
        else {
            try IncomingRows.discard(slot, in: &transaction)
            return false
        }
        try old.erase(from: &transaction)
        if old.state.hasData { try DiscardedRows(of: old.state).record(in: &transaction) }
        try IncomingRows.forget(slot, in: &transaction)
        var new = StoredReplica(number: old.number, state: snapshot.state)
        new.state.slot = slot
        new.state.markAllClientsChanged()
        try new.save(into: &transaction)
        stored = new
        return true
    }

    /// Deletes the replica's records, and leaves a tombstone. Its rows are deleted later.
    func bury(
        lowestNumber lowest: ReplicaNumber,
        in transaction: inout any RowEngineTransaction
    ) throws(StoreError) {
        let range = state.descriptor.id
        try Tombstone.bury(range, lowestNumber: lowest, in: &transaction)
        // What is stored counts: a split may have given the replica its state a moment ago. The request table is not
        // read, so that a damaged one can be deleted.
        guard
            let present = try StoredReplica.loadHeader(range, in: state.space, from: &transaction)
        else { return }
        try present.erase(from: &transaction)
        guard present.state.hasData else { return }
        try DiscardedRows(of: present.state).record(in: &transaction)
    }
}
