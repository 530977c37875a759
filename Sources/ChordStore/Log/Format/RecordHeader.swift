// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

// A record is a header, a payload, and zeros up to a multiple of eight bytes. The header, numbers with the
// lowest byte first:
//
//      2  0x4C43
//      1  format version, now 1
//      1  kind
//      4  bytes of the payload
//      8  number of the record, one more than that of the record before, in whichever segment
//      8  offset in the segment before which everything was synced when the record was written
//      4  checksum of payload and zeros
//      4  checksum of the disk id, the segment's number, the record's offset and the header so far
//
// This layout is that of every version, so that a newer one is recognised. The checksum covers the place, so
// that a record is valid only where it was written. A client that stores values cannot imitate a header, because the
// disk id is random and stays on the disk.
//
// The synced offset tells a torn write from damage. A crash can tear only what was not synced. So a bad record
// is damage where a later header says that everything up to beyond it was synced. It is a torn write else:
// it and all after it were written by the last commit, which was acknowledged to nobody.

/// The header of a record.
struct RecordHeader: Hashable, Sendable {
    /// What the payload of a record is.
    enum Kind: UInt8, Sendable {
        /// The updates of a batch.
        case batch = 1
        /// Updates that garbage collection wrote again: live parts of groups, at their places.
        case rewrite = 2
        /// Nothing. The record says that everything before it was synced.
        case mark = 3
        /// The number of the next segment (8 bytes), in which the log goes on.
        case seal = 4
        /// The number of the oldest segment that is still needed (8 bytes).
        case collected = 5
    }

    static let size = 32
    static let version: UInt8 = 1
    private static let magic: UInt16 = 0x4C43

    /// The kind; one that this release does not know stays a number.
    var kind: UInt8
    var version = Self.version
    var length: Int
    var sequence: UInt64
    var syncedThrough: Int
    var payloadChecksum: UInt32

    /// Bytes of a whole record with a payload.
    static func recordSize(payload: Int) -> Int {
        size + padded(payload)
    }

    static func padded(_ size: Int) -> Int {
        (size + 7) & ~7
    }

    /// Writes the header over its bytes in a buffer.
    ///
    /// - Parameter seed: the checksum of the record's place.
    func write(into bytes: inout [UInt8], at offset: Int, seed: UInt32) {
        bytes.replace(at: offset, littleEndian: Self.magic)
        bytes.replace(at: offset + 2, littleEndian: version)
        bytes.replace(at: offset + 3, littleEndian: kind)
        bytes.replace(at: offset + 4, littleEndian: UInt32(length))
        bytes.replace(at: offset + 8, littleEndian: sequence)
        bytes.replace(at: offset + 16, littleEndian: UInt64(syncedThrough))
        bytes.replace(at: offset + 24, littleEndian: payloadChecksum)
        let checksum = Checksum.crc32(
            bytes.span.bytes.extracting(offset..<offset + 28),
            continuing: seed
        )
        bytes.replace(at: offset + 28, littleEndian: checksum)
    }

    /// Reads the header at an offset; nil where there is none.
    init?(in bytes: [UInt8], at offset: Int, of place: SegmentPlace) {
        guard bytes.count - offset >= Self.size,
            bytes.littleEndian(at: offset, as: UInt16.self) == Self.magic,
            bytes.littleEndian(at: offset + 28, as: UInt32.self)
                == Checksum.crc32(
                    bytes.span.bytes.extracting(offset..<offset + 28),
                    continuing: place.seed(at: offset)
                )
        else { return nil }
        version = bytes[offset + 2]
        kind = bytes[offset + 3]
        length = Int(bytes.littleEndian(at: offset + 4, as: UInt32.self))
        sequence = bytes.littleEndian(at: offset + 8, as: UInt64.self)
        syncedThrough = Int(clamping: bytes.littleEndian(at: offset + 16, as: UInt64.self))
        payloadChecksum = bytes.littleEndian(at: offset + 24, as: UInt32.self)
    }

    init(
        kind: Kind,
        length: Int,
        sequence: UInt64,
        syncedThrough: Int,
        payloadChecksum: UInt32
    ) {
        self.kind = kind.rawValue
        self.length = length
        self.sequence = sequence
        self.syncedThrough = syncedThrough
        self.payloadChecksum = payloadChecksum
    }
}

/// A segment of a disk, as the checksums of its records cover it.
struct SegmentPlace: Sendable {
    private let checksum: UInt32

    init(disk: DiskID, segment: UInt64) {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: disk.high)
        bytes.append(littleEndian: disk.low)
        bytes.append(littleEndian: segment)
        checksum = Checksum.crc32(bytes)
    }

    /// The checksum that the header of a record at an offset continues.
    func seed(at offset: Int) -> UInt32 {
        withUnsafeBytes(of: UInt64(offset).littleEndian) {
            Checksum.crc32($0.bytes, continuing: checksum)
        }
    }
}
