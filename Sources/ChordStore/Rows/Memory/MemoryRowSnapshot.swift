// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

/// A snapshot as bytes in memory.
final class MemoryRowSnapshot: RowSnapshot {
    let byteCount: Int
    let rowCount: Int
    private let bytes: [UInt8]
    private let host: RowEngineHost

    init(_ tables: MemoryRowTables, slot: Slot, _ bounds: RowBounds, host: RowEngineHost) {
        var encoder = RowStreamEncoder()
        var bytes = encoder.start()
        for record in tables.records(in: .slot(slot)) {
            bytes += encoder.record(record.name.name, record.value)
        }
        for interval in bounds.intervals {
            tables.forEach(in: interval.rows(of: slot)) { key, row in
                if let block = encoder.row(row, at: key) { bytes += block }
                return true
            }
        }
        bytes += encoder.finish()
        self.bytes = bytes
        self.host = host
        byteCount = bytes.count
        rowCount = encoder.rowCount
    }

    func read(
        at offset: Int,
        atMost count: Int,
        _ completion: @escaping @Sendable (Result<[UInt8], StoreError>) -> Void
    ) {
        let start = min(max(offset, 0), bytes.count)
        let end = start + min(max(count, 0), bytes.count - start)
        let part = Array(bytes[start..<end])
        host.deliver { completion(.success(part)) }
    }

    func discard() {}
}
