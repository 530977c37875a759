// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordStore

/// A range on one replica with rows in memory, driven by commands.
struct RangeFixture {
    var state: RangeState
    var rows = DictionaryRows()

    init(bounds: IdentifierRange = IdentifierRange(after: .zero, through: .zero)) {
        let descriptor = RangeDescriptor(
            id: RangeID(high: 1, low: 2),
            bounds: bounds,
            replicas: [],
            nextNumber: ReplicaNumber(1),
            replication: 3
        )
        state = RangeState(
            descriptor: descriptor,
            slot: Slot(7),
            space: .standard,
            birth: .none
        )
    }

    /// Applies the action as the next entry.
    @discardableResult
    mutating func apply(
        _ action: RangeCommand.Action,
        at milliseconds: UInt64 = 0
    ) throws -> AppliedEntry {
        let command = RangeCommand(time: RangeTime(milliseconds: milliseconds), action: action)
        let entry = LogEntry(
            term: Term(1),
            index: state.applied.successor,
            payload: command.encoded(in: state.space)
        )
        return try state.apply(entry, to: &rows)
    }

    /// Applies a configuration as the next entry.
    mutating func apply(_ configuration: RaftConfiguration) throws {
        let entry = LogEntry(
            term: Term(1),
            index: state.applied.successor,
            kind: .configuration,
            payload: configuration.encoded
        )
        _ = try state.apply(entry, to: &rows)
    }

    /// A write by client `client` with operations on partition "p".
    static func write(
        _ number: UInt64,
        of client: UInt64 = 1,
        lowest: UInt64? = nil,
        preparedAt: UInt64 = 0,
        identity: String = "alice",
        position: Identifier = Identifier(5),
        previous: Bool = false,
        _ operations: WriteOperation...
    ) -> RangeCommand.Action {
        .write(
            WriteCommand(
                id: WriteID(
                    client: ClientID(RandomBits(high: 0, low: client)),
                    number: number,
                    lowestUnanswered: lowest ?? number,
                    preparedAt: RangeTime(milliseconds: preparedAt)
                ),
                identity: identity,
                position: position,
                partition: Array("p".utf8),
                operations: operations,
                wantsPrevious: previous
            )
        )
    }

    /// The stored row of a key of partition "p".
    func row(_ key: String) -> Row? {
        rows.rows[
            RowKey(
                slot: state.slot,
                position: state.space.bytes(of: Identifier(5)),
                partition: Array("p".utf8),
                key: Array(key.utf8)
            )
        ]
    }
}

extension WriteOperation {
    static func put(
        _ key: String,
        _ value: String = "v",
        _ condition: WriteCondition = .none,
        ttl: Duration? = nil
    ) -> Self {
        Self(
            key: Array(key.utf8),
            condition: condition,
            action: .put(value: Array(value.utf8), timeToLive: ttl)
        )
    }

    static func delete(_ key: String, _ condition: WriteCondition = .none) -> Self {
        Self(key: Array(key.utf8), condition: condition, action: .delete)
    }

    static func touch(_ key: String, ttl: Duration?) -> Self {
        Self(key: Array(key.utf8), action: .touch(timeToLive: ttl))
    }

    static func check(_ key: String, _ condition: WriteCondition) -> Self {
        Self(key: Array(key.utf8), condition: condition, action: .check)
    }
}

/// Rows in a dictionary. With `failsAfter`, the operation after so many throws.
struct DictionaryRows: RowTransaction {
    var rows: [RowKey: Row] = [:]
    var failsAfter: Int?

    private mutating func count() throws(StoreError) {
        guard let left = failsAfter else { return }
        guard left > 0 else { throw StoreError(.diskFull, "the disk of the test is full") }
        failsAfter = left - 1
    }

    mutating func get(_ key: RowKey) throws(StoreError) -> Row? {
        try count()
        return rows[key]
    }

    mutating func put(_ row: Row, at key: RowKey) throws(StoreError) {
        try count()
        rows[key] = row
    }

    mutating func delete(_ key: RowKey) throws(StoreError) {
        try count()
        rows[key] = nil
    }

    mutating func expired(
        in slot: Slot,
        within bounds: RowBounds,
        at time: RangeTime,
        atMost limit: Int
    ) throws(StoreError) -> [RowKey] {
        try count()
        return
            rows
            .compactMap { key, row in row.expiry.map { (key, $0) } }
            .filter { $0.1 <= time && bounds.contains($0.0.position) }
            .sorted { $0.1 < $1.1 }
            .prefix(limit)
            .map(\.0)
    }
}
