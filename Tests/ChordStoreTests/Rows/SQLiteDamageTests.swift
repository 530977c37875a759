// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Foundation
import Testing

@testable import ChordStore

/// Damaged files give a clear error or the right rows, and nothing else.
@Suite(.tags(.unit), .timeLimit(.minutes(5))) struct SQLiteDamageTests {
    /// A closed database with rows, large ones among them.
    private func filled() async throws -> (engine: RowEngineDriver, rows: [RowKey: Row]) {
        let engine = try await RowEngineDriver.opened(.sqlite)
        var model: [RowKey: Row] = [:]
        for number in 0..<400 {
            let length = number % 50 == 0 ? 20_000 : number % 90
            let value = String(repeating: "v", count: length) + "\(number)"
            model[.test(number)] = Row(value, UInt64(number), expiry: number % 3 == 0 ? 5 : nil)
        }
        let rows = model
        try await engine.run { transaction throws(StoreError) in
            for (key, row) in rows.sorted(by: { $0.key < $1.key }) {
                try transaction.put(row, at: key)
            }
            try transaction.setMetadata([1, 2, 3], for: RowMetadataName(.slot(Slot(1)), "applied"))
        }
        return (engine, rows)
    }

    /// Opens the engine and reads all rows in each way there is. Everything is right, or an error.
    private func read(_ engine: RowEngineDriver, _ rows: [RowKey: Row]) async throws -> Bool {
        do {
            try await engine.open(isNew: false)
        } catch {
            #expect(error.code == .corrupted, "\(error)")
            try? await engine.close()
            return false
        }
        let sorted = rows.sorted { $0.key < $1.key }
        let findings = try await engine.run { transaction throws(StoreError) -> [StoreError] in
            var errors: [StoreError] = []
            func check(_ body: () throws(StoreError) -> Bool) {
                do throws(StoreError) {
                    let isRight = try body()
                    #expect(isRight)
                } catch {
                    errors.append(error)
                }
            }
            let limit = RowLimit(rows: 1_000, bytes: 1 << 30)
            check { () throws(StoreError) in
                try transaction.scan(RowInterval(slot: Slot(1)), limit: limit)
                    == RowPage(rows: sorted.map { RowPage.Element(key: $0.key, row: $0.value) })
            }
            for (key, row) in sorted {
                check { () throws(StoreError) in try transaction.get(key) == row }
            }
            check { () throws(StoreError) in
                try transaction.count(RowInterval(slot: Slot(1)), atMost: 1_000) == rows.count
            }
            check { () throws(StoreError) in
                try transaction.expired(
                    in: Slot(1),
                    within: .all,
                    at: RangeTime(milliseconds: 9),
                    atMost: 1_000
                ).count == rows.values.count { $0.expiry != nil }
            }
            check { () throws(StoreError) in
                try transaction.metadata(RowMetadataName(.slot(Slot(1)), "applied")) == [1, 2, 3]
            }
            return errors
        }
        for error in findings { #expect(error.code == .corrupted, "\(error)") }
        try? await engine.close()
        return findings.isEmpty
    }

    @Test func noticesEveryDamagedPage() async throws {
        let (engine, rows) = try await filled()
        try await engine.close()
        let path = engine.directory + "/rows.db"
        let whole = try #require(FileManager.default.contents(atPath: path))
        var generator = SeededGenerator(seed: 1)
        var harmless = 0
        let pages = whole.count / 8192
        #expect(pages > 20)
        for round in 0..<(2 * pages) {
            var damaged = whole
            let page = round % pages
            switch round / pages {
            case 0:
                let place = page * 8192 + Int(generator.below(8192))
                damaged[place] ^= UInt8(1 << generator.below(8))
            default:
                // The content of another page, whose checksum is right.
                let other = Int(generator.below(UInt64(pages)))
                guard other != page else { continue }
                damaged.replaceSubrange(
                    page * 8192..<(page + 1) * 8192,
                    with: whole[other * 8192..<(other + 1) * 8192]
                )
            }
            try damaged.write(to: URL(filePath: path))
            if try await read(engine, rows) { harmless += 1 }
            for name in ["-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: path + name)
            }
        }
        // Pages that no read needs.
        #expect(harmless < pages / 4)
        try whole.write(to: URL(filePath: path))
        #expect(try await read(engine, rows))
    }

    @Test func noticesATruncatedFile() async throws {
        let (engine, rows) = try await filled()
        try await engine.close()
        let path = engine.directory + "/rows.db"
        let whole = try #require(FileManager.default.contents(atPath: path))
        var generator = SeededGenerator(seed: 2)
        for length in [0, 1, 99, 100, 8191, 8192, 8193, whole.count - 1]
            + (0..<12).map({ _ in Int(generator.below(UInt64(whole.count))) })
        {
            try whole.prefix(length).write(to: URL(filePath: path))
            #expect(try await !read(engine, rows), "\(length) of \(whole.count) bytes")
            for name in ["-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: path + name)
            }
        }
    }

    @Test func noticesRandomBytes() async throws {
        let (engine, rows) = try await filled()
        try await engine.close()
        let path = engine.directory + "/rows.db"
        let whole = try #require(FileManager.default.contents(atPath: path))
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<40 {
            var damaged = whole
            for _ in 0...generator.below(4) {
                let start = Int(generator.below(UInt64(whole.count)))
                let end = min(start + Int(generator.below(20_000)), whole.count)
                for place in start..<end {
                    damaged[place] = UInt8(truncatingIfNeeded: generator.next())
                }
            }
            try damaged.write(to: URL(filePath: path))
            _ = try await read(engine, rows)
            for name in ["-wal", "-shm"] {
                try? FileManager.default.removeItem(atPath: path + name)
            }
        }
    }

    /// A row that was changed in a way that leaves the pages right: by a program, or by a fault in memory.
    @Test func noticesAChangedRow() async throws {
        let changes = [
            "value = x'00'", "version = version + 1", "expiry = 9", "checksum = checksum + 1",
            "key = CAST(key || x'00' AS BLOB)", "slot = 2",
        ]
        for change in changes {
            let (engine, _) = try await filled()
            try await engine.close()
            let hit = RowKey.test(7)
            do {
                let connection = try SQLiteConnection(
                    engine.directory + "/rows.db",
                    creates: false,
                    system: SQLitePageChecksums.register(over: nil)
                )
                let text = hit.key.map { String($0, radix: 16) }.joined()
                try connection.execute("UPDATE rows SET \(change) WHERE key = x'\(text)'")
                #expect(connection.changes == 1)
            }
            try await engine.open(isNew: false)
            // The others are as they were.
            #expect(
                try await engine.run { rows throws(StoreError) in try rows.get(.test(8)) } != nil
            )
            let slot = Slot(change == "slot = 2" ? 2 : 1)
            let error = await #expect(throws: StoreError.self) {
                try await engine.run { rows throws(StoreError) in
                    try rows.scan(
                        RowInterval(slot: slot),
                        limit: RowLimit(rows: 1_000, bytes: 1 << 30)
                    )
                }
            }
            #expect(error?.code == .corrupted)
            #expect(error?.message.contains("a row of slot \(slot) ") == true)
            let snapshot = await #expect(throws: StoreError.self) {
                _ = try await engine.snapshot(of: slot)
            }
            #expect(snapshot?.code == .corrupted)
            try await engine.close()
        }
    }

    /// A damaged page makes works fail that read it. Works before and after them count, and the engine stays open.
    @Test func aDamagedPageStaysWhereItIs() async throws {
        let engine = try await RowEngineDriver.opened(.sqlite)
        let far = RowKey(slot: Slot(900), position: [1], partition: [1], key: [1])
        try await engine.run { rows throws(StoreError) in
            for number in 0..<2_000 {
                try rows.put(Row("value \(number) of a row", UInt64(number)), at: .test(number))
            }
            try rows.put(Row("far away", 1), at: far)
        }
        try await engine.close()
        let path = engine.directory + "/rows.db"
        var file = try #require(FileManager.default.contents(atPath: path))
        let place = try #require(file.firstRange(of: Data("value 1234 of a row".utf8)))
        file[place.lowerBound] ^= 1
        try file.write(to: URL(filePath: path))
        for name in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + name) }
        try await engine.open(isNew: false)
        try await engine.run { rows throws(StoreError) in
            try rows.put(Row("before", 2), at: far)
        }
        let read = await #expect(throws: StoreError.self) {
            try await engine.run { rows throws(StoreError) in try rows.get(.test(1234)) }
        }
        #expect(read?.code == .corrupted)
        let write = await #expect(throws: StoreError.self) {
            try await engine.run { rows throws(StoreError) in
                try rows.put(Row("not kept", 3), at: far)
                _ = try rows.get(.test(1234))
            }
        }
        #expect(write?.code == .corrupted)
        #expect(
            try await engine.run { rows throws(StoreError) in try rows.get(far) }
                == Row("before", 2)
        )
        try await engine.commit()
        try await engine.close()
        try await engine.open(isNew: false)
        #expect(
            try await engine.run { rows throws(StoreError) in try rows.get(far) }
                == Row("before", 2)
        )
        try await engine.close()
    }

    /// A damaged log is refused, unless it looks as a crash during the last commit leaves it.
    @Test func noticesADamagedLog() async throws {
        let engine = try await RowEngineDriver.opened(.sqlite)
        for commit in 0..<8 {
            try await engine.run { rows throws(StoreError) in
                for number in 0..<10 {
                    try rows.put(Row("\(commit)", UInt64(commit)), at: .test(number * 13))
                }
                try rows.setMetadata([UInt8(commit)], for: RowMetadataName(.store, "applied"))
            }
            try await engine.commit()
        }
        try await engine.close()
        let path = engine.directory + "/rows.db"
        try await engine.open(isNew: false)
        for commit in 8..<16 {
            try await engine.run { rows throws(StoreError) in
                for number in 0..<10 {
                    try rows.put(Row("\(commit)", UInt64(commit)), at: .test(number * 13))
                }
                try rows.setMetadata([UInt8(commit)], for: RowMetadataName(.store, "applied"))
            }
            try await engine.commit()
        }
        let log = try #require(FileManager.default.contents(atPath: path + "-wal"))
        let present = try #require(FileManager.default.contents(atPath: path))
        try await engine.close()
        var generator = SeededGenerator(seed: 4)
        var refused = 0
        for round in 0..<92 {
            var damaged = log
            // The header byte by byte, and the rest at random.
            let place = round < 32 ? round : Int(generator.below(UInt64(log.count)))
            damaged[place] ^= UInt8(1 << generator.below(8))
            try present.write(to: URL(filePath: path))
            try damaged.write(to: URL(filePath: path + "-wal"))
            try? FileManager.default.removeItem(atPath: path + "-shm")
            do {
                try await engine.open(isNew: false)
            } catch {
                #expect(error.code == .corrupted)
                refused += 1
                try await engine.close()
                #expect(FileManager.default.contents(atPath: path + "-wal") == damaged)
                #expect(FileManager.default.contents(atPath: path) == present)
                continue
            }
            let state = try await engine.run { rows throws(StoreError) -> (UInt8, Set<String>) in
                let applied = try rows.metadata(RowMetadataName(.store, "applied"))?.first ?? 0
                var values: Set<String> = []
                for number in 0..<10 {
                    guard let row = try rows.get(.test(number * 13)) else { continue }
                    values.insert(String(decoding: row.value, as: UTF8.self))
                }
                return (applied, values)
            }
            #expect((14...15).contains(state.0))
            #expect(state.1 == ["\(state.0)"])
            try await engine.close()
        }
        #expect(refused > 30)
    }
}
