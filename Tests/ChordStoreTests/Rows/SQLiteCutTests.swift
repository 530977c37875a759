// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Foundation
import NIOConcurrencyHelpers
import Testing

@testable import ChordStore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The real files of SQLite, without a layer of our own between: what a crash leaves of them, and a full disk
/// without a reserve.
@Suite(.tags(.unit))
struct SQLiteCutTests {
    private static let frameBytes = SQLiteRowSchema.pageBytes + 24
    private static let headerBytes = 32
    private static let applied = RowMetadataName(.store, "applied")
    private static let all = RowInterval(slot: Slot(1))
    private static let limit = RowLimit(rows: 100_000, bytes: 1 << 30)

    /// A writer on a folder, as the engine's thread has it.
    private static func writer(
        _ folder: TemporaryFolder,
        settings: SQLiteRowSettings = settings
    ) throws -> SQLiteRowWriter {
        try SQLiteRowWriter(
            directory: folder.path + "/rows",
            settings: settings,
            store: RowEngineDriver.store,
            disk: RowEngineDriver.disk,
            isNew: true,
            system: try #require(SQLitePageChecksums.register(over: nil)),
            now: { .zero }
        )
    }

    private static var settings: SQLiteRowSettings {
        var settings = SQLiteRowSettings()
        settings.cacheBytes = 1 << 20
        settings.reserveBytes = 0
        // The log begins anew only when the test wants it.
        settings.checkpointBytes = 1 << 30
        return settings
    }

    private static func close(_ writer: SQLiteRowWriter) {
        writer.close(afterError: false)
        writer.directory.close()
    }

    /// Applies the changes of a number.
    private static func apply(_ number: Int, on writer: SQLiteRowWriter) throws {
        try writer.execute { rows throws(StoreError) in
            for place in 0..<(3 + number % 5) {
                let key = RowKey.test((number * 7 + place * 31) % 97)
                if (number + place) % 4 == 3 {
                    try rows.delete(key)
                } else {
                    let value = String(repeating: "v", count: 40 + (number * place * 53) % 4_000)
                    try rows.put(Row(value, UInt64(number)), at: key)
                }
            }
            try rows.setMetadata([UInt8(number)], for: Self.applied)
        }.get()
    }

    /// The number that was applied last, and all rows.
    private static func state(of writer: SQLiteRowWriter) throws -> (number: Int, rows: RowPage) {
        try writer.execute { rows throws(StoreError) in
            (
                number: Int(try rows.metadata(Self.applied)?.first ?? 0),
                rows: try rows.scan(Self.all, limit: Self.limit)
            )
        }.get()
    }

    /// The files of an open database, byte by byte.
    private struct Files {
        var database: Data
        var log: Data

        init(_ folder: TemporaryFolder) throws {
            database = try Data(contentsOf: URL(filePath: folder.path + "/rows/rows.db"))
            log =
                (try? Data(contentsOf: URL(filePath: folder.path + "/rows/rows.db-wal"))) ?? Data()
        }

        init(database: Data, log: Data) {
            self.database = database
            self.log = log
        }

