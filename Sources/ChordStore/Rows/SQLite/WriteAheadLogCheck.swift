// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
internal import ChordBase

/// Tells a write-ahead log that was damaged from one that a crash has cut short.
///
/// SQLite takes the log up to the first frame that fails its checksum, and forgets the rest. That is right
/// after a crash, which can only have spoiled the last commit, because each commit is synced before the next
/// one begins. Damage before that would take commits back that were reported as durable, and if some of their
/// pages were copied to the database already, mix two states.
///
/// The check needs a log that was begun after the database was opened last: ``SQLiteRowWriter`` sees to it.
/// [SQLite's file format, section 4]
struct WriteAheadLogCheck {
    private struct Frame {
        var page: UInt32
        var isCommit: Bool
        var salts: ArraySlice<UInt8>
        var checksum: Sum
        /// The first 8 bytes of the header and the page: what the checksum covers.
        var covered: [UInt8]
    }

    /// SQLite's checksum of 32-bit words: two sums, each of which takes the other in.
    private struct Sum: Equatable {
        var first: UInt32 = 0
        var second: UInt32 = 0

        mutating func add(_ bytes: [UInt8], isBigEndian: Bool) {
            bytes.withUnsafeBytes { buffer in
                for offset in stride(from: 0, to: buffer.count - 7, by: 8) {
                    let words = (
                        buffer.loadUnaligned(fromByteOffset: offset, as: UInt32.self),
                        buffer.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
                    )
                    first &+= (isBigEndian ? words.0.bigEndian : words.0.littleEndian) &+ second
                    second &+= (isBigEndian ? words.1.bigEndian : words.1.littleEndian) &+ first
                }
            }
        }
    }

    private static let headerBytes = 32
    private static let frameHeaderBytes = 24
    private static let magic: UInt32 = 0x377F_0682

    private let log: any LogFile
    private let database: any LogFile
    private let pageBytes: Int
    private let frameCount: Int
    private let header: [UInt8]

    /// Reads the header of a log.
    ///
    /// - Parameter database: the file into which the log is copied.
    init(
        log: any LogFile,
        database: any LogFile,
        pageBytes: Int
    ) throws(StoreError) {
        self.log = log
        self.database = database
        self.pageBytes = pageBytes
        header = try log.read(at: 0, count: Self.headerBytes)
        frameCount =
            max(try log.size() - Self.headerBytes, 0) / (Self.frameHeaderBytes + pageBytes)
    }

    private static func number(_ bytes: some Collection<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    private static func sum(_ bytes: ArraySlice<UInt8>) -> Sum {
        Sum(first: number(bytes.prefix(4)), second: number(bytes.dropFirst(4)))
    }

    private func frame(_ place: Int) throws(StoreError) -> Frame {
        let length = Self.frameHeaderBytes + pageBytes
        let bytes = try log.read(at: Self.headerBytes + place * length, count: length)
        guard bytes.count == length else {
            throw StoreError(.ioFailed, "the write-ahead log became shorter while it was read")
        }
        return Frame(
            page: Self.number(bytes[..<4]),
            isCommit: Self.number(bytes[4..<8]) != 0,
            salts: bytes[8..<16],
            checksum: Self.sum(bytes[16..<24]),
            covered: Array(bytes[..<8] + bytes[Self.frameHeaderBytes...])
        )
    }

    /// Whether commits are lost that a crash cannot have taken.
    func isDamaged() throws(StoreError) -> Bool {
        guard header.count == Self.headerBytes, frameCount > 0 else { return false }
        let magic = Self.number(header[..<4])
        let isBigEndian = magic & 1 == 1
        var sum = Sum()
        sum.add(Array(header[..<24]), isBigEndian: isBigEndian)
        guard magic & ~1 == Self.magic, sum == Self.sum(header[24...]) else {
            return try hasLostHeader()
        }
        var lostCommits = 0
        var isValid = true
        for place in 0..<frameCount {
            let frame = try frame(place)
            guard frame.salts.elementsEqual(header[16..<24]) else {
                // What follows was written before the log began anew, or is damaged itself.
                isValid = false
                continue
            }
            if isValid {
                sum.add(frame.covered, isBigEndian: isBigEndian)
                isValid = sum == frame.checksum
            }
            if !isValid, frame.isCommit { lostCommits += 1 }
        }
        return lostCommits > 1
    }

    /// Without a header SQLite ignores the log. If a crash has spoiled the header when the log began anew, all
    /// frames behind it are copied to the database. So a frame that is not was lost by damage.
    private func hasLostHeader() throws(StoreError) -> Bool {
        #if _endian(big)
        let isBigEndian = true
        #else
        let isBigEndian = false
        #endif
        var last: [UInt32: ArraySlice<UInt8>] = [:]
        var sinceCommit: [UInt32: ArraySlice<UInt8>] = [:]
        var former: Frame?
        for place in 0..<frameCount {
            let frame = try frame(place)
            if let former {
                // The checksum of a frame goes on from that of the frame before.
                var sum = former.checksum
                sum.add(frame.covered, isBigEndian: isBigEndian)
                guard frame.salts == former.salts, sum == frame.checksum else { break }
            }
            former = frame
            sinceCommit[frame.page] = frame.covered[8...]
            if frame.isCommit {
                last.merge(sinceCommit) { _, new in new }
                sinceCommit = [:]
            }
        }
        for (page, content) in last where page > 0 {
            let stored = try database.read(at: Int(page - 1) * pageBytes, count: pageBytes)
            // The end of a page holds the checksum that the log does not have.
            let compared = pageBytes - Int(SQLitePageChecksums.reservedBytes)
            guard stored.prefix(compared).elementsEqual(content.prefix(compared)) else {
                return true
            }
        }
        return false
    }
}
#endif
