// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The bytes of one segment, read record by record.
struct SegmentReader {
    /// A record that is valid.
    struct Record {
        let kind: RecordHeader.Kind
        let offset: Int
        let payload: Range<Int>
    }

    /// Why there are no more records.
    enum End: Hashable {
        /// The log goes on in the next segment.
        case sealed
        /// The segment has no records from here on. Whether something else follows: a torn write.
        case open(isTorn: Bool)
    }

    let name: String
    let bytes: [UInt8]
    let header: SegmentHeader
    private let place: SegmentPlace
    /// Where the next record begins, or after the last one.
    private(set) var offset = SegmentHeader.size
    private(set) var nextSequence: UInt64
    /// Everything before this offset was synced by the process that wrote the last record.
    private(set) var syncedThrough = SegmentHeader.size
    private(set) var end: End?

    /// - Throws: `corrupted`, `unknownVersion`, `wrongStore`, `wrongDisk`.
    init(
        _ number: UInt64,
        _ bytes: [UInt8],
        of identity: LogIdentity
    ) throws(StoreError) {
        name = LogFileName.segment(number)
        self.bytes = bytes
        guard let header = SegmentHeader(bytes) else {
            throw .damaged(name, 0, "the header of the segment is damaged")
        }
        try Self.check(header, name, identity)
        guard header.number == number else {
            throw .damaged(name, 0, "the segment has number \(header.number)")
        }
        // Numbers that can be counted up for centuries.
        guard number <= 1 << 62, header.firstSequence <= 1 << 62 else {
            throw .damaged(
                name,
                0,
                "the number of the segment or of record \(header.firstSequence) is out of range"
            )
        }
        guard header.oldest <= number else {
            throw .damaged(name, 0, "the segment says that it is not needed itself")
        }
        self.header = header
        nextSequence = header.firstSequence
        place = SegmentPlace(disk: identity.disk, segment: number)
    }

    private static func check(
        _ header: SegmentHeader,
        _ name: String,
        _ identity: LogIdentity
    ) throws(StoreError) {
        guard header.version == SegmentHeader.version else {
            throw .unknown(name, 0, "segment version \(header.version)")
        }
        guard header.identity.store == identity.store else {
            throw StoreError(
                .wrongStore,
                "log segment \(name) belongs to store \(header.identity.store), and this node to store "
                    + "\(identity.store); nothing was changed: give the node its own data directory"
            )
        }
        guard header.identity.disk == identity.disk else {
            throw StoreError(
                .wrongDisk,
                "log segment \(name) belongs to disk \(header.identity.disk), and this data directory is "
                    + "disk \(identity.disk); nothing was changed: files of another data directory were "
                    + "copied here"
            )
        }
    }

    /// The next record; nil at the end.
    ///
    /// - Throws: `corrupted`, `unknownVersion`.
    mutating func next() throws(StoreError) -> Record? {
        guard end == nil else { return nil }
        guard let found = RecordHeader(in: bytes, at: offset, of: place) else {
            return try stop("no record")
        }
        guard found.version == RecordHeader.version else {
            throw .unknown(name, offset, "record version \(found.version)")
        }
        guard let kind = RecordHeader.Kind(rawValue: found.kind) else {
            throw .unknown(name, offset, "record kind \(found.kind)")
        }
        let start = offset + RecordHeader.size
        let padded = RecordHeader.padded(found.length)
        guard padded <= bytes.count - start,
            Checksum.crc32(bytes.span.bytes.extracting(start..<start + padded))
                == found.payloadChecksum
        else {
            return try stop("a record with a wrong checksum")
        }
        guard found.sequence == nextSequence, found.syncedThrough <= offset else {
            throw .damaged(
                name,
                offset,
                "record \(found.sequence) stands where record \(nextSequence) is expected"
            )
        }
        let record = Record(kind: kind, offset: offset, payload: start..<start + found.length)
        offset = start + padded
        nextSequence &+= 1
        syncedThrough = max(syncedThrough, found.syncedThrough)
        if kind == .seal { end = .sealed }
        return record
    }

    /// Judges what lies at the end of the valid records.
    private mutating func stop(_ problem: String) throws(StoreError) -> Record? {
        var isTorn = false
        var place = offset
        while true {
            place = startOfNonzeroWord(from: place)
            guard place < bytes.count else { break }
            isTorn = true
            if let later = RecordHeader(in: bytes, at: place, of: self.place),
                later.syncedThrough > offset
            {
                throw .damaged(
                    name,
                    offset,
                    "\(problem), although the record at \(place) was written after it was synced"
                )
            }
            place += 8
        }
        end = .open(isTorn: isTorn)
        return nil
    }

    /// The next place, in steps of 8 bytes, at which 8 bytes are not all zeros; the end where there is none.
    ///
    /// Most of a segment is room that was reserved. A start reads all of it, so whole pages are compared.
    private func startOfNonzeroWord(from first: Int) -> Int {
        bytes.withUnsafeBytes { bytes in
            var place = first
            for most in [4096, 8] {
                while place < bytes.count {
                    let count = min(most, bytes.count - place)
                    let piece = UnsafeRawBufferPointer(rebasing: bytes[place..<place + count])
                    guard Self.isZero(piece) else { break }
                    place += count
                }
            }
            return place
        }
    }

    /// Whether all of at least one byte are zero: the first is, and each is as the one before.
    private static func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress, bytes[0] == 0 else { return false }
        return memcmp(start, start + 1, bytes.count - 1) == 0
    }
}

extension StoreError {
    /// A log that cannot be what was written.
    static func damaged(_ name: String, _ offset: Int, _ problem: String) -> StoreError {
        StoreError(
            .corrupted,
            "log segment \(name) is damaged at byte \(offset): \(problem); nothing was changed: "
                + "start the node with an empty data directory, and its replicas are made anew "
                + "from the others"
        )
    }

    /// A log of a release that is newer.
    static func unknown(_ name: String, _ offset: Int, _ what: String) -> StoreError {
        StoreError(
            .unknownVersion,
            "log segment \(name) has at byte \(offset) \(what), which this release does not know; "
                + "nothing was changed: run the release that wrote it, or a newer one"
        )
    }
}
