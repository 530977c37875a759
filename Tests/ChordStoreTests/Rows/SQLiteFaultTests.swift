// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Foundation
import Testing

@testable import ChordStore

/// The engine on SQLite over a disk that loses power, is full, or fails.
@Suite(.tags(.unit, .slow), .timeLimit(.minutes(5))) struct SQLiteFaultTests {
    /// Rows that change with every commit, so that each state of the database belongs to one commit.
    private struct Workload: Sendable {
        static let name = RowMetadataName(.store, "applied")
        static let rows = 40

        /// The work of a commit: writes, overwrites and deletes.
        static func apply(
            _ commit: Int,
            to rows: inout any RowEngineTransaction
        ) throws(StoreError) {
            for number in 0..<6 {
                let key = RowKey.test((commit * 7 + number * 5) % Self.rows)
                if (commit + number) % 5 == 0 {
                    try rows.delete(key)
                } else {
                    let value = String(repeating: "v", count: commit * number * 40) + "\(commit)"
                    try rows.put(Row(value, UInt64(commit)), at: key)
                }
            }
            try rows.setMetadata([UInt8(commit)], for: name)
        }

        /// The rows after a number of commits, by a memory engine's tables.
        static func expected(after commits: Int) throws(StoreError) -> RowPage {
            let model = MemoryRowTransaction(
                on: MemoryRowDisk(store: RowEngineDriver.store, disk: DiskID(high: 1, low: 1))
            )
            var view: any RowEngineTransaction = model
            for commit in 1..<(commits + 1) { try apply(commit, to: &view) }
            return try model.scan(all, limit: limit)
        }

        static let all = RowInterval(slot: Slot(1))
        static let limit = RowLimit(rows: 1_000, bytes: 1 << 30)
    }

    /// The number of commits that a database has, if its rows are those of so many commits.
    private func commits(in engine: RowEngineDriver) async throws -> Int {
        let state = try await engine.run { rows throws(StoreError) in
            (
                applied: Int(try rows.metadata(Workload.name)?.first ?? 0),
                page: try rows.scan(Workload.all, limit: Workload.limit)
            )
        }
        #expect(try state.page == Workload.expected(after: state.applied))
        return state.applied
    }

    /// Runs commits until one fails, or all are done.
    ///
    /// - Returns: the last one that succeeded.
    private func runCommits(_ range: Range<Int>, on engine: RowEngineDriver) async -> Int {
        for commit in range {
            do {
                try await engine.run { rows throws(StoreError) in
                    try Workload.apply(commit, to: &rows)
                }
                try await engine.commit()
            } catch {
                return commit - 1
            }
        }
        return range.upperBound - 1
    }

    private static var settings: SQLiteRowSettings {
        var settings = RowEngineDriver.smallSettings
        settings.checkpointBytes = 64 << 10
        settings.reserveBytes = 256 << 10
        return settings
    }

    /// - Parameter copies: whether the log is copied meanwhile, so that its syncs and those of the database can
    ///   fail too.
    @Test(arguments: 0..<12, [true, false])
    func closesAfterAFailedSync(_ others: Int, copies: Bool) async throws {
        let disk = FaultyDisk()
        var settings = Self.settings
        if !copies { settings.checkpointBytes = 16 << 20 }
        let engine = try await RowEngineDriver.opened(
            .sqlite,
            settings: settings,
            system: disk.name
        )
        disk.failSync(after: others)
        let acknowledged = await runCommits(1..<100, on: engine)
        #expect(acknowledged < 99)
        await engine.events { events in
            events.contains {
                if case .closed(let error) = $0 { error.code == .ioFailed } else { false }
            }
        }
        // Nothing is tried again.
        let operations = disk.operationCount
        let error = await #expect(throws: StoreError.self) { try await engine.commit() }
        #expect(error?.code == .closed)
        let refused = await #expect(throws: StoreError.self) {
            try await engine.run { rows throws(StoreError) in try rows.slots() }
        }
        #expect(refused?.code == .closed)
        try await engine.close()
        // A copy may have been under way.
        if !copies { #expect(disk.operationCount == operations) }
        var generator = SeededGenerator(seed: UInt64(others))
        let copy = try TemporaryFolder()
        try disk.copyAfterCrash(from: engine.directory, to: copy.path + "/rows", using: &generator)
        engine.move(to: copy)
        try await engine.open(isNew: false)
        #expect(try await commits(in: engine) >= acknowledged)
        try await engine.close()
    }

    @Test(arguments: [20_000, 150_000, 400_000])
    func refusesWritesOnAFullDisk(_ room: Int) async throws {
        let disk = FaultyDisk()
        var settings = Self.settings
        settings.reserveBytes = 1 << 20
        let engine = try await RowEngineDriver.opened(
            .sqlite,
            settings: settings,
            system: disk.name
        )
        disk.setRoom(room, in: engine.directory)
        let value = String(repeating: "v", count: 3_000)
        var written = 0
        while written < 500 {
            let number = written
            do {
                try await engine.run { rows throws(StoreError) in
                    try rows.put(Row(value, UInt64(number)), at: .test(number))
                }
            } catch {
                #expect(error.code == .diskFull)
                break
            }
            written += 1
            if written % 4 == 0 { try await engine.commit() }
        }
        #expect(written < 500)
        await engine.events { $0.contains { if case .diskFull = $0 { true } else { false } } }
        #expect(await engine.withEngine { $0.statistics.isFull })
        // All that works were promised is there. Reads, deletes and records go on.
        let count = written
        let isThere = try await engine.run { rows throws(StoreError) in
            for number in 0..<count {
                guard try rows.get(.test(number))?.version == LogIndex(UInt64(number)) else {
                    return false
                }
            }
            return try rows.get(.test(count)) == nil
        }
        #expect(isThere)
        for number in 0..<min(count, 10) {
            try await engine.run { rows throws(StoreError) in
                try rows.delete(.test(number))
                try rows.setMetadata([UInt8(number)], for: Workload.name)
            }
            try await engine.commit()
        }
        let refused = await #expect(throws: StoreError.self) {
            try await engine.run { rows throws(StoreError) in
                try rows.put(Row("v", 1), at: .test(1_000))
            }
        }
        #expect(refused?.code == .diskFull)
        // Committed changes may use a part of the reserve, and no more.
        var inReserve = 0
        while inReserve < 500 {
            let number = 2_000 + inReserve
            do {
                try await engine.run { rows throws(StoreError) in
                    rows.mayUseReserve = true
                    try rows.put(Row(value, 1), at: .test(number))
                }
            } catch {
                #expect(error.code == .diskFull)
                break
            }
            inReserve += 1
        }
        #expect(inReserve > 0 && inReserve < 100)
        try await engine.commit()
        // There is room again.
        disk.setUnlimited()
        await engine.fireTimers()
        await engine.events { $0.contains { if case .diskHasRoom = $0 { true } else { false } } }
        try await engine.run { rows throws(StoreError) in
            try rows.put(Row("v", 1), at: .test(1_000))
        }
        try await engine.close()
        try await engine.open(isNew: false)
        let rows = try await engine.run { rows throws(StoreError) in
            try rows.count(Workload.all, atMost: 10_000)
        }
        #expect(rows == count - min(count, 10) + inReserve + 1)
        try await engine.close()
    }
}