        /// The state that a start finds.
        func opened() throws -> (number: Int, rows: RowPage) {
            let folder = try TemporaryFolder()
            let path = folder.path + "/rows"
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true
            )
            try database.write(to: URL(filePath: path + "/rows.db"))
            try log.write(to: URL(filePath: path + "/rows.db-wal"))
            let writer = try SQLiteCutTests.writer(folder)
            defer { SQLiteCutTests.close(writer) }
            return try SQLiteCutTests.state(of: writer)
        }
    }

    /// The end of the frame that has the byte before a place.
    private static func endOfFrame(_ place: Int) -> Int {
        headerBytes + (place - headerBytes + frameBytes - 1) / frameBytes * frameBytes
    }

    /// The places at which a crash may cut what a commit has written: each end of a frame, and places within frames.
    private static func cuts(from start: Int, to end: Int) -> [Int] {
        var cuts: Set<Int> = [start, end]
        var frame = max(headerBytes, start - (start - headerBytes) % frameBytes)
        while frame <= end {
            for place in [frame, frame + 1, frame + 23, frame + 24, frame + frameBytes / 2] {
                if place >= start, place <= end { cuts.insert(place) }
            }
            frame += frameBytes
        }
        return cuts.sorted()
    }

    /// A crash leaves a part of what the last commit has written. The state is that commit's or the one before, and
    /// no acknowledged one is missing. The log begins anew in the middle, so that old frames lie behind new ones.
    @Test func everyCutOfTheLogIsAnAcknowledgedState() throws {
        let folder = try TemporaryFolder()
        let writer = try Self.writer(folder)
        defer { Self.close(writer) }
        var states = [try Self.state(of: writer).rows]
        var former = try Files(folder)
        var opened = 0
        for number in 1...14 {
            try Self.apply(number, on: writer)
            states.append(try Self.state(of: writer).rows)
            try writer.commit()
            let present = try Files(folder)
            #expect(present.database == former.database)
            // Where the commit has begun to write: at the beginning if the log has begun anew.
            let first = zip(former.log, present.log).enumerated().first { $1.0 != $1.1 }?.offset
            let start = first ?? former.log.count
            let end = Self.endOfFrame(present.log.lastDifference(from: former.log))
            #expect(end > start)
            for cut in Self.cuts(from: start, to: end) {
                let written = present.log.prefix(cut)
                let behind = former.log.dropFirst(cut)
                for log in behind.isEmpty ? [written] : [written, written + behind] {
                    let found = try Files(database: present.database, log: Data(log)).opened()
                    opened += 1
                    #expect(
                        found.number == number || cut < end && found.number == number - 1,
                        "commit \(number), cut at \(cut) of \(start) to \(end)"
                    )
                    #expect(found.rows == states[found.number])
                }
            }
            if number == 7 {
                try writer.checkpoint()
                former = try Files(folder)
            } else {
                former = present
            }
        }
        #expect(opened > 200)
    }

    /// Without a reserve a full database refuses what does not fit. What was committed stays, deletes go on, and
    /// writes are taken again when there is room.
    @Test func aFullDatabaseWithoutAReserve() throws {
        let folder = try TemporaryFolder()
        let writer = try Self.writer(folder)
        let pages = try #require(try writer.connection.number("PRAGMA page_count"))
        try writer.connection.execute("PRAGMA max_page_count = \(pages + 30)")
        var written = 0
        var refusal: StoreError?
        while refusal == nil, written < 10_000 {
            let result = try writer.execute { rows throws(StoreError) in
                try rows.put(
                    Row(String(repeating: "v", count: 500), UInt64(written)),
                    at: .test(written)
                )
            }
            switch result {
            case .success: written += 1
            case .failure(let error): refusal = error
            }
            if written % 5 == 0 { try writer.commit() }
        }
        #expect(refusal?.code == .diskFull)
        #expect(written > 50 && written < 10_000)
        #expect(writer.isFull)
        // The works before the refused one count, also those that were not committed.
        try writer.commit()
        let count = written
        let present = try writer.execute { rows throws(StoreError) in
            try rows.count(Self.all, atMost: .max)
        }.get()
        #expect(present == count)
        try writer.execute { rows throws(StoreError) in
            for number in 0..<count / 2 { try rows.delete(.test(number)) }
        }.get()
        try writer.commit()
        try writer.connection.execute("PRAGMA max_page_count = \(pages + 1_000)")
        try writer.lookForRoom()
        #expect(!writer.isFull)
        try writer.execute { rows throws(StoreError) in
            try rows.put(Row("v", 1), at: .test(0))
        }.get()
        try writer.commit()
        Self.close(writer)
        let again = try Self.writer(folder)
        defer { Self.close(again) }
        let rows = try again.execute { rows throws(StoreError) in
            try rows.count(Self.all, atMost: .max)
        }.get()
        #expect(rows == count - count / 2 + 1)
    }

    /// A limit of the size of files stops the log in the middle of a commit. The engine closes: the system has refused
    /// a write for another reason than want of room. All acknowledged commits are there after it.
    @Test func aLimitOfTheLogsSizeEndsTheEngine() async {
        await #expect(processExitsWith: .success) {
            let folder = try TemporaryFolder()
            let writer = try SQLiteCutTests.writer(folder)
            signal(SIGXFSZ, SIG_IGN)
            var former = rlimit()
            getrlimit(SQLiteCutTests.fileSize, &former)
            var limit = former
            limit.rlim_cur = 200_000
            setrlimit(SQLiteCutTests.fileSize, &limit)
            var acknowledged = 0
            var failure: StoreError?
            while failure == nil, acknowledged < 120 {
                do {
                    try SQLiteCutTests.apply(acknowledged + 1, on: writer)
                    try writer.commit()
                    acknowledged += 1
                } catch {
                    failure = error as? StoreError
                }
            }
            setrlimit(SQLiteCutTests.fileSize, &former)
            writer.close(afterError: true)
            writer.directory.close()
            guard acknowledged > 3, failure != nil else { exit(2) }
            let again = try SQLiteCutTests.writer(folder)
            let number = try SQLiteCutTests.state(of: again).number
            SQLiteCutTests.close(again)
            guard number == acknowledged else { exit(3) }
            exit(0)
        }
    }

    #if canImport(Glibc)
    private static let fileSize = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
    #else
    private static let fileSize = RLIMIT_FSIZE
    #endif
}

extension Data {
    /// The place after the last byte that differs from other data.
    fileprivate func lastDifference(from other: Data) -> Int {
        guard count == other.count else { return Swift.max(count, other.count) }
        for place in indices.reversed() where self[place] != other[place] { return place + 1 }
        return 0
    }
}
