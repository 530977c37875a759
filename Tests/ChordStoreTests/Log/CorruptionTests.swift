// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
@testable import ChordStore
import ChordTestSupport
import Testing

/// Damage to the files of a log: the log opens with what it held, or says what is wrong.
@Suite(.tags(.unit))
struct CorruptionTests {
    /// A log of a few segments, closed.
    private func closedLog(seed: UInt64, commits: Int = 50) throws -> (LyingDisk, RecoveredLog) {
        let disk = LyingDisk(seed: seed)
        var workload = LogWorkload(seed: seed, ranges: 2, largestPayload: 60)
        var settings = SegmentedLogSettings.small
        settings.segmentsBeforeRewriting = 100
        let core = try SegmentedLogCore.start(on: disk, settings)
        // A group that is idle afterwards keeps the first segment.
        let idle = LogBatch([.appending(1...3, to: RangeID(high: 9, low: 9))])
        #expect(core.outcome(of: idle) == nil)
        workload.model.apply(idle)
        for _ in 0..<commits { #expect(core.outcome(of: workload.next()) == nil) }
        core.close()
        return (disk, workload.model.log)
    }

    /// Opens a log whose files were changed.
    private func reopen(
        _ contents: [String: [UInt8]]
    ) -> Result<RecoveredLog, StoreError> {
        let disk = LyingDisk(seed: 0)
        disk.contents = contents
        do throws(StoreError) {
            let core = try SegmentedLogCore.start(on: disk, isNew: false)
            defer { core.close() }
            return .success(core.recovered)
        } catch {
            // Whatever is wrong, the files stay as they are but for the empty lock.
            #expect(disk.contents == contents)
            return .failure(error)
        }
    }

    private static let codes: Set<StoreErrorCode> = [
        .corrupted, .unknownVersion, .wrongDisk, .wrongStore,
    ]

    @Test func everyFlippedByteIsFoundOrHarmless() throws {
        let (disk, log) = try closedLog(seed: 3)
        let contents = disk.contents
        var errors = 0
        var harmless = 0
        for (name, bytes) in contents.sorted(by: { $0.key < $1.key }) where name != "spare" {
            // What was reserved and never used is all the same.
            let used = (bytes.lastIndex { $0 != 0 } ?? 0) + 40
            for place in 0..<min(used, bytes.count) {
                var damaged = bytes
                damaged[place] ^= UInt8(1 << (place % 8))
                var changed = contents
                changed[name] = damaged
                switch reopen(changed) {
                case .success(let found):
                    harmless += 1
                    #expect(found == log, "\(name) byte \(place)")
                case .failure(let error):
                    errors += 1
                    #expect(Self.codes.contains(error.code), "\(error)")
                    #expect(error.message.contains(".segment"), "\(error)")
                }
            }
        }
        #expect(contents.keys.filter { $0.hasSuffix(".segment") }.count > 1)
        // Only the mark at the end and what was never used can be damaged without harm.
        #expect(errors > 1_000 && harmless < 300, "\(errors) \(harmless)")
    }

    @Test func damageAfterAKillIsFoundToo() throws {
        // Without close, the last commit is protected by the mark that an idle log writes.
        let disk = LyingDisk(seed: 4)
        let core = try SegmentedLogCore.start(on: disk)
        #expect(core.outcome(of: LogBatch([.appending(1...3)])) == nil)
        core.markSynced()
        disk.killProcess()
        var contents = disk.contents
        contents["0000000000000001.segment"]?[SegmentHeader.size + 40] ^= 1
        guard case .failure(let error) = reopen(contents) else {
            Issue.record("an acknowledged batch is gone")
            return
        }
        #expect(error.code == .corrupted)
        #expect(error.message.contains("byte \(SegmentHeader.size)"), "\(error)")
    }

    @Test func noContentsTrap() throws {
        let (disk, _) = try closedLog(seed: 5)
        let contents = disk.contents
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<2_000 {
            var changed = contents
            let names = contents.keys.sorted()
            let name = names[Int(generator.below(UInt64(names.count)))]
            var bytes = contents[name] ?? []
            switch generator.below(4) {
            case 0: bytes.removeLast(Int(generator.below(UInt64(bytes.count + 1))))
            case 1:
                bytes += (0..<generator.below(2_000)).map { _ in UInt8(generator.below(256)) }
            default:
                for _ in 0..<(1 + generator.below(30)) where !bytes.isEmpty {
                    let place = Int(generator.below(UInt64(bytes.count)))
                    bytes[place] = UInt8(generator.below(256))
                }
            }
            changed[name] = bytes
            if case .failure(let error) = reopen(changed) {
                #expect(Self.codes.contains(error.code), "\(error)")
            }
        }
    }

    @Test func recordsWithRightChecksumsAndNonsenseInsideAreRefused() throws {
        var generator = SeededGenerator(seed: 11)
        var refused = 0
        for _ in 0..<3_000 {
            let update = GroupUpdate.appending(1...3)
            var payload: [UInt8] = []
            [update].encode(into: &payload)
            for _ in 0..<(1 + generator.below(6)) {
                let place = Int(generator.below(UInt64(payload.count)))
                payload[place] = UInt8(generator.below(256))
            }
            if generator.below(3) == 0 {
                payload.removeLast(Int(generator.below(UInt64(payload.count))))
            }
            let disk = LyingDisk(seed: 1)
            let core = try SegmentedLogCore.start(on: disk)
            core.append(.batch, payload: payload.count) { $0 += payload }
            core.flush()
            core.close()
            if case .failure(let error) = reopen(disk.contents) {
                refused += 1
                #expect(error.code == .corrupted, "\(error)")
            }
        }
        #expect(refused > 1_000)
    }

    @Test func recordsAreValidOnlyWhereTheyWereWritten() throws {
        let disk = LyingDisk(seed: 1)
        let core = try SegmentedLogCore.start(on: disk)
        #expect(core.outcome(of: LogBatch([.appending(1...1)])) == nil)
        let bytes = try #require(disk.contents["0000000000000001.segment"])
        let start = SegmentHeader.size
        let id = LogIdentity.test.disk
        let other = DiskID(high: id.high, low: id.low + 1)
        func header(_ bytes: [UInt8], at offset: Int, _ disk: DiskID, _ segment: UInt64)
            -> RecordHeader?
        {
            RecordHeader(in: bytes, at: offset, of: SegmentPlace(disk: disk, segment: segment))
        }
        #expect(header(bytes, at: start, id, 1)?.sequence == 1)
        #expect(header(bytes, at: start, id, 2) == nil)
        #expect(header(bytes, at: start, other, 1) == nil)
        #expect(header([0, 0, 0, 0, 0, 0, 0, 0] + bytes, at: start + 8, id, 1) == nil)
    }

    @Test func recordsOutOfOrderAreRefused() throws {
        let disk = LyingDisk(seed: 1)
        let core = try SegmentedLogCore.start(on: disk)
        #expect(core.outcome(of: LogBatch([.appending(1...1)])) == nil)
        core.nextSequence += 1
        #expect(core.outcome(of: LogBatch([.appending(2...2)])) == nil)
        core.close()
        guard case .failure(let error) = reopen(disk.contents) else {
            Issue.record("a record is missing, and nobody notices")
            return
        }
        #expect(error.code == .corrupted)
        #expect(error.message.contains("record 3 stands where record 2 is expected"), "\(error)")
    }

    @Test func numbersAtTheEndOfTheirRangeAreRefused() throws {
        for (number, sequence) in [(UInt64.max, UInt64(1)), (1, UInt64.max)] {
            let header = SegmentHeader(
                identity: .test,
                number: number,
                oldest: number,
                firstSequence: sequence
            )
            let name = LogFileName.segment(number)
            guard case .failure(let error) = reopen([name: header.encoded]) else {
                Issue.record("\(number), \(sequence) are accepted")
                continue
            }
            #expect(error.code == .corrupted)
            #expect(error.message.contains("out of range"), "\(error)")
        }
    }

    @Test func missingSegmentsAreNamed() throws {
        let (disk, _) = try closedLog(seed: 6, commits: 160)
        let contents = disk.contents
        let segments = contents.keys.filter { $0.hasSuffix(".segment") }.sorted()
        try #require(segments.count >= 3)
        for name in segments {
            var changed = contents
            changed[name] = nil
            guard case .failure(let error) = reopen(changed) else {
                Issue.record("nobody misses \(name)")
                continue
            }
            #expect(error.code == .corrupted)
            #expect(error.message.contains(name), "\(error)")
            changed[name] = []
            guard case .failure(let error) = reopen(changed) else {
                Issue.record("\(name) may be empty")
                continue
            }
            #expect(error.code == .corrupted)
            #expect(error.message.contains(name), "\(error)")
        }
        guard case .failure(let error) = reopen([:]) else {
            Issue.record("nobody misses the log")
            return
        }
        #expect(error.code == .corrupted)
    }

    @Test func logsOfOthersAreRefused() throws {
        let (disk, _) = try closedLog(seed: 8)
        var other = LogIdentity.test
        other.disk = DiskID(high: 9, low: 9)
        var error = #expect(throws: StoreError.self) {
            try SegmentedLogCore.start(on: disk, identity: other)
        }
        #expect(error?.code == .wrongDisk)
        #expect(error?.message.contains("\(other.disk)") == true)
        other = .test
        other.store = StoreID(high: 9, low: 9)
        error = #expect(throws: StoreError.self) {
            try SegmentedLogCore.start(on: disk, identity: other)
        }
        #expect(error?.code == .wrongStore)
        #expect(error?.message.contains("\(other.store)") == true)
        // The right one gets it still.
        _ = try SegmentedLogCore.start(on: disk)
    }

    @Test func newerVersionsAreRefused() throws {
        let (disk, _) = try closedLog(seed: 8)
        var contents = disk.contents
        let name = try #require(contents.keys.filter { $0.hasSuffix(".segment") }.max())
        let bytes = try #require(contents[name])
        // A newer segment.
        var header = try #require(SegmentHeader(bytes))
        header.version = 2
        contents[name] = header.encoded + bytes.dropFirst(SegmentHeader.size)
        expectUnknownVersion(reopen(contents))
        // A newer record, and one of a newer kind.
        let place = SegmentPlace(disk: LogIdentity.test.disk, segment: header.number)
        for change in [{ $0.version = 2 }, { $0.kind = 77 }] as [(inout RecordHeader) -> Void] {
            var changed = bytes
            var record = try #require(RecordHeader(in: bytes, at: SegmentHeader.size, of: place))
            change(&record)
            record.write(
                into: &changed,
                at: SegmentHeader.size,
                seed: place.seed(at: SegmentHeader.size)
            )
            contents[name] = changed
            expectUnknownVersion(reopen(contents))
        }
    }

    private func expectUnknownVersion(_ result: Result<RecoveredLog, StoreError>) {
        guard case .failure(let error) = result else {
            Issue.record("a newer version is read")
            return
        }
        #expect(error.code == .unknownVersion, "\(error)")
    }
}
