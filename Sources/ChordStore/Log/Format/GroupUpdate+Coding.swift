// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Bytes of an update, numbers with the lowest byte first:
//
//     16  range: high word, low word
//      1  parts that follow, as bits
//      8  term of the hard state         } hard state
//      8  commit                         }
//      8  vote                             vote
//      8  index                          } reset
//      8  term                           }
//      8  index                            truncate after
//      8  index                          } compact through
//      8  term                           }
//      8  lowest later replica number      removal
//      8  index of the first entry       } entries
//      4  number of entries              }
//         for each: term (8), kind (1), bytes of the payload (4), payload

extension GroupUpdate {
    private struct Parts: OptionSet {
        let rawValue: UInt8

        static let hardState = Self(rawValue: 1 << 0)
        static let vote = Self(rawValue: 1 << 1)
        static let truncation = Self(rawValue: 1 << 2)
        static let compaction = Self(rawValue: 1 << 3)
        static let removal = Self(rawValue: 1 << 4)
        static let entries = Self(rawValue: 1 << 5)
        static let reset = Self(rawValue: 1 << 6)
        static let all = Self(rawValue: 1 << 7 - 1)
    }

    /// Bytes of an entry besides its payload.
    static let entryOverhead = 13

    /// Bytes of an update with none of its parts.
    static let leastSize = 17

    var encodedSize: Int {
        var size = Self.leastSize
        if let hardState { size += hardState.vote == nil ? 16 : 24 }
        if reset != nil { size += 16 }
        if truncateAfter != nil { size += 8 }
        if compactThrough != nil { size += 16 }
        if removal != nil { size += 8 }
        if !entries.isEmpty {
            size += 12
            for entry in entries { size += Self.entryOverhead + entry.payload.count }
        }
        return size
    }

    private var parts: Parts {
        var parts: Parts = []
        if let hardState {
            parts.insert(.hardState)
            if hardState.vote != nil { parts.insert(.vote) }
        }
        if reset != nil { parts.insert(.reset) }
        if truncateAfter != nil { parts.insert(.truncation) }
        if compactThrough != nil { parts.insert(.compaction) }
        if removal != nil { parts.insert(.removal) }
        if !entries.isEmpty { parts.insert(.entries) }
        return parts
    }

    /// Appends the bytes. The number of entries and the size of each payload must fit 32 bits, which the
    /// limit of a batch ensures.
    func encode(into bytes: inout [UInt8]) {
        bytes.append(littleEndian: range.high)
        bytes.append(littleEndian: range.low)
        bytes.append(parts.rawValue)
        if let hardState {
            bytes.append(littleEndian: hardState.term.number)
            bytes.append(littleEndian: hardState.commit.number)
            if let vote = hardState.vote { bytes.append(littleEndian: vote.number) }
        }
        if let reset { Self.encode(reset, into: &bytes) }
        if let truncateAfter { bytes.append(littleEndian: truncateAfter.number) }
        if let compactThrough { Self.encode(compactThrough, into: &bytes) }
        if let removal { bytes.append(littleEndian: removal.number) }
        guard let first = entries.first else { return }
        bytes.append(littleEndian: first.index.number)
        bytes.append(littleEndian: UInt32(entries.count))
        for entry in entries {
            bytes.append(littleEndian: entry.term.number)
            bytes.append(entry.kind.rawValue)
            bytes.append(littleEndian: UInt32(entry.payload.count))
            bytes.append(contentsOf: entry.payload)
        }
    }

    init(from reader: inout RecordReader) throws(RecordReader.Malformed) {
        let range = RangeID(high: try reader.number(), low: try reader.number())
        self.init(range)
        let parts = Parts(rawValue: try reader.number())
        guard parts.isSubset(of: .all), !parts.contains(.vote) || parts.contains(.hardState) else {
            throw .init("unknown parts \(parts.rawValue) of an update")
        }
        if parts.contains(.hardState) {
            var hardState = HardState(term: try Self.term(&reader), commit: try Self.index(&reader))
            if parts.contains(.vote) { hardState.vote = ReplicaNumber(try reader.number()) }
            self.hardState = hardState
        }
        if parts.contains(.reset) { reset = try Self.position(&reader) }
        if parts.contains(.truncation) { truncateAfter = try Self.index(&reader) }
        if parts.contains(.compaction) { compactThrough = try Self.position(&reader) }
        if parts.contains(.removal) { removal = ReplicaNumber(try reader.number()) }
        if parts.contains(.entries) { entries = try Self.entries(&reader) }
    }

    private static func entries(
        _ reader: inout RecordReader
    ) throws(RecordReader.Malformed) -> [LogEntry] {
        let first = try index(&reader)
        let count = Int(try reader.number(UInt32.self))
        // The count is checked before room for it is made.
        guard count > 0, count <= reader.rest / entryOverhead, first.adding(count) != nil else {
            throw .init("\(count) entries from \(first) do not fit the record")
        }
        var entries: [LogEntry] = []
        entries.reserveCapacity(count)
        var index = first
        for _ in 0..<count {
            let term = try term(&reader)
            let number = try reader.number(UInt8.self)
            guard let kind = LogEntry.Kind(rawValue: number) else {
                throw .init("unknown kind \(number) of entry \(index)")
            }
            let payload = try reader.bytes(Int(try reader.number(UInt32.self)))
            entries.append(LogEntry(term: term, index: index, kind: kind, payload: payload))
            index = index.successor
        }
        return entries
    }

    private static func encode(_ position: LogPosition, into bytes: inout [UInt8]) {
        bytes.append(littleEndian: position.index.number)
        bytes.append(littleEndian: position.term.number)
    }

    private static func position(
        _ reader: inout RecordReader
    ) throws(RecordReader.Malformed) -> LogPosition {
        let index = try index(&reader)
        return LogPosition(index: index, term: try term(&reader))
    }

    private static func index(
        _ reader: inout RecordReader
    ) throws(RecordReader.Malformed) -> LogIndex {
        let index = LogIndex(try reader.number())
        guard index.isPlausible else { throw .init("index \(index) is out of range") }
        return index
    }

    private static func term(
        _ reader: inout RecordReader
    ) throws(RecordReader.Malformed) -> Term {
        let term = Term(try reader.number())
        guard term.isPlausible else { throw .init("term \(term) is out of range") }
        return term
    }
}

extension [GroupUpdate] {
    /// Bytes of the updates, with their number before them.
    var encodedSize: Int {
        reduce(4) { $0 + $1.encodedSize }
    }

    func encode(into bytes: inout [UInt8]) {
        bytes.append(littleEndian: UInt32(count))
        for update in self { update.encode(into: &bytes) }
    }

    init(from reader: inout RecordReader) throws(RecordReader.Malformed) {
        self.init()
        let count = Int(try reader.number(UInt32.self))
        guard count <= reader.rest / GroupUpdate.leastSize else {
            throw .init("\(count) updates do not fit the record")
        }
        reserveCapacity(count)
        for _ in 0..<count { append(try GroupUpdate(from: &reader)) }
        guard reader.rest == 0 else { throw .init("\(reader.rest) bytes follow the last update") }
    }
}
