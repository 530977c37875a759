// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore

/// The replicated state of a range apart from its rows: what applying the log's entries changes.
///
/// Applying uses the entry and this state and the rows alone, no clock and no chance, so all replicas come to
/// the same state. It runs inside a transaction of the ``RowEngine``; state and rows are stored together.
package struct RangeState: Hashable, Sendable {
    package let space: IdentifierSpace
    package var descriptor: RangeDescriptor
    /// Local number under which the range's rows are stored on this disk.
    package var slot: Slot
    /// The last entry that was applied.
    package private(set) var applied: LogIndex
    package private(set) var appliedTerm: Term
    /// The last configuration that was applied.
    package private(set) var configuration: RaftConfiguration
    package internal(set) var time: RangeTime
    package internal(set) var requests: RequestTable
    /// Present keys, and the bytes of their keys and values.
    package internal(set) var size: RangeSize
    /// How far the versions of the range's entries are above their indices. It never falls.
    package internal(set) var versionOffset: UInt64 = 0
    /// What a list of an earlier version must know. Replicas may know it more or less exactly.
    package internal(set) var deletions: RecentDeletions

    /// The state of a range that has no entries yet.
    ///
    /// - Parameter birth: position and configuration with which the range was born.
    package init(
        descriptor: RangeDescriptor,
        slot: Slot,
        space: IdentifierSpace,
        birth: RaftSnapshot
    ) {
        self.space = space
        self.descriptor = descriptor
        self.slot = slot
        applied = birth.index
        appliedTerm = birth.term
        configuration = birth.configuration
        time = .zero
        requests = RequestTable()
        size = RangeSize()
        deletions = RecentDeletions(after: birth.index)
    }

    /// The last applied entry and the configuration there.
    package var position: RaftSnapshot {
        RaftSnapshot(index: applied, term: appliedTerm, configuration: configuration)
    }

    /// Whether the replica has the state of its range. One that a message has made waits for it.
    package var hasData: Bool { applied > .zero }

    /// Applies the next entry of the log.
    ///
    /// - Parameter changes: the changes of rows are added to it, for those who watch them.
    /// - Returns: what to answer to the caller that proposed it.
    /// - Throws: `unknownVersion` or `corrupted`: the replica must stop, and skip nothing. Or an error of the
    ///   rows, whose changes the caller's transaction rolls back. The state is as before in either case.
    package mutating func apply(
        _ entry: LogEntry,
        to rows: inout some RowTransaction,
        noting changes: inout [ChangedRow]
    ) throws(StoreError) -> AppliedEntry {
        guard entry.index == applied.successor else {
            throw StoreError(
                .corrupted,
                "entry \(entry.index) of range \(descriptor.id) follows entry \(applied)"
            )
        }
        // Not a copy of the whole state: that would copy the request table for each entry.
        let before = (time: time, size: size, versionOffset: versionOffset)
        do throws(StoreError) {
            let result = try carryOut(entry, on: &rows, noting: &changes)
            applied = entry.index
            appliedTerm = entry.term
            dropSilentClients(since: before.time)
            return result
        } catch {
            (time, size, versionOffset) = before
            throw error
        }
    }

    private mutating func carryOut(
        _ entry: LogEntry,
        on rows: inout some RowTransaction,
        noting changes: inout [ChangedRow]
    ) throws(StoreError) -> AppliedEntry {
        switch entry.kind {
        case .empty: return .nothing
        case .configuration:
            configuration = try RaftConfiguration(encoded: entry.payload)
            descriptor.adopt(configuration)
            return .descriptorChanged
        case .normal: break
        }
        let command = try RangeCommand(decoding: entry.payload, in: space)
        // The time never goes back: a new leader's clock continues from the last applied time.
        time = max(time, command.time)
        switch command.action {
        case .advance: return .nothing
        case .prepare(let member):
            descriptor.prepare(member)
            return .descriptorChanged
        case .retract:
            descriptor.retractPrepared()
            return .descriptorChanged
        case .setReplication(let count):
            descriptor.setReplication(count)
            return .descriptorChanged
        case .expire(let limit):
            return .expired(
                try expire(
                    atMost: limit,
                    at: version(at: entry.index),
                    on: &rows,
                    noting: &changes
                )
            )
        case .write(let write):
            return try apply(write, at: version(at: entry.index), to: &rows, noting: &changes)
        case .raiseVersions(let floor):
            raiseVersions(above: floor, at: entry.index)
            return .nothing
        case .split(let split):
            return apply(split, at: entry.index)
        }
    }

    /// Divides the range. The rows stay where they are: both halves share the slot.
    private mutating func apply(_ split: RangeSplit, at index: LogIndex) -> AppliedEntry {
        // The leader decided for the descriptor of this epoch. All replicas agree that it is gone.
        guard split.epoch == descriptor.epoch, !configuration.isJoint,
            split.replicas == configuration.members,
            descriptor.bounds.canSplit(at: split.position)
        else { return .nothing }
        var child = self
        child.descriptor = descriptor.split(split)
        // The child's log goes on after this entry, so its versions are above those of its rows.
        let birth = RaftSnapshot.birth(of: configuration, at: index)
        child.applied = birth.index
        child.appliedTerm = birth.term
        child.size = split.size
        child.markAllClientsChanged()
        size = size.without(child.size)
        return .split(child)
    }

    private mutating func dropSilentClients(since before: RangeTime) {
        let interval = RequestTable.Limits.dropInterval
        guard before.milliseconds / interval != time.milliseconds / interval else { return }
        requests.dropSilent(now: time)
    }

    private mutating func apply(
        _ write: WriteCommand,
        at version: LogIndex,
        to rows: inout some RowTransaction,
        noting changes: inout [ChangedRow]
    ) throws(StoreError) -> AppliedEntry {
        // A split has moved the position. Its new range has a copy of the request table and judges anew.
        guard descriptor.bounds.contains(write.position) else { return .refused(.outsideRange) }
        switch requests.verdict(on: write.id, identity: write.identity, now: time) {
        case .repeated(var outcome):
            outcome.isRepeated = true
            return .written(outcome)
        case .refused(let reason): return .refused(reason)
        case .new: break
        }
        let outcome = try carryOut(write, at: version, on: &rows, noting: &changes)
        requests.remember(outcome, of: write.id, identity: write.identity, now: time)
        return .written(outcome)
    }

    /// Checks all conditions against the rows as they are, then applies all operations or none.
    private mutating func carryOut(
        _ write: WriteCommand,
        at version: LogIndex,
        on rows: inout some RowTransaction,
        noting changes: inout [ChangedRow]
    ) throws(StoreError) -> WriteOutcome {
        var present: [Row?] = []
        var answers: [WriteOutcome.Operation] = []
        for operation in write.operations {
            let row = try rows.get(key(operation, of: write))
            present.append(row)
            answers.append(
                WriteOutcome.Operation(
                    conditionHeld: operation.holds(for: row),
                    previousVersion: row?.version,
                    previousValue: write.wantsPrevious ? row?.value : nil
                )
            )
        }
        let holds = answers.allSatisfy(\.conditionHeld)
        if holds {
            for (operation, row) in zip(write.operations, present) {
                let key = key(operation, of: write)
                let change = try apply(operation.action, to: key, row, version, on: &rows)
                if let change { changes.append(ChangedRow(key, change)) }
            }
        }
        return WriteOutcome(applied: holds, version: version, operations: answers)
    }

    /// - Returns: what watchers of the key are told; nil if nothing has changed for them.
    private mutating func apply(
        _ action: WriteAction,
        to key: RowKey,
        _ present: Row?,
        _ version: LogIndex,
        on rows: inout some RowTransaction
    ) throws(StoreError) -> ChangedRow.Change? {
        switch action {
        case .check: return nil
        case .put(let value, let timeToLive):
            let row = Row(value: value, version: version, expiry: expiry(after: timeToLive))
            try rows.put(row, at: key)
            size.replace(present, by: row, at: key)
            return .put(value: value, timeToLive: timeToLive)
        case .delete:
            guard present != nil else { return nil }
            try rows.delete(key)
            size.replace(present, by: nil, at: key)
            deletions.note(version, in: key.partition)
            return .deleted
        case .touch(let timeToLive):
            guard var row = present else { return nil }
            row.expiry = expiry(after: timeToLive)
            try rows.put(row, at: key)
            // Value and version stay.
            return nil
        }
    }

    /// Deletes rows whose time has come, the earliest first.
    private mutating func expire(
        atMost limit: Int,
        at version: LogIndex,
        on rows: inout some RowTransaction,
        noting changes: inout [ChangedRow]
    ) throws(StoreError) -> Int {
        let keys = try rows.expired(
            in: slot,
            within: bounds,
            at: time,
            atMost: min(limit, Self.expiredPerEntry)
        )
        for key in keys {
            let row = try rows.get(key)
            try rows.delete(key)
            size.replace(row, by: nil, at: key)
            deletions.note(version, in: key.partition)
            changes.append(ChangedRow(key, .expired))
        }
        return keys.count
    }

    /// Rows that one entry deletes at most, so that applying it takes a bounded time.
    package static let expiredPerEntry = 1024

    /// The row of a key; nil if the key is absent.
    ///
    /// A row is present until an entry deletes it, also when its time to live is over: with the clock of the node
    /// that reads it could be gone for one leader and back for the next.
    package func row(
        at position: Identifier,
        partition: [UInt8],
        key: [UInt8],
        in rows: inout some RowTransaction
    ) throws(StoreError) -> Row? {
        try rows.get(
            RowKey(
                slot: slot,
                position: space.bytes(of: position),
                partition: partition,
                key: key
            )
        )
    }

    /// The positions of the range, as the rows have them.
    package var bounds: RowBounds {
        RowBounds(
            after: space.bytes(of: descriptor.bounds.lowerBound),
            through: space.bytes(of: descriptor.bounds.upperBound)
        )
    }

    private func expiry(after timeToLive: Duration?) -> RangeTime? {
        timeToLive.map { time.advanced(by: $0) }
    }

    private func key(_ operation: WriteOperation, of write: WriteCommand) -> RowKey {
        RowKey(
            slot: slot,
            position: space.bytes(of: write.position),
            partition: write.partition,
            key: operation.key
        )
    }
}

extension WriteOperation {
    /// Whether the condition holds for the present row.
    fileprivate func holds(for row: Row?) -> Bool {
        switch condition {
        case .none:
            // A touch of an absent key has nothing to renew.
            if case .touch = action { return row != nil }
            return true
        case .absent: return row == nil
        case .version(let version): return row?.version == version
        }
    }
}

/// What an applied entry led to.
package enum AppliedEntry: Hashable, Sendable {
    /// The entry changes nothing that anybody waits for.
    case nothing
    case written(WriteOutcome)
    case refused(WriteRefusal)
    /// Expired rows that were deleted.
    case expired(Int)
    /// The range's descriptor is another one.
    case descriptorChanged
    /// The lower part of the range is a range of its own now, with this state.
    case split(RangeState)
}
