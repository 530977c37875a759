// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// What the executor knows of a replica's applied state. The state itself changes on the thread of the rows.
package struct RangeView: Hashable, Sendable {
    package var descriptor: RangeDescriptor
    package var configuration: RaftConfiguration
    package var applied: LogIndex
    package var time: RangeTime
    package var size: RangeSize

    package init(_ state: RangeState) {
        descriptor = state.descriptor
        configuration = state.configuration
        applied = state.applied
        time = state.time
        size = state.size
    }
}

/// The applied state of a replica.
///
/// Unchecked: only works of the ``RowEngine`` use it, and they run one after the other.
final class AppliedState: @unchecked Sendable {
    var stored: StoredReplica

    init(_ stored: StoredReplica) {
        self.stored = stored
    }

    var state: RangeState { stored.state }

    /// What came of entries that were applied by one work.
    struct Outcome: Sendable {
        var results: [AppliedEntry]
        var view: RangeView
    }

    /// Applies entries and stores what they change.
    func apply(
        _ entries: [LogEntry],
        in transaction: inout any RowEngineTransaction
    ) throws(StoreError) -> Outcome {
        var results: [AppliedEntry] = []
        results.reserveCapacity(entries.count)
        do throws(StoreError) {
            for entry in entries {
                results.append(try stored.state.apply(entry, to: &transaction))
            }
            try stored.save(into: &transaction)
        } catch {
            // The work is undone. What the state has taken from it is read again.
            isStale = true
            throw error
        }
        return Outcome(results: results, view: RangeView(stored.state))
    }

    /// Whether the state in memory is ahead of the stored one, because a work was undone.
    private(set) var isStale = false

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
}
