// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

// The bytes of a snapshot: a head, then blocks.
//
//     head    "chord-rows" and the version of the format, 1
//     block   length of the content, 4 bytes, big endian
//             CRC-32 of all content up to the end of this block, 4 bytes, big endian
//             content: kind, 1 byte; then
//                 1 record   name as text, value
//                 2 rows     number of rows; of each: position, partition, key, version, expiry or none, value
//                 3 end      number of rows in all blocks
//
// Numbers and byte strings are `ByteWriter`'s. Rows are in order, records come before rows. The slot is not
// part of the bytes: it is the receiver's own.

/// Constants of the format.
enum RowStreamFormat {
    static let magic = Array("chord-rows".utf8)
    static let version: UInt8 = 1
    static let blockHeaderBytes = 8
    /// The content of a block of rows ends with the row that makes it this long.
    static let blockBytes = 64 << 10
    /// The longest content that is accepted: one record or one row, whichever is longer, and the rest.
    static let mostContentBytes =
        max(RowLimits.metadataBytes, RowLimits.valueBytes + blockBytes) + (8 << 10)

    enum Kind: UInt8 {
        case record = 1
        case rows = 2
        case end = 3
    }
}

/// Writes the bytes of a snapshot.
struct RowStreamEncoder {
    private(set) var rowCount = 0
    private let blockBytes: Int
    private var checksum: UInt32 = 0
    private var rows = ByteWriter()
    private var rowsInBlock = 0

    /// - Parameter blockBytes: a block of rows ends with the row that makes it this long.
    init(blockBytes: Int = RowStreamFormat.blockBytes) {
        self.blockBytes = min(max(blockBytes, 1), RowStreamFormat.blockBytes)
    }

    func start() -> [UInt8] {
        RowStreamFormat.magic + [RowStreamFormat.version]
    }

    /// The block of a record.
    mutating func record(_ name: String, _ value: [UInt8]) -> [UInt8] {
        var content = ByteWriter(reserving: value.count + name.utf8.count + 16)
        content.text(name)
        content.string(value)
        return block(.record, [content.bytes])
    }

    /// Adds a row.
    ///
    /// - Returns: a block of rows that is full.
    mutating func row(_ row: Row, at key: RowKey) -> [UInt8]? {
        rows.string(key.position)
        rows.string(key.partition)
        rows.string(key.key)
        rows.number(row.version.number)
        rows.optional(row.expiry) { writer, time in writer.number(time.milliseconds) }
        rows.string(row.value)
        rowsInBlock += 1
        rowCount += 1
        return rows.bytes.count >= blockBytes ? takeRows() : nil
    }

    private mutating func takeRows() -> [UInt8]? {
        guard rowsInBlock > 0 else { return nil }
        var count = ByteWriter()
        count.number(rowsInBlock)
        let content = rows.bytes
        rows = ByteWriter(reserving: blockBytes * 2)
        rowsInBlock = 0
        return block(.rows, [count.bytes, content])
    }

    /// The last bytes.
    mutating func finish() -> [UInt8] {
        let last = takeRows() ?? []
        var count = ByteWriter()
        count.number(rowCount)
        return last + block(.end, [count.bytes])
    }

    private mutating func block(_ kind: RowStreamFormat.Kind, _ parts: [[UInt8]]) -> [UInt8] {
        checksum = Checksum.crc32([kind.rawValue], continuing: checksum)
        for part in parts { checksum = Checksum.crc32(part, continuing: checksum) }
        let length = parts.reduce(1) { $0 + $1.count }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(RowStreamFormat.blockHeaderBytes + length)
        for number in [UInt32(length), checksum] {
            withUnsafeBytes(of: number.bigEndian) { bytes += $0 }
        }
        bytes.append(kind.rawValue)
        for part in parts { bytes += part }
        return bytes
    }
}
