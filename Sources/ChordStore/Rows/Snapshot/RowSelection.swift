// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What a snapshot of rows holds.
package struct RowSelection: Sendable {
    /// Chooses what to copy, by the records of the moment of the copy: bounds and slot of a range may have changed
    /// since the snapshot was asked for.
    package typealias Choice =
        @Sendable (inout any RowRecordReader) throws(StoreError) -> RowSelection

    /// Names and values that come before the rows, in this order.
    package var records: [(name: String, value: [UInt8])]
    package var slot: Slot
    /// The positions of the rows.
    package var bounds: RowBounds
    /// About how many bytes of rows the receiver gets at once. Fewer take less memory there, and more time.
    package var blockBytes: Int

    /// - Parameter blockBytes: nil for the longest blocks.
    package init(
        records: [(name: String, value: [UInt8])],
        slot: Slot,
        bounds: RowBounds,
        blockBytes: Int? = nil
    ) {
        self.records = records
        self.slot = slot
        self.bounds = bounds
        self.blockBytes = blockBytes ?? RowStreamFormat.blockBytes
    }
}
