// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

/// Reads the bytes of a snapshot as they arrive.
///
/// The bytes come from a peer or a file: no input traps, and no more than one block is kept.
package struct RowStreamDecoder: Sendable {
    /// What a snapshot holds.
    package enum Item: Hashable, Sendable {
        /// A record of the slot.
        case record(name: String, value: [UInt8])
        /// Rows in order.
        case rows([RowPage.Element])
    }

    /// The slot that the rows get.
    private let slot: Slot
    private var buffer: [UInt8] = []
    /// Bytes of the buffer that were read.
    private var taken = 0
    private var checksum: UInt32 = 0
    private var last: RowKey?
    private var rowCount: UInt64 = 0
    private var hasStarted = false
    /// Whether the last block was read. Only then is the snapshot complete.
    package private(set) var isComplete = false

    /// - Parameter slot: the local slot into which the rows go.
    package init(into slot: Slot) {
        self.slot = slot
    }

    /// Takes the next bytes.
    ///
    /// - Returns: what is complete by them.
    /// - Throws: `unknownVersion`; `corrupted` if the bytes are not those of a snapshot. The decoder is of no
    ///   use then.
    package mutating func append(_ bytes: [UInt8]) throws(StoreError) -> [Item] {
        buffer += bytes
        var items: [Item] = []
        if !hasStarted {
            guard try readHead() else { return [] }
        }
        while let block = try nextBlock() {
            if let item = try decode(block) { items.append(item) }
        }
        buffer.removeFirst(taken)
        taken = 0
        return items
    }

    private mutating func readHead() throws(StoreError) -> Bool {
        let magic = RowStreamFormat.magic
        guard buffer.starts(with: magic.prefix(buffer.count)) else {
            throw failure("do not begin as a snapshot does")
        }
        guard buffer.count > magic.count else { return false }
        let version = buffer[magic.count]
        guard version == RowStreamFormat.version else {
            throw StoreError(
                .unknownVersion,
                "a snapshot has format \(version), this release knows \(RowStreamFormat.version): "
                    + "update this node"
            )
        }
        taken = magic.count + 1
        hasStarted = true
        return true
    }

    /// The content of the next block; nil if it is not complete.
    private mutating func nextBlock() throws(StoreError) -> [UInt8]? {
        let header = RowStreamFormat.blockHeaderBytes
        guard buffer.count - taken >= header else {
            if isComplete, buffer.count > taken { throw failure("go on after their end") }
            return nil
        }
        guard !isComplete else { throw failure("go on after their end") }
        func number(at place: Int) -> UInt32 {
            buffer[place..<place + 4].reduce(0) { $0 << 8 | UInt32($1) }
        }
        let length = Int(number(at: taken))
        guard (1...RowStreamFormat.mostContentBytes).contains(length) else {
            throw failure("have a block of \(length) bytes")
        }
        guard buffer.count - taken - header >= length else { return nil }
        let content = Array(buffer[taken + header..<taken + header + length])
        checksum = Checksum.crc32(content, continuing: checksum)
        guard checksum == number(at: taken + 4) else { throw failure("fail their checksum") }
        taken += header + length
        return content
    }

    private mutating func decode(_ block: [UInt8]) throws(StoreError) -> Item? {
        var reader = ByteReader(block, what: "a block of a snapshot")
        guard let kind = RowStreamFormat.Kind(rawValue: try reader.byte()) else {
            throw StoreError(
                .unknownVersion,
                "a snapshot has a block of kind \(block[0]), which this release does not know"
            )
        }
        switch kind {
        case .record:
            guard last == nil else { throw failure("have a record after rows") }
            let name = try reader.text()
            let value = try reader.string()
            try reader.end()
            try RowMetadataName(.slot(slot), name).checkLimits(value: value)
            return .record(name: name, value: value)
        case .rows:
            return .rows(try rows(&reader))
        case .end:
            let count = try reader.number()
            try reader.end()
            guard count == rowCount else {
                throw failure("have \(rowCount) rows instead of \(count)")
            }
            isComplete = true
            return nil
        }
    }

    private mutating func rows(
        _ reader: inout ByteReader
    ) throws(StoreError) -> [RowPage.Element] {
        let count = try reader.count()
        var rows: [RowPage.Element] = []
        for _ in 0..<count {
            let key = RowKey(
                slot: slot,
                position: try reader.string(),
                partition: try reader.string(),
                key: try reader.string()
            )
            let version = LogIndex(try reader.number())
            let expiry = try reader.optional { reader throws(StoreError) in
                RangeTime(milliseconds: try reader.number())
            }
            let row = Row(value: try reader.string(), version: version, expiry: expiry)
            try key.checkLimits()
            try row.checkLimits()
            guard version.isPlausible else { throw failure("have a version of \(version)") }
            if let last, !last.isBeforeInSlot(key) { throw failure("have rows out of order") }
            last = key
            rows.append(RowPage.Element(key: key, row: row))
        }
        try reader.end()
        rowCount += UInt64(count)
        return rows
    }

    private func failure(_ problem: String) -> StoreError {
        StoreError(
            .corrupted,
            "the bytes of a snapshot \(problem): a transmission or a disk damaged them; send it again"
        )
    }
}
