// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord

/// Why a file is no whole backup.
struct BackupFault: Error, Equatable {
    enum Kind: Equatable {
        /// The file is something else, or of a later release.
        case wrongFile
        /// A line is not as it was written.
        case damaged
        /// The end is missing.
        case incomplete
    }

    var kind: Kind
    var message: String
}

/// Reads the lines of a backup, and checks them. A block is delivered once its checksum fits.
struct BackupDecoder {
    /// What the lines up to one tell.
    enum Item: Equatable {
        case header(BackupHeader)
        case block(BackupRange, [StoreRow], isFirst: Bool, isLast: Bool)
        case end(BackupTotals)
    }

    private(set) var header: BackupHeader?
    private(set) var totals = BackupTotals()
    private(set) var lineNumber = 0
    /// The first bound of the first range, and the last bound of the last whole range.
    private(set) var beginning: String?
    private(set) var reached: String?
    private(set) var isComplete = false

    private var range: BackupRange?
    private var isFirstBlock = false
    private var rows: [StoreRow] = []
    private var checksum: UInt32 = 0

    /// Takes a line.
    ///
    /// - Parameter bytes: the line, with its line break.
    mutating func append(_ bytes: [UInt8]) throws(BackupFault) -> Item? {
        lineNumber += 1
        guard !isComplete else { throw damage("follows the last line of the backup") }
        let line = FlatJSON(bytes.dropLast(bytes.last == 0x0A ? 1 : 0))
        guard header != nil else { return try readHeader(line, bytes) }
        guard let line else { throw damage("is no JSON object, so it is not as it was written") }
        if let number = line.number("block") { return try readBlock(number, line) }
        if line.flag("end") { return try readEnd(line) }
        checksum = Checksum.crc32(bytes, continuing: checksum)
        if line["range"] != nil {
            try begin(line)
            return nil
        }
        guard range != nil else { throw damage("has a row outside of a range") }
        guard let row = StoreRow(backup: line) else {
            throw damage("is neither a row nor another line of a backup")
        }
        rows.append(row)
        return nil
    }

    /// There are no more lines.
    func finish() throws(BackupFault) {
        guard header != nil else {
            throw BackupFault(kind: .wrongFile, message: "it is empty, and no backup")
        }
        guard isComplete else {
            throw BackupFault(
                kind: .incomplete,
                message: "its end is missing: it breaks off after line \(lineNumber), and has"
                    + " \(totals.blocks) whole blocks with \(totals.rows) rows"
            )
        }
    }

    /// The fault of a line.
    func damage(_ what: String) -> BackupFault {
        BackupFault(
            kind: .damaged,
            message: "line \(lineNumber), in block \(totals.blocks + 1), \(what)"
        )
    }

    private mutating func readHeader(
        _ line: FlatJSON?,
        _ bytes: [UInt8]
    ) throws(BackupFault) -> Item {
        guard let line, line["chord_backup"] != nil else {
            throw BackupFault(
                kind: .wrongFile,
                message: "its first line is not that of a backup of chord store export"
            )
        }
        guard line.number("chord_backup") == BackupFormat.version else {
            let version = line.number("chord_backup").map(String.init) ?? "unknown"
            throw BackupFault(
                kind: .wrongFile,
                message: "it has format \(version), and this release reads format"
                    + " \(BackupFormat.version): use the release that wrote it, or a later one"
            )
        }
        guard let store = line.text("store"), let ring = line.text("ring"),
            let width = line.number("width"), width <= 512, let hash = line.text("hash"),
            line.text("time") != nil
        else { throw damage("lacks what the first line of a backup has") }
        checksum = Checksum.crc32(bytes)
        let header = BackupHeader(
            store: store,
            ring: ring,
            width: Int(width),
            hash: hash,
            time: .zero
        )
        self.header = header
        return .header(header)
    }

    private mutating func begin(_ line: FlatJSON) throws(BackupFault) {
        guard range == nil else { throw damage("begins a range within another") }
        guard let begun = BackupRange(line) else { throw damage("lacks what a range has") }
        guard reached == nil || reached == begun.after, beginning == nil || beginning != reached
        else { throw damage("begins a range that does not follow the one before") }
        range = begun
        isFirstBlock = true
        if beginning == nil { beginning = begun.after }
    }

    private mutating func readBlock(
        _ number: UInt64,
        _ line: FlatJSON
    ) throws(BackupFault) -> Item {
        guard let range, number == totals.blocks + 1 else {
            throw damage("ends block \(number), which is not the next one")
        }
        guard line.number("rows") == UInt64(rows.count), let told = line.text("crc32"),
            UInt32(told, radix: 16) == checksum
        else {
            throw BackupFault(
                kind: .damaged,
                message:
                    "block \(number), which ends in line \(lineNumber), fails its checksum: one of its"
                    + " \(rows.count) rows, or another of its lines, is not as it was written"
            )
        }
        totals.blocks += 1
        for row in rows { totals.count(row) }
        totals.version = max(totals.version, range.version)
        let isLast = line.flag("range_end")
        let item = Item.block(range, rows, isFirst: isFirstBlock, isLast: isLast)
        rows = []
        checksum = 0
        isFirstBlock = false
        if isLast {
            totals.ranges += 1
            reached = range.through
            self.range = nil
        }
        return item
    }

    private mutating func readEnd(_ line: FlatJSON) throws(BackupFault) -> Item {
        guard range == nil, rows.isEmpty, totals.ranges > 0, beginning == reached else {
            throw damage("ends the backup before its ranges make up the ring")
        }
        let told: [UInt64?] = ["ranges", "blocks", "rows", "bytes", "version"].map(line.number)
        guard told == [totals.ranges, totals.blocks, totals.rows, totals.bytes, totals.version]
        else { throw damage("has other totals than the lines before") }
        isComplete = true
        return .end(totals)
    }
}
