// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A replica that has ended its part in a range that is being recovered. Its rows and its log stay as they are until
/// the range's successor has been made, here or elsewhere.
struct PromisedReplica {
    let number: ReplicaNumber
    let descriptor: RangeDescriptor
    let state: AppliedState
    /// What the rows have applied.
    let applied: LogIndex
    let commit: LogIndex
    let rows: UInt64
    /// The entries that may not be applied yet, in order.
    var entries: [LogEntry]
    /// The end of the log; nil if the replica cannot be the founder: its data are damaged, old, or not there.
    let last: LogPosition?
    /// The log's hard state, by which its durability is confirmed.
    let hardState: HardState?
    /// The successor is being made of the replica.
    var isFounding = false

    init(_ replica: Replica) {
        let machine = replica.machine
        number = replica.number
        descriptor = replica.view.descriptor
        state = replica.state
        applied = replica.view.applied
        commit = machine.commit
        rows = replica.view.size.rows
        entries = Array(
            machine.log.entries(after: applied, through: machine.last.index, limit: .max)
        )
        last = replica.view.hasData && machine.halt == nil ? machine.last : nil
        hardState = machine.hardState
    }

    init(_ damaged: DamagedReplica) {
        number = damaged.number
        descriptor = damaged.descriptor
        state = damaged.state
        applied = .zero
        commit = .zero
        rows = 0
        entries = []
        last = nil
        hardState = nil
    }

    /// What the disk of a replica holds that had promised before the node started.
    ///
    /// - Parameter promised: the end of the log at the promise.
    init(_ stored: StoredReplica, _ group: RecoveredGroup?, promised: LogPosition?) {
        number = stored.number
        descriptor = stored.state.descriptor
        state = AppliedState(stored)
        applied = stored.state.applied
        commit = group?.hardState.commit ?? applied
        rows = stored.state.size.rows
        entries = (group?.entries ?? []).filter { $0.index > stored.state.applied }
        var end = LogPosition(index: applied, term: stored.state.appliedTerm)
        if let entry = entries.last { end = LogPosition(index: entry.index, term: entry.term) }
        // A log that ends elsewhere was restored from an old copy.
        last = end == promised ? end : nil
        hardState = nil
    }
}
