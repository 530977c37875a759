// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
/// The checksum of a row or a record, which is stored with it. It covers the key too, so that content under
/// a wrong key is found.
enum RowChecksum {
    static func of(_ row: Row, at key: RowKey) -> UInt32 {
        let words: InlineArray<7, UInt64> = [
            key.slot.number.littleEndian,
            row.version.number.littleEndian,
            row.expiry == nil ? 0 : 1,
            (row.expiry?.milliseconds ?? 0).littleEndian,
            UInt64(key.position.count).littleEndian,
            UInt64(key.partition.count).littleEndian,
            UInt64(key.key.count).littleEndian,
        ]
        var checksum = Checksum.crc32(words.span.bytes)
        checksum = Checksum.crc32(key.position, continuing: checksum)
        checksum = Checksum.crc32(key.partition, continuing: checksum)
        checksum = Checksum.crc32(key.key, continuing: checksum)
        return Checksum.crc32(row.value, continuing: checksum)
    }

    static func of(_ record: [UInt8], _ name: RowMetadataName) -> UInt32 {
        let (scope, slot) = name.scope.numbers
        let bytes = Array(name.name.utf8)
        let words: InlineArray<3, UInt64> = [
            UInt64(scope).littleEndian, slot.littleEndian, UInt64(bytes.count).littleEndian,
        ]
        let checksum = Checksum.crc32(bytes, continuing: Checksum.crc32(words.span.bytes))
        return Checksum.crc32(record, continuing: checksum)
    }
}

extension RowMetadataName.Scope {
    /// The scope as two columns: its kind, and its slot or 0.
    var numbers: (kind: Int64, slot: UInt64) {
        switch self {
        case .store: (0, 0)
        case .slot(let slot): (1, slot.number)
        }
    }
}

extension RangeTime {
    /// The time as a signed number in the same order.
    var stored: Int64 { Int64(bitPattern: milliseconds ^ 1 << 63) }

    init(stored: Int64) {
        self.init(milliseconds: UInt64(bitPattern: stored) ^ 1 << 63)
    }
}
#endif
