// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Reads what the segments of a directory hold. It changes nothing.
struct LogRecovery {
    /// A segment of which the last commit may not have been synced.
    struct Tail {
        let number: UInt64
        /// Records after the synced offset.
        let unsynced: [UInt8]
        /// Where they begin.
        let start: Int
        /// Where a torn write begins; nil where there is none.
        let cut: Int?

        var end: Int { start + unsynced.count }
    }

    /// What was found.
    struct Result {
        var contents = LogContents(usage: SegmentTable())
        var nextSequence: UInt64 = 0
        /// The last two segments, the active one last.
        var tails: [Tail] = []
        /// Files that are not needed: collected segments, and one that was made but never used.
        var leftovers: [String] = []
    }

    let files: any LogFiles
    let identity: LogIdentity

    /// No segment that this release writes is larger.
    private static let mostBytes = 2 << 30

    /// - Returns: nil where there are no segments.
    /// - Throws: `corrupted`, `unknownVersion`, `wrongStore`, `wrongDisk`, or why a file cannot be read.
    func run() throws(StoreError) -> Result? {
        let numbers = try files.list().compactMap { LogFileName.number(ofSegment: $0) }.sorted()
        guard let last = numbers.last else { return nil }
        let header = try bytes(of: last, atMost: SegmentHeader.size)
        var collected = try SegmentReader(last, header, of: identity).header.oldest
        let oldest = Self.oldest(in: numbers, collected)
        var result = Result()
        result.leftovers = numbers.filter { $0 < oldest }.map(LogFileName.segment)
        var previous: SegmentReader?
        for number in numbers where number >= oldest {
            var reader = try SegmentReader(number, bytes(of: number), of: identity)
            if let previous, previous.end != .sealed {
                // A rotation makes the next segment first, then seals the former one, then uses the next.
                guard number == last, try reader.next() == nil else {
                    throw .damaged(
                        previous.name,
                        previous.offset,
                        "the segment ends without a seal, although the next one has records"
                    )
                }
                result.leftovers.append(reader.name)
                break
            }
            guard previous.map({ $0.nextSequence == reader.nextSequence }) ?? true else {
                throw .damaged(reader.name, 0, "the number of the first record is wrong")
            }
            result.contents.usage.append(number, end: SegmentHeader.size)
            while let record = try reader.next() {
                try apply(record, of: reader, &result.contents, &collected)
            }
            result.contents.usage.setEnd(of: number, reader.offset)
            result.tails = result.tails.suffix(1) + [Self.tail(of: reader)]
            previous = reader
        }
        guard oldest <= collected else {
            throw .damaged(LogFileName.segment(oldest - 1), 0, "the segment is missing")
        }
        guard let previous, previous.end != .sealed else {
            throw .damaged(LogFileName.segment(last &+ 1), 0, "the segment is missing")
        }
        result.nextSequence = previous.nextSequence
        try drop(before: collected, from: &result)
        do throws(Contradiction) {
            try result.contents.checkForGaps()
        } catch {
            throw .damaged(previous.name, previous.offset, error.reason)
        }
        return result
    }

    /// The segment to begin with: the first of those that have no gap up to the last one. Segments before
    /// may be missing, because they are removed in any order. Whether they are all collected is known when
    /// the records have been read.
    private static func oldest(in numbers: [UInt64], _ collected: UInt64) -> UInt64 {
        var oldest = numbers[numbers.count - 1]
        for number in numbers.reversed().dropFirst() {
            guard number + 1 == oldest, oldest > collected else { break }
            oldest = number
        }
        return oldest
    }

    private func bytes(
        of number: UInt64,
        atMost limit: Int = Self.mostBytes
    ) throws(StoreError) -> [UInt8] {
        let file = try files.open(LogFileName.segment(number))
        defer { file.close() }
        let size = try file.size()
        guard size <= Self.mostBytes else {
            throw .damaged(LogFileName.segment(number), 0, "the segment has \(size) bytes")
        }
        return try file.read(at: 0, count: min(size, limit))
    }

    private func apply(
        _ record: SegmentReader.Record,
        of reader: SegmentReader,
        _ contents: inout LogContents<SegmentTable>,
        _ collected: inout UInt64
    ) throws(StoreError) {
        let segment = reader.header.number
        func damaged(_ problem: String) -> StoreError {
            .damaged(reader.name, record.offset, problem)
        }
        var payload = RecordReader(reader.bytes, record.payload)
        do throws(RecordReader.Malformed) {
            switch record.kind {
            case .batch, .rewrite:
                let updates = try [GroupUpdate](from: &payload)
                do throws(Contradiction) {
                    if record.kind == .batch {
                        try contents.replay(updates, in: segment)
                    } else {
                        try contents.restore(updates, in: segment)
                    }
                } catch {
                    throw .init(error.reason)
                }
            case .mark:
                break
            case .seal:
                let next: UInt64 = try payload.number()
                guard next == segment &+ 1 else { throw .init("segment \(next) is to follow") }
            case .collected:
                let oldest: UInt64 = try payload.number()
                guard oldest <= segment else {
                    throw .init("segment \(oldest) is to be the oldest")
                }
                collected = max(collected, oldest)
            }
        } catch {
            throw damaged(error.reason)
        }
    }

    private static func tail(of reader: SegmentReader) -> Tail {
        Tail(
            number: reader.header.number,
            unsynced: Array(reader.bytes[reader.syncedThrough..<reader.offset]),
            start: reader.syncedThrough,
            cut: reader.end == .open(isTorn: true) ? reader.offset : nil
        )
    }

    /// Drops collected segments whose files were not removed before a crash.
    private func drop(before oldest: UInt64, from result: inout Result) throws(StoreError) {
        while let first = result.contents.usage.first, first.number < oldest {
            let name = LogFileName.segment(first.number)
            guard first.live == 0 else {
                throw .damaged(name, 0, "the segment was collected, but records of it are needed")
            }
            _ = result.contents.usage.removeFirst()
            result.leftovers.append(name)
        }
    }
}
