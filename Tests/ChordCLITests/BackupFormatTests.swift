// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCommandLine
import ChordTestSupport
import Foundation
import Testing

@testable import Chord
@testable import ChordCLI

/// The bytes of backups: what is written is read, and nothing else.
@Suite(.tags(.unit)) struct BackupFormatTests {
    private static let header = BackupHeader(
        store: String(repeating: "5", count: 32),
        ring: "test",
        width: 16,
        hash: "sha256",
        time: .seconds(1_799_983_020)
    )

    private static func range(_ after: UInt64, _ through: UInt64) -> StoreExportedRange {
        StoreExportedRange(
            range: String(repeating: "9", count: 32),
            bounds: IdentifierRange(after: Identifier(after), through: Identifier(through)),
            version: 4_000 + after,
            rows: 0
        )
    }

    private static let rows = [
        StoreRow(
            key: StoreKey("greeting", in: "greeting"),
            value: StoreValue(Array("hello \"you\"\\\n\u{7f}é😀".utf8), version: 12)
        ),
        StoreRow(
            key: StoreKey([0, 255], in: [0]),
            value: StoreValue([0, 1, 255], version: 1 << 62, timeToLive: .milliseconds(1_500))
        ),
        StoreRow(key: StoreKey([], in: Array("p".utf8)), value: StoreValue([], version: 1)),
    ]

    /// Three ranges in four blocks.
    private static let blocks = [
        StoreExportBlock(range: range(9, 20), rows: rows, isFirst: true, isLast: false),
        StoreExportBlock(range: range(9, 20), rows: [rows[0]], isFirst: false, isLast: true),
        StoreExportBlock(range: range(20, 30), rows: [], isFirst: true, isLast: true),
        StoreExportBlock(range: range(30, 9), rows: rows, isFirst: true, isLast: true),
    ]

    /// The pieces of a backup: the header, each block, the end.
    private static func pieces() -> [[UInt8]] {
        var encoder = BackupEncoder(width: 16)
        var pieces = [encoder.header(header)]
        for block in blocks { pieces.append(encoder.block(block, time: .milliseconds(77))) }
        return pieces + [encoder.end()]
    }

    private static func items(_ bytes: [UInt8]) throws -> [BackupDecoder.Item] {
        var decoder = BackupDecoder()
        var items: [BackupDecoder.Item] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 0x0A).map { $0 + 1 } ?? rest.endIndex
            if let item = try decoder.append(Array(rest[..<end])) { items.append(item) }
            rest = rest[end...]
        }
        try decoder.finish()
        return items
    }

    private static func fault(_ bytes: [UInt8]) -> BackupFault? {
        #expect(throws: BackupFault.self) { try items(bytes) }
    }

    @Test("what was written is read: text, bytes, empty keys, times to live")
    func roundTrip() throws {
        let items = try Self.items(Self.pieces().flatMap { $0 })
        var read: [StoreRow] = []
        for case .block(let range, let rows, _, _) in items {
            read += rows
            #expect(range.time == .milliseconds(77))
        }
        #expect(read == Self.rows + [Self.rows[0]] + Self.rows)
        guard case .end(let totals)? = items.last else {
            Issue.record("no end: \(items)")
            return
        }
        #expect(totals.ranges == 3 && totals.blocks == 4 && totals.rows == 7)
        #expect(totals.version == 4_030)
    }

    @Test("the bytes of format 1 do not change between releases")
    func golden() {
        let text = String(decoding: Self.pieces().flatMap { $0 }, as: UTF8.self)
        let lines = text.split(separator: "\n")
        #expect(
            lines[0]
                == """
                {"chord_backup": 1, "store": "55555555555555555555555555555555", "ring": "test", "width": 16, \
                "hash": "sha256", "time": "\(Duration.seconds(1_799_983_020).stamp)", "tool": "chord \(ChordVersion.number)"}
                """
        )
        #expect(
            lines[1]
                == """
                {"range": "99999999999999999999999999999999", "after": "0009", "through": "0014", "version": 4009, \
                "time": "1970-01-01T00:00:00.077Z", "time_ms": 77}
                """
        )
        #expect(
            lines[3]
                == """
                {"key_base64": "AP8=", "partition": "\\u0000", "value_base64": "AAH/", "version": 4611686018427387904, \
                "ttl_ms": 1500}
                """
        )
        #expect(lines[5].hasPrefix(#"{"block": 1, "rows": 3, "crc32": ""#))
        #expect(lines[7].hasSuffix(#", "range_end": true}"#))
        #expect(
            lines.last
                == #"{"end": true, "ranges": 3, "blocks": 4, "rows": 7, "bytes": 98, "version": 4030}"#
        )
    }

    @Test("the example in docs/backup.md is a backup")
    func documented() throws {
        let document = try String(
            contentsOf: TestCertificates.root.appending(path: "docs/backup.md"),
            encoding: .utf8
        )
        let begin = try #require(document.range(of: "```json\n"))
        let rest = document[begin.upperBound...]
        let example = try #require(rest.range(of: "```").map { rest[..<$0.lowerBound] })
        let items = try Self.items(Array(example.utf8))
        guard case .block(_, let rows, isFirst: true, isLast: true) = items[1] else {
            Issue.record("no block: \(items)")
            return
        }
        #expect(rows.map(\.value.version) == [12, 40])
        #expect(rows[1].value.bytes == [0, 1, 255] && rows[1].value.timeToLive == .seconds(1.5))
    }

    @Test("a changed byte is found, and the line and the block are named")
    func damage() throws {
        let bytes = Self.pieces().flatMap { $0 }
        let whole = try Self.items(bytes)
        var found = 0
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 0x04
            do {
                // A blank outside of all checksums may be another one.
                #expect(try Self.items(damaged) == whole, "byte \(index)")
            } catch {
                found += 1
            }
        }
        #expect(found > bytes.count * 9 / 10)
        let text = String(decoding: bytes, as: UTF8.self)
        let row = Array(text.replacing("hello", with: "hallo", maxReplacements: 1).utf8)
        let fault = Self.fault(row)
        #expect(fault?.kind == .damaged)
        #expect(
            fault?.message.contains("block 1, which ends in line 6, fails its checksum") == true
        )
    }

    @Test("a file that breaks off is incomplete or damaged wherever it breaks")
    func truncated() throws {
        let bytes = Self.pieces().flatMap { $0 }
        for count in 0..<(bytes.count - 1) {
            #expect(throws: BackupFault.self) { try Self.items(Array(bytes[..<count])) }
        }
        let pieces = Self.pieces()
        let fault = Self.fault(pieces[0] + pieces[1])
        #expect(fault?.kind == .incomplete)
        #expect(fault?.message.contains("1 whole blocks with 3 rows") == true)
    }

    @Test("a later format, another file and an empty one are refused in words")
    func wrongFiles() {
        let later = Self.fault(Array(#"{"chord_backup": 2, "x": 1}"#.utf8))
        #expect(later?.kind == .wrongFile)
        #expect(later?.message.contains("it has format 2, and this release reads format 1") == true)
        for text in ["", "hello\n", "{}\n", "{\"a\": 1}\n", "[1]\n"] {
            #expect(Self.fault(Array(text.utf8))?.kind == .wrongFile, "\(text)")
        }
    }

    @Test("blocks that are missing, twice or in another order are found")
    func order() {
        let pieces = Self.pieces()
        let all = [0, 1, 2, 3, 4, 5]
        for place in 1..<5 {
            let missing = all.filter { $0 != place }
            #expect(Self.fault(missing.flatMap { pieces[$0] })?.kind == .damaged)
            let twice = all[...place] + all[place...]
            #expect(Self.fault(twice.flatMap { pieces[$0] })?.kind == .damaged)
        }
        #expect(Self.fault([0, 1, 2, 4, 3, 5].flatMap { pieces[$0] })?.kind == .damaged)
        #expect(Self.fault((all + [5]).flatMap { pieces[$0] })?.kind == .damaged)
    }

    @Test("an object is read as it is written, and other texts are none")
    func json() throws {
        let line = try #require(
            FlatJSON(
                Array(
                    #" {"a":"\u00e9\ud83d\ude00\/\b","n" : 18446744073709551615,"t":true,"z":null} "#
                        .utf8
                )
            )
        )
        #expect(line.text("a") == "é😀/\u{8}")
        #expect(line.number("n") == .max && line.flag("t") && line["z"] == .null)
        for text in [
            "", "{", "}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1}x", "{\"a\":1,\"a\":2}",
            "{\"a\":-1}", "{\"a\":1.5}", "{\"a\":18446744073709551616}", "{\"a\":\"\\ud800\"}",
            "{\"a\":\"\\u12\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\u{1}\"}", "{\"a\":tru}", "{\"a\":\"",
            "{\"a\":[1]}", "{\"a\":\"\\", "{\"a\":\"\\u00g0\"}",
        ] {
            #expect(FlatJSON(Array(text.utf8)) == nil, "\(text)")
        }
        #expect(FlatJSON([0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D]) == nil)
    }

    @Test("rows keep what is left of their time, and are gone when it is over")
    func age() {
        let row = Self.rows[1]
        #expect(row.aged(by: .milliseconds(500))?.value.timeToLive == .seconds(1))
        #expect(row.aged(by: .milliseconds(1_500)) == nil)
        #expect(row.aged(by: .zero) == row)
        #expect(Self.rows[0].aged(by: .seconds(1 << 40)) == Self.rows[0])
    }

    // MARK: - Files

    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "backup-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    @Test(
        "a file has its name when it is whole, and what was taken back is not in it",
        arguments: ["b", "b.gz"]
    )
    func partialFile(name: String) async throws {
        try await withFolder { folder in
            let path = folder.appending(path: name).path
            let file = try BackupFile(path)
            #expect(throws: FileError.self) { try BackupFile(path) }
            let pieces = Self.pieces()
            try file.append(pieces[0])
            file.mark()
            try file.append(pieces[1])
            try file.append(pieces[1])
            try file.takeBack()
            for piece in pieces[1...] {
                #expect(!FileManager.default.fileExists(atPath: path))
                try file.append(piece)
            }
            try file.finish()
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [name])
            var rows = 0
            let read = try await BackupReading(path: path).read { rows += $1.count }
            #expect(read.fault == nil && read.totals.rows == 7 && rows == 7)
        }
    }

    @Test("a file goes on after its whole ranges, wherever it broke off", arguments: ["b", "b.gz"])
    func resumed(name: String) async throws {
        try await withFolder { folder in
            let pieces = Self.pieces()
            let path = folder.appending(path: name).path
            let partial = "\(path).partial"
            let whole = try BackupFile(path)
            for piece in pieces { try whole.append(piece) }
            let bytes = try Data(contentsOf: URL(filePath: partial))
            var places: Set<UInt64> = []
            for count in stride(from: 0, through: bytes.count, by: 3) {
                let other = folder.appending(path: "\(count)-\(name)").path
                try bytes.prefix(count).write(to: URL(filePath: "\(other).partial"))
                let read = try await BackupReading(path: "\(other).partial").read()
                places.insert(read.whole?.totals.ranges ?? 0)
                let file = try BackupFile(other, keeping: read.whole?.length ?? 0)
                // The blocks that end the first, second and third range are 2, 3 and 4.
                let kept = read.whole.map { Int($0.totals.blocks) + 1 } ?? 0
                #expect([0, 3, 4, 5].contains(kept))
                for piece in pieces[kept...] { try file.append(piece) }
                try file.finish()
                #expect(try Data(contentsOf: URL(filePath: other)) == bytes)
                try FileManager.default.removeItem(atPath: other)
            }
            #expect(places == [0, 1, 2, 3])
        }
    }

    @Test("a compressed file that is damaged or breaks off is told, and its whole blocks are read")
    func damagedGzip() async throws {
        try await withFolder { folder in
            let pieces = Self.pieces()
            let path = folder.appending(path: "b.gz").path
            let bytes = pieces.flatMap(GzipMembers.compress)
            for count in stride(from: 2, to: bytes.count, by: 5) {
                try Data(bytes.prefix(count)).write(to: URL(filePath: path))
                let read = try await BackupReading(path: path).read()
                #expect(read.fault != nil)
                var damaged = bytes
                damaged[count] ^= 0x10
                try Data(damaged).write(to: URL(filePath: path))
                var rows: [StoreRow] = []
                _ = try await BackupReading(path: path).read { rows += $1 }
                let all = Self.rows + [Self.rows[0]] + Self.rows
                #expect(all.starts(with: rows))
            }
            // As another program compresses it: one member.
            try Data(GzipMembers.compress(pieces.flatMap { $0 })).write(to: URL(filePath: path))
            let read = try await BackupReading(path: path).read()
            #expect(read.fault == nil && read.totals.rows == 7)
        }
    }

    @Test("a full disk is a failure with what to do")
    func fullDiskWords() {
        let failure = StoreExportCommand.failure(FileError(path: "b.partial", number: ENOSPC), "b")
        #expect(failure.kind == .failed)
        #expect(failure.message == "b.partial: No space left on device; there is no new b")
        #expect(failure.hint?.contains("--resume") == true)
        let held = StoreExportCommand.failure(
            FileError(path: "b.partial", number: EWOULDBLOCK),
            "b"
        )
        #expect(held.message == "another export is writing b.partial")
    }
}
