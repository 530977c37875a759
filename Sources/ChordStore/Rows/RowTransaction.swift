// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

/// What applying a log entry needs of the rows.
///
/// All errors leave the rows as they were before the call.
package protocol RowTransaction {
    /// The row of a key; nil if there is none. Expired rows are there until they are deleted.
    ///
    /// - Throws: `corrupted` if the row fails its checksum; `ioFailed`.
    mutating func get(_ key: RowKey) throws(StoreError) -> Row?

    /// Writes a row in the place of the former one, if there is one.
    ///
    /// - Throws: `tooLarge`; `diskFull`, and then `delete` still works; `ioFailed`, `corrupted`.
    mutating func put(_ row: Row, at key: RowKey) throws(StoreError)

    /// Deletes a row, if there is one.
    ///
    /// - Throws: `ioFailed`, `corrupted`.
    mutating func delete(_ key: RowKey) throws(StoreError)

    /// The keys of the rows of a slot that have expired: by expiry, and by key where that is the same, so
    /// that all replicas delete the same ones.
    ///
    /// - Parameter bounds: the positions of the range. The other half of a split has rows in the same slot,
    ///   and a time of its own.
    /// - Throws: `ioFailed`, `corrupted`.
    mutating func expired(
        in slot: Slot,
        within bounds: RowBounds,
        at time: RangeTime,
        atMost limit: Int
    ) throws(StoreError) -> [RowKey]
}

/// Reads the records that are stored with the rows.
package protocol RowRecordReader {
    /// A record; nil if there is none.
    ///
    /// - Throws: `corrupted`, `ioFailed`.
    mutating func metadata(_ name: RowMetadataName) throws(StoreError) -> [UInt8]?

    /// The names of all records of a scope, in byte order.
    ///
    /// - Throws: `corrupted`, `ioFailed`.
    mutating func metadataNames(
        in scope: RowMetadataName.Scope
    ) throws(StoreError) -> [RowMetadataName]
}

/// What a work of a ``RowEngine`` can do: rows, and the records about them that change with them.
package protocol RowEngineTransaction: RowTransaction, RowRecordReader {
    /// Whether `put` may use some of the reserve of a full disk in the present work. False at the beginning of each
    /// work. Changes that a group has committed already may: deletes behind them must not wait for room.
    var mayUseReserve: Bool { get set }

    /// Rows in order, from the beginning of an interval.
    ///
    /// - Throws: `corrupted`, `ioFailed`.
    mutating func scan(_ interval: RowInterval, limit: RowLimit) throws(StoreError) -> RowPage

    /// The number of rows of an interval, up to a limit.
    ///
    /// - Throws: `corrupted`, `ioFailed`.
    mutating func count(_ interval: RowInterval, atMost limit: Int) throws(StoreError) -> Int

    /// Deletes the first rows of a slot that lie within bounds. A slot of many rows is cleared by several
    /// works, so that no work keeps others waiting for long.
    ///
    /// - Returns: how many rows were deleted; fewer than `limit` where their values are long, and 0 if none are left.
    /// - Throws: `corrupted`, `ioFailed`.
    mutating func clear(
        _ slot: Slot,
        within bounds: RowBounds,
        atMost limit: Int
    ) throws(StoreError) -> Int

    /// Writes a record, or deletes it. A full disk refuses no records, so that deletes can be applied.
    ///
    /// - Throws: `tooLarge`, `corrupted`, `ioFailed`.
    mutating func setMetadata(_ value: [UInt8]?, for name: RowMetadataName) throws(StoreError)

    /// The slots that have rows or records, in order.
    ///
    /// - Throws: `corrupted`, `ioFailed`.
    mutating func slots() throws(StoreError) -> [Slot]
}

/// The name of a small record that its owner stores with the rows: a descriptor, an applied index.
package struct RowMetadataName: Hashable, Sendable, Comparable {
    /// What a record is about.
    package enum Scope: Hashable, Sendable, Comparable {
        case store
        case slot(Slot)
    }

    package var scope: Scope
    /// At most ``RowLimits/metadataNameBytes`` bytes of UTF-8.
    package var name: String

    package init(_ scope: Scope, _ name: String) {
        self.scope = scope
        self.name = name
    }

    package static func < (left: Self, right: Self) -> Bool {
        if left.scope != right.scope { return left.scope < right.scope }
        return Array(left.name.utf8).byteOrder(to: Array(right.name.utf8)) < 0
    }

    /// - Throws: `tooLarge`.
    func checkLimits(value: [UInt8]?) throws(StoreError) {
        if case .slot(let slot) = scope, slot > .highest {
            throw StoreError(.tooLarge, "slot \(slot) is above the highest, \(Slot.highest)")
        }
        guard name.utf8.count <= RowLimits.metadataNameBytes else {
            throw StoreError(
                .tooLarge,
                "the name of a record has \(name.utf8.count) bytes, at most "
                    + "\(RowLimits.metadataNameBytes) fit"
            )
        }
        if let count = value?.count, count > RowLimits.metadataBytes {
            throw StoreError(
                .tooLarge,
                "the record \(name) has \(count) bytes, at most \(RowLimits.metadataBytes) fit"
            )
        }
    }
}

/// How much a scan returns at most. The first row is returned whatever its size, so that every scan gets on.
package struct RowLimit: Hashable, Sendable {
    package var rows: Int
    /// Bytes of partitions, keys and values.
    package var bytes: Int

    package init(rows: Int, bytes: Int) {
        self.rows = rows
        self.bytes = bytes
    }
}

/// Rows that a scan returned.
package struct RowPage: Hashable, Sendable {
    /// One row with its key.
    package struct Element: Hashable, Sendable {
        package var key: RowKey
        package var row: Row

        package init(key: RowKey, row: Row) {
            self.key = key
            self.row = row
        }

        /// What the element counts for in ``RowLimit/bytes``.
        package var size: Int { key.partition.count + key.key.count + row.value.count }
    }

    package var rows: [Element]
    /// Where the scan goes on; nil if the interval has no more rows.
    package var next: RowPlace?

    package init(rows: [Element] = [], next: RowPlace? = nil) {
        self.rows = rows
        self.next = next
    }
}

/// Collects the rows of a scan up to its limit.
struct RowPageBuilder {
    private let limit: RowLimit
    private var bytes = 0
    private(set) var page = RowPage()

    init(limit: RowLimit) {
        self.limit = limit
    }

    /// Whether one more row of this size fits.
    func fits(_ size: Int) -> Bool {
        page.rows.isEmpty
            ? limit.rows > 0
            : page.rows.count < limit.rows && bytes + size <= limit.bytes
    }

    mutating func append(_ element: RowPage.Element) {
        bytes += element.size
        page.rows.append(element)
    }

    mutating func stop(at key: RowKey) {
        page.next = RowPlace(key)
    }
}
