// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Foundation
import Testing

@testable import ChordStore

/// Which files the engine on SQLite accepts, and that it leaves others as they are.
@Suite(.tags(.unit), .timeLimit(.minutes(2))) struct SQLiteFileTests {
    private func filled() async throws -> RowEngineDriver {
        let engine = try await RowEngineDriver.opened(.sqlite)
        try await engine.run { rows throws(StoreError) in
            for number in 0..<300 { try rows.put(Row("v\(number)", 1), at: .test(number)) }
        }
        return engine
    }

    /// The database and its log, byte by byte. An empty log is none.
    private func contents(_ directory: String) throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for name in ["rows.db", "rows.db-wal"] {
            let file = FileManager.default.contents(atPath: "\(directory)/\(name)") ?? Data()
            if !file.isEmpty { contents[name] = file }
        }
        return contents
    }

    private func connection(_ engine: RowEngineDriver) throws -> SQLiteConnection {
        try SQLiteConnection(
            engine.directory + "/rows.db",
            creates: false,
            system: SQLitePageChecksums.register(over: nil)
        )
    }

    /// Opening fails with this code and changes nothing.
    private func isRefused(
        _ engine: RowEngineDriver,
        _ code: StoreErrorCode,
        store: StoreID = RowEngineDriver.store,
        disk: DiskID = RowEngineDriver.disk,
        isNew: Bool = true
    ) async throws {
        let before = try contents(engine.directory)
        let error = await #expect(throws: StoreError.self) {
            try await engine.open(store: store, disk: disk, isNew: isNew)
        }
        #expect(error?.code == code, "\(String(describing: error))")
        try await engine.close()
        #expect(try contents(engine.directory) == before)
    }

    @Test func refusesOtherStoresAndDisks() async throws {
        let engine = try await filled()
        // With a log that holds changes, as after a crash.
        try await engine.commit()
        try await engine.crash()
        try await engine.close()
        let otherStore = StoreID(high: 9, low: 9)
        try await isRefused(engine, .wrongStore, store: otherStore)
        try await isRefused(engine, .wrongDisk, disk: DiskID(high: 9, low: 9))
        try await isRefused(engine, .wrongStore, store: otherStore, disk: DiskID(high: 9, low: 9))
        try await engine.open()
        try await engine.close()
    }

    @Test func refusesASecondOpener() async throws {
        let engine = try await filled()
        let first = await engine.withEngine { $0 }
        let error = await #expect(throws: StoreError.self) { try await engine.open() }
        #expect(error?.code == .inUse)
        try await engine.close()
        let _: Result<Void, StoreError> = await handedOver { first.close($0) }
        try await engine.open(isNew: false)
        try await engine.close()
    }

    @Test func refusesNewerFormatsAndOtherFiles() async throws {
        let engine = try await filled()
        try await engine.close()
        do {
            let connection = try connection(engine)
            try connection.execute("PRAGMA user_version = 2")
        }
        try await isRefused(engine, .unknownVersion)
        do {
            let connection = try connection(engine)
            try connection.execute("PRAGMA user_version = 1; PRAGMA application_id = 5")
        }
        try await isRefused(engine, .corrupted)
        let path = engine.directory + "/rows.db"
        for file in [
            Data(),
            Data("This is a text, and no database. ".utf8 + Array(repeating: 32, count: 9_000)),
        ] {
            try file.write(to: URL(filePath: path))
            try await isRefused(engine, .corrupted)
        }
    }

    @Test func missingRowsAreNotReplaced() async throws {
        let engine = try await filled()
        try await engine.close()
        let path = engine.directory + "/rows.db"
        try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
        let error = await #expect(throws: StoreError.self) { try await engine.open(isNew: false) }
        #expect(error?.code == .corrupted)
        try await engine.close()
        #expect(!FileManager.default.fileExists(atPath: path))
        // What a crash while the database was made has left is no obstacle.
        try Data("half".utf8).write(to: URL(filePath: path + ".new"))
        try Data("half".utf8).write(to: URL(filePath: path + ".new-journal"))
        try Data("old".utf8).write(to: URL(filePath: engine.directory + "/snapshot-4"))
        try await engine.open(isNew: true)
        try await engine.close()
        let names = try FileManager.default.contentsOfDirectory(atPath: engine.directory).sorted()
        #expect(names == ["lock", "reserve", "rows.db", "rows.db.away"])
    }

    @Test func setsWhatMakesCommitsDurable() async throws {
        let engine = try await filled()
        try await engine.commit()
        let connection = try connection(engine)
        // Of the file, for every connection.
        #expect(try connection.text("PRAGMA journal_mode") == "wal")
        #expect(try connection.number("PRAGMA page_size") == 8192)
        #expect(try connection.number("PRAGMA auto_vacuum") == 2)
        // Of the connection: set, and read back.
        try SQLiteRowSchema.configure(connection, cacheBytes: 1 << 20)
        #expect(try connection.number("PRAGMA synchronous") == 2)
        #expect(try connection.number("PRAGMA cache_spill") == 0)
        try await engine.close()
    }

    @Test func refusesADatabaseThatCannotHaveALog() throws {
        let connection = try SQLiteConnection(":memory:", creates: true, system: nil)
        let error = #expect(throws: StoreError.self) {
            try SQLiteRowSchema.configure(connection, cacheBytes: 1 << 20)
        }
        #expect(error?.code == .ioFailed)
        #expect(error?.message.contains("journal_mode is memory") == true)
    }

    @Test(
        arguments: [
            { $0.cacheBytes = 5 }, { $0.checkpointBytes = 0 }, { $0.reserveBytes = -1 },
            { $0.fullDiskRetry = .zero }, { $0.commit.changes = 0 }, { $0.commit.bytes = 0 },
            { $0.commit.delay = .seconds(-1) },
        ] as [@Sendable (inout SQLiteRowSettings) -> Void]
    )
    func refusesSettings(_ change: @Sendable (inout SQLiteRowSettings) -> Void) async throws {
        var settings = SQLiteRowSettings()
        change(&settings)
        let engine = try RowEngineDriver(.sqlite, settings: settings)
        let error = await #expect(throws: StoreError.self) { try await engine.open() }
        #expect(error?.code == .invalidSettings)
        try await engine.close()
    }

    @Test func keepsTheLogShort() async throws {
        var settings = RowEngineDriver.smallSettings
        settings.checkpointBytes = 64 << 10
        let engine = try await RowEngineDriver.opened(.sqlite, settings: settings)
        var most: UInt64 = 0
        for round in 0..<150 {
            try await engine.run { rows throws(StoreError) in
                for number in 0..<20 {
                    let row = Row(String(repeating: "v", count: 500), UInt64(round))
                    try rows.put(row, at: .test(number * 37 % 1_000 + round))
                }
            }
            try await engine.commit()
            most = max(most, await engine.withEngine { $0.statistics.bytesOfWriteAheadLog })
        }
        // A few times the setting, of about 30 MB that were written in all.
        #expect(most < 3_000_000)
        let statistics = await engine.withEngine { $0.statistics }
        #expect(statistics.commits.count == 150)
        #expect(statistics.bytesStored > 100_000)
        try await engine.close()
    }

    @Test func givesRoomBack() async throws {
        let engine = try await RowEngineDriver.opened(.sqlite)
        let value = String(repeating: "v", count: 100_000)
        for number in 0..<200 {
            try await engine.run { rows throws(StoreError) in
                try rows.put(Row(value, 1), at: .test(number))
            }
        }
        try await engine.commit()
        let full = await engine.withEngine { $0.statistics.bytesStored }
        for _ in 0..<40 {
            try await engine.run { rows throws(StoreError) in
                _ = try rows.clear(Slot(1), within: .all, atMost: 50)
                try rows.setMetadata([1], for: RowMetadataName(.store, "n"))
            }
            try await engine.commit()
        }
        let empty = await engine.withEngine { $0.statistics.bytesStored }
        #expect(full > 20_000_000)
        #expect(empty < full / 2)
        try await engine.close()
    }
}
