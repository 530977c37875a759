// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine

/// Makes the lines of a backup.
struct BackupEncoder {
    private(set) var totals: BackupTotals
    private let width: Int
    /// The CRC-32 of the lines since the last block line.
    private var checksum: UInt32 = 0

    /// - Parameter totals: those of the blocks that were written before.
    init(width: Int, totals: BackupTotals = BackupTotals()) {
        self.width = width
        self.totals = totals
    }

    /// The first line of a backup.
    mutating func header(_ header: BackupHeader) -> [UInt8] { line(header.json) }

    /// The lines of a block, with its checksum.
    ///
    /// - Parameter time: when the range was read, of its first block.
    mutating func block(_ block: StoreExportBlock, time: Duration) -> [UInt8] {
        var lines: [UInt8] = []
        if block.isFirst {
            lines += line(BackupRange(block.range, width: width, time: time).json)
            totals.version = max(totals.version, block.range.version)
        }
        for row in block.rows {
            totals.count(row)
            lines += line(row.backupLine)
        }
        totals.blocks += 1
        if block.isLast { totals.ranges += 1 }
        let digits = String(checksum, radix: 16)
        lines += line(
            .object(
                [
                    ("block", .integer(Int(clamping: totals.blocks))),
                    ("rows", .integer(block.rows.count)),
                    (
                        "crc32",
                        .string(String(repeating: "0", count: 8 - digits.count) + digits)
                    ),
                ] + (block.isLast ? [("range_end", .boolean(true))] : [])
            )
        )
        checksum = 0
        return lines
    }

    /// The last line of a backup.
    func end() -> [UInt8] { Array(totals.json.line.utf8) + [0x0A] }

    private mutating func line(_ json: JSON) -> [UInt8] {
        let bytes = Array(json.line.utf8) + [0x0A]
        checksum = Checksum.crc32(bytes, continuing: checksum)
        return bytes
    }
}
