// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

// The header of a segment, numbers with the lowest byte first:
//
//      8  "CHORDLOG"
//      4  format version of the segment, now 1
//      4  zero
//     16  store id, high word first
//     16  disk id, high word first
//      8  number of the segment
//      8  number of the oldest segment that was needed when this one was made
//      8  number of the first record
//      4  zero
//      4  checksum of the header so far
//
// This layout is that of every version, so that a newer one is recognised.

/// The header of a segment.
struct SegmentHeader: Hashable, Sendable {
    static let size = 80
    static let version: UInt32 = 1
    private static let magic = Array("CHORDLOG".utf8)

    var version = Self.version
    var identity: LogIdentity
    var number: UInt64
    var oldest: UInt64
    var firstSequence: UInt64

    init(identity: LogIdentity, number: UInt64, oldest: UInt64, firstSequence: UInt64) {
        self.identity = identity
        self.number = number
        self.oldest = oldest
        self.firstSequence = firstSequence
    }

    var encoded: [UInt8] {
        var bytes = Self.magic
        bytes.append(littleEndian: version)
        bytes.append(littleEndian: UInt32(0))
        for word in [
            identity.store.high, identity.store.low, identity.disk.high, identity.disk.low,
            number, oldest, firstSequence,
        ] {
            bytes.append(littleEndian: word)
        }
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: Checksum.crc32(bytes))
        return bytes
    }

    /// Reads the header at the beginning of a segment; nil where it is damaged.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.size, bytes.starts(with: Self.magic),
            bytes.littleEndian(at: Self.size - 4, as: UInt32.self)
                == Checksum.crc32(bytes.span.bytes.extracting(0..<Self.size - 4))
        else { return nil }
        func word(_ place: Int) -> UInt64 {
            bytes.littleEndian(at: 16 + 8 * place, as: UInt64.self)
        }
        version = bytes.littleEndian(at: 8, as: UInt32.self)
        identity = LogIdentity(
            store: StoreID(high: word(0), low: word(1)),
            disk: DiskID(high: word(2), low: word(3))
        )
        number = word(4)
        oldest = word(5)
        firstSequence = word(6)
    }
}

/// Names of the files of a log.
enum LogFileName {
    /// The room for one more segment.
    static let spare = "spare"

    /// 16 hexadecimal digits, so that names sort like numbers.
    static func segment(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits + ".segment"
    }

    /// The number of the segment of this name; nil for other files.
    static func number(ofSegment name: String) -> UInt64? {
        guard let number = UInt64(name.prefix(16), radix: 16), segment(number) == name else {
            return nil
        }
        return number
    }
}
