// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine

/// Reads a whole backup from a file, block by block.
struct BackupReading {
    let path: String

    /// What was read up to a fault, or to the end.
    struct Result {
        var header: BackupHeader?
        var totals = BackupTotals()
        /// Why the file is no whole backup; nil for a whole one.
        var fault: BackupFault?
        /// Where the whole ranges end, if there are any: what a partial file keeps.
        var whole: Whole?
    }

    /// The whole ranges at the beginning of a file.
    struct Whole {
        /// Bytes of the file.
        var length: Int
        var totals: BackupTotals
        /// Bounds as hexadecimal digits.
        var beginning: String
        var reached: String
    }

    /// Reads the file. Everything that is passed on is whole: its checksum fits.
    ///
    /// - Throws: `CommandFailure` for a file that cannot be read; the errors of `take`.
    func read(
        _ take: (BackupRange, [StoreRow]) async throws -> Void = { _, _ in }
    ) async throws -> Result {
        var decoder = BackupDecoder()
        var result = Result()
        do {
            let source = try BackupSource(path)
            while let line = try source.next() {
                let item = try decoder.append(line.bytes)
                if case .block(let range, let rows, _, let isLast)? = item {
                    try await take(range, rows)
                    if isLast, let end = line.end, let beginning = decoder.beginning,
                        let reached = decoder.reached
                    {
                        result.whole = Whole(
                            length: end,
                            totals: decoder.totals,
                            beginning: beginning,
                            reached: reached
                        )
                    }
                }
            }
            try decoder.finish()
        } catch let fault as BackupFault {
            result.fault = fault
        } catch let error as FileError {
            throw CommandFailure(.configuration, "\(error)")
        }
        result.header = decoder.header
        result.totals = decoder.totals
        return result
    }
}

extension CommandFailure {
    /// Explains why a file is not imported.
    init(_ fault: BackupFault, of path: String) {
        let hint: String? =
            switch fault.kind {
            case .wrongFile: nil
            case .damaged:
                "take another copy of the backup; chord store import --incomplete writes what is whole before the damage"
            case .incomplete:
                "take another copy of the backup; chord store import --incomplete writes the blocks that are there"
            }
        self.init(.configuration, "\(path): \(fault.message)", hint: hint)
    }
}
