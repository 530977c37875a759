// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

/// A change of an open transaction, kept until it is durable.
enum RowChange {
    case put(Row, at: RowKey)
    case delete(RowKey)
    /// All rows of an interval were deleted.
    case clear(RowInterval)
    case record([UInt8]?, for: RowMetadataName)

    /// What the change of a row counts for in ``RowCommitPolicy/bytes``.
    static func size(of key: RowKey, _ row: Row?) -> Int {
        overhead + key.position.count + key.partition.count + key.key.count
            + (row?.value.count ?? 0)
    }

    /// What the change of a record counts for.
    static func size(of name: RowMetadataName, _ value: [UInt8]?) -> Int {
        overhead + name.name.utf8.count + (value?.count ?? 0)
    }

    /// What is stored besides the bytes of a row or a record.
    private static let overhead = 32
}

extension StoreError {
    /// The answer to a write while the disk is full.
    static var noRoomForRows: StoreError {
        StoreError(
            .diskFull,
            "the disk of the rows is full: reads and deletes work; make room or move data away"
        )
    }

    /// The answer to requests of an engine that is not open.
    static var rowsNotOpen: StoreError { StoreError(.closed, "the row engine is not open") }
}
