// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Number and bytes of a range's rows.
///
/// A split divides the size as its leader has counted it while rows changed, so that one half counts too much and the
/// other too little. A count that falls below zero by that is kept: the sum of all ranges stays right.
package struct RangeSize: Hashable, Sendable {
    private var countedRows: Int64
    private var countedBytes: Int64

    package init(rows: UInt64 = 0, bytes: UInt64 = 0) {
        countedRows = Int64(bitPattern: rows)
        countedBytes = Int64(bitPattern: bytes)
    }

    package var rows: UInt64 { UInt64(max(0, countedRows)) }

    package var bytes: UInt64 { UInt64(max(0, countedBytes)) }

    /// What is left without a part.
    func without(_ part: Self) -> Self {
        var rest = self
        rest.countedRows &-= part.countedRows
        rest.countedBytes &-= part.countedBytes
        return rest
    }

    /// Both together.
    package func with(_ other: Self) -> Self {
        without(Self().without(other))
    }

    /// Counts one more row.
    package mutating func add(_ element: RowPage.Element) {
        replace(nil, by: element.row, at: element.key)
    }

    /// Counts a change of one row.
    mutating func replace(_ old: Row?, by new: Row?, at key: RowKey) {
        let fixed = Int64(key.partition.count + key.key.count)
        if let old {
            countedRows &-= 1
            countedBytes &-= fixed + Int64(old.value.count)
        }
        if let new {
            countedRows &+= 1
            countedBytes &+= fixed + Int64(new.value.count)
        }
    }
}

// MARK: - Bytes

extension RangeSize {
    func encode(to writer: inout ByteWriter) {
        writer.number(UInt64(bitPattern: countedRows))
        writer.number(UInt64(bitPattern: countedBytes))
    }

    init(decoding reader: inout ByteReader) throws(StoreError) {
        self.init(rows: try reader.number(), bytes: try reader.number())
    }
}
