// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

/// A snapshot as bytes in memory.
final class MemoryRowSnapshot: RowSnapshot {
    let byteCount: Int
    let rowCount: Int
    let checksum: UInt32
    private let bytes: [UInt8]
    private let host: RowEngineHost

    /// - Throws: `corrupted` if one of the rows is damaged.
    init(
        _ tables: MemoryRowTables,
        _ selection: RowSelection,
        of disk: MemoryRowDisk,
        host: RowEngineHost
    ) throws(StoreError) {
        var encoder = RowStreamEncoder(blockBytes: selection.blockBytes)
        var bytes = encoder.start()
        for record in selection.records { bytes += encoder.record(record.name, record.value) }
        for interval in selection.bounds.intervals {
            var damage: RowKey?
            tables.forEach(in: interval.rows(of: selection.slot)) { key, row in
                guard !disk.damaged.contains(key) else {
                    damage = key
                    return false
                }
                if let block = encoder.row(row, at: key) { bytes += block }
                return true
            }
            if let damage { try disk.check(damage) }
        }
        bytes += encoder.finish()
        self.bytes = bytes
        self.host = host
        byteCount = bytes.count
        checksum = Checksum.crc32(bytes)
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
