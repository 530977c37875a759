// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine

// A backup: lines of JSON objects, each ended by a line break. docs/backup.md is its contract.
//
//     header   format, store, ring, its identifiers, time, program
//     range    identifier, bounds, version, time; then blocks:
//     row      key, partition, value, version, remaining time to live
//     block    its number, rows, and the CRC-32 of all lines since the block line before; the last one of a range
//              says so
//     end      totals

/// Constants of the format.
enum BackupFormat {
    static let version: UInt64 = 1
    /// The longest line that is read: the largest value, each byte of which takes six, and its key.
    static let mostLineBytes = 20 << 20
}

/// What a backup says of its store.
struct BackupHeader: Equatable {
    var store: String
    var ring: String
    /// Bits of the ring's identifiers.
    var width: Int
    var hash: String
    /// When the export began, as time since 1970 by its machine's clock.
    var time: Duration

    var json: JSON {
        .object([
            ("chord_backup", .integer(Int(BackupFormat.version))), ("store", .string(store)),
            ("ring", .string(ring)), ("width", .integer(width)), ("hash", .string(hash)),
            ("time", .string(time.stamp)), ("tool", .string("chord \(ChordVersion.number)")),
        ])
    }
}

/// A range of a backup.
struct BackupRange: Equatable {
    var range: String
    /// The bounds, as hexadecimal digits.
    var after: String
    var through: String
    var version: UInt64
    /// When its rows were read. Their times to live count from here.
    var time: Duration

    init(_ exported: StoreExportedRange, width: Int, time: Duration) {
        range = exported.range
        after = exported.bounds.lowerBound.hexadecimal(width: width)
        through = exported.bounds.upperBound.hexadecimal(width: width)
        version = exported.version
        self.time = .milliseconds(Int64(time.milliseconds))
    }

    var json: JSON {
        .object([
            ("range", .string(range)), ("after", .string(after)), ("through", .string(through)),
            ("version", .version(version)), ("time", .string(time.stamp)),
            ("time_ms", .integer(Int(time.milliseconds))),
        ])
    }

    init?(_ line: FlatJSON) {
        guard let range = line.text("range"), let after = line.text("after"),
            let through = line.text("through"), let version = line.number("version"),
            let time = line.number("time_ms").flatMap(Int64.init(exactly:))
        else { return nil }
        self.range = range
        self.after = after
        self.through = through
        self.version = version
        self.time = .milliseconds(time)
    }
}

/// Counts of a backup, which its last line tells.
struct BackupTotals: Equatable {
    var ranges: UInt64 = 0
    var blocks: UInt64 = 0
    var rows: UInt64 = 0
    /// Bytes of partitions, keys and values.
    var bytes: UInt64 = 0
    /// The highest version of a range, and so of all rows and of all keys that were deleted before.
    var version: UInt64 = 0

    var members: [(String, JSON)] {
        [
            ("ranges", .integer(Int(clamping: ranges))),
            ("blocks", .integer(Int(clamping: blocks))),
            ("rows", .integer(Int(clamping: rows))), ("bytes", .integer(Int(clamping: bytes))),
            ("version", .version(version)),
        ]
    }

    var json: JSON { .object([("end", .boolean(true))] + members) }

    mutating func count(_ row: StoreRow) {
        rows += 1
        bytes += UInt64(row.value.bytes.count + row.key.name.count)
        if let partition = row.key.partition, partition != row.key.name {
            bytes += UInt64(partition.count)
        }
    }
}

extension StoreRow {
    /// The row as a line. A key that is its own partition is written without one.
    var backupLine: JSON {
        var key = key
        if key.partition == key.name { key.partition = nil }
        return .object(
            JSON.members(of: key) + JSON.members("value", value.bytes)
                + [("version", .version(value.version))]
                + (value.timeToLive.map { [("ttl_ms", .integer(Int($0.milliseconds)))] } ?? [])
        )
    }

    /// Reads a row; nil if the line is none.
    init?(backup line: FlatJSON) {
        guard let name = line.bytes("key"), let value = line.bytes("value"),
            let version = line.number("version"), version > 0
        else { return nil }
        var timeToLive: Duration?
        if line["ttl_ms"] != nil {
            guard let given = line.number("ttl_ms").flatMap(Int64.init(exactly:)), given > 0 else {
                return nil
            }
            timeToLive = .milliseconds(given)
        }
        let partition = line.bytes("partition")
        guard partition != nil || line["partition"] == nil && line["partition_base64"] == nil else {
            return nil
        }
        self.init(
            key: StoreKey(name, in: partition ?? name),
            value: StoreValue(value, version: version, timeToLive: timeToLive)
        )
    }
}

extension FlatJSON {
    /// Bytes that are written as text, or in base64 under another name.
    func bytes(_ name: String) -> [UInt8]? {
        if let text = text(name) { return Array(text.utf8) }
        guard let text = text("\(name)_base64") else { return nil }
        return Array(text.utf8).withUnsafeBytes { Base64.decode($0) }
    }
}
