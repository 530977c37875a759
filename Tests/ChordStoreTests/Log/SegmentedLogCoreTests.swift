// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore
import ChordTestSupport
import Testing

/// Rotation, garbage collection, and disks that are full or fail.
@Suite(.tags(.unit))
struct SegmentedLogCoreTests {
    /// Submits a batch with one update.
    @discardableResult
    private func commit(
        _ core: SegmentedLogCore,
        _ update: GroupUpdate,
        reserve: ReserveShare = .nothing
    ) -> StoreErrorCode? {
        core.commit([LogBatch([update], reserve: reserve)])[0]?.code
    }

    // MARK: Rotation and collection

    @Test func batchLargerThanASegmentIsAccepted() throws {
        let disk = LyingDisk(seed: 1)
        let core = try SegmentedLogCore.start(on: disk)
        #expect(commit(core, .appending(1...2)) == nil)
        #expect(commit(core, .appending(3...3, bytes: 20_000)) == nil)
        #expect(commit(core, .appending(4...4)) == nil)
        disk.losePower()
        let again = try SegmentedLogCore.start(on: disk)
        #expect(
            again.recovered.groups[.first]?.entries.map(\.payload.count) == [10, 10, 20_000, 10]
        )
    }

    @Test func batchAboveTheLimitIsRefused() throws {
        var settings = SegmentedLogSettings.small
        settings.batchBytes = 1_000
        let core = try SegmentedLogCore.start(on: LyingDisk(seed: 1), settings)
        #expect(commit(core, .appending(1...1, bytes: 1_000)) == .tooLarge)
        #expect(commit(core, .appending(1...1, bytes: 900)) == nil)
    }

    @Test func idleGroupsDoNotKeepGarbage() throws {
        let disk = LyingDisk(seed: 1)
        let core = try SegmentedLogCore.start(on: disk)
        var model = LogModel()
        func submit(_ update: GroupUpdate) {
            let batch = LogBatch([update])
            #expect(core.outcome(of: batch) == nil)
            model.apply(batch)
        }
        // A group that is idle from now on has a hard state, a compacted part, entries; another a tombstone.
        submit(.appending(1...9, to: .second))
        submit(.compacting(through: 3, of: .second))
        submit(.voting(term: 4, for: 2, of: .second))
        submit(GroupUpdate(RangeID(high: 9, low: 9), removal: ReplicaNumber(3)))
        var largest = 0
        for index in UInt64(1)...2_000 {
            submit(.appending(index...index, bytes: 50))
            if index % 10 == 0 { submit(.compacting(through: index)) }
            largest = max(largest, core.statistics.segments)
        }
        #expect(largest <= 5)
        #expect(core.statistics.bytesRewritten > 0)
        // 2,200 commits of some 130 bytes make 70 segments. Each rewrites the idle group at most.
        #expect(core.statistics.bytesRewritten < 70 * 1_000)
        disk.losePower()
        #expect(try SegmentedLogCore.start(on: disk).recovered == model.log)
    }

    @Test func rewritingIsBoundedPerCommit() throws {
        let core = try SegmentedLogCore.start(on: LyingDisk(seed: 1))
        for range in UInt64(1)...60 {
            commit(core, .appending(1...1, bytes: 60, to: RangeID(high: range, low: 0)))
        }
        var most: UInt64 = 0
        for index in UInt64(1)...400 {
            let before = core.statistics.bytesRewritten
            #expect(commit(core, .appending(index...index, bytes: 60, to: .second)) == nil)
            #expect(commit(core, .compacting(through: index, of: .second)) == nil)
            most = max(most, core.statistics.bytesRewritten - before)
        }
        // Two commits, each with the budget, twice the load before, one entry and one header.
        #expect(most > 0 && most < 2 * (256 + 2 * 300 + 200))
    }

    @Test func sameSeedGivesTheSameFiles() throws {
        func run() throws -> [String: [UInt8]] {
            let disk = LyingDisk(seed: 5)
            var workload = LogWorkload(seed: 5, ranges: 8)
            let core = try SegmentedLogCore.start(on: disk)
            for _ in 0..<300 { #expect(core.outcome(of: workload.next()) == nil) }
            core.close()
            return disk.contents
        }
        #expect(try run() == run())
    }

    // MARK: Full disks

    /// A log on a disk with room for some segments, filled until it refuses.
    private func fullLog(
        canAllocate: Bool
    ) throws -> (disk: LyingDisk, core: SegmentedLogCore, entries: UInt64) {
        let disk = LyingDisk(seed: 1)
        disk.canAllocate = canAllocate
        disk.capacity = 18_000
        let core = try SegmentedLogCore.start(on: disk)
        var index: UInt64 = 0
        while index < 1_000 {
            let code = commit(core, .appending((index + 1)...(index + 1), bytes: 100))
            guard code == nil else {
                #expect(code == .diskFull)
                break
            }
            index += 1
        }
        #expect(index > 20 && index < 200)
        #expect(core.isFull && core.failure == nil)
        return (disk, core, index)
    }

    @Test(arguments: [true, false])
    func fullDiskRefusesEntriesAndHealsWithRoom(canAllocate: Bool) throws {
        let (disk, core, last) = try fullLog(canAllocate: canAllocate)
        let next = (last + 1)...(last + 1)
        // Refused again and again, nothing is written.
        let written = core.statistics.bytesWritten
        for _ in 0..<10 { #expect(commit(core, .appending(next, bytes: 100)) == .diskFull) }
        #expect(core.statistics.bytesWritten == written)
        disk.capacity = 60_000
        #expect(commit(core, .appending(next, bytes: 100)) == nil)
        #expect(!core.isFull && !core.statistics.isFull)
        disk.losePower()
        let found = try SegmentedLogCore.start(on: disk).recovered
        #expect(found.groups[.first]?.entries.count == Int(last + 1))
    }

    @Test func reserveTakesDeletesAndHardStates() throws {
        let (disk, core, last) = try fullLog(canAllocate: true)
        var index = last + 1
        #expect(commit(core, .voting(term: 1, for: 3)) == nil)
        while commit(core, .appending(index...index), reserve: .half) == nil { index += 1 }
        #expect(index > last + 1)
        // Entries that were there before have used their share, deletes have more.
        let deletes = index
        while commit(core, .appending(index...index), reserve: .most) == nil { index += 1 }
        #expect(index > deletes)
        #expect(core.failure == nil)
        // The reserve for deletes is used up, that for hard states is not.
        #expect(commit(core, .voting(term: 2, for: 3)) == nil)
        // What was applied is compacted: segments are collected, and the log has room again.
        #expect(commit(core, .compacting(through: index - 1)) == nil)
        #expect(core.commit([]).isEmpty)
        #expect(core.commit([]).isEmpty)
        #expect(commit(core, .appending(index...index, term: 2, bytes: 100)) == nil)
        #expect(!core.isFull)
        disk.losePower()
        let group = try SegmentedLogCore.start(on: disk).recovered.groups[.first]
        #expect(group?.entries.map(\.index) == [LogIndex(index)])
        #expect(group?.hardState.term == Term(2))
    }

    @Test func usedUpReserveRefusesEverythingButStaysOpen() throws {
        let (disk, core, _) = try fullLog(canAllocate: true)
        var term: UInt64 = 1
        while commit(core, .voting(term: term)) == nil { term += 1 }
        #expect(core.failure == nil)
        #expect(commit(core, .voting(term: term)) == .diskFull)
        disk.capacity = 60_000
        #expect(commit(core, .voting(term: term)) == nil)
        disk.losePower()
        let found = try SegmentedLogCore.start(on: disk).recovered
        #expect(found.groups[.first]?.hardState.term == Term(term))
    }

    @Test("once a batch was refused, later ones of its round are refused too, though they fit")
    func roundsStayInOrder() throws {
        let (disk, core, last) = try fullLog(canAllocate: true)
        var entries = LogBatch([GroupUpdate.appending((last + 1)...(last + 1), bytes: 100)])
        entries.round = 7
        // A vote may use the reserve, but its confirmation would count for the entries before it.
        var vote = LogBatch([GroupUpdate.voting(term: 2)])
        vote.round = 7
        let outcomes = core.commit([entries, vote])
        #expect(outcomes.map { $0?.code } == [.diskFull, .diskFull])
        #expect(core.commit([vote]).map { $0?.code } == [.diskFull])
        disk.capacity = 1_000_000
        #expect(core.commit([]).isEmpty)
        #expect(core.commit([vote]).map { $0?.code } == [.diskFull])
        entries.round = 8
        vote.round = 8
        #expect(core.commit([entries, vote]).map { $0?.code } == [nil, nil])
    }

    @Test func fullDiskAtTheStartIsReported() throws {
        let disk = LyingDisk(seed: 1)
        disk.capacity = 1_000
        let error = #expect(throws: StoreError.self) { try SegmentedLogCore.start(on: disk) }
        #expect(error?.code == .diskFull)
        disk.capacity = 5_000
        // Room for one segment: the log opens, but takes no entries.
        let core = try SegmentedLogCore.start(on: disk)
        #expect(core.isFull)
        #expect(commit(core, .appending(1...1)) == .diskFull)
        #expect(commit(core, .voting(term: 1)) == nil)
    }

    @Test func commitThatHalfFitsIsTakenBackWhole() throws {
        let disk = LyingDisk(seed: 1)
        disk.canAllocate = false
        let core = try SegmentedLogCore.start(on: disk)
        #expect(commit(core, .appending(1...1)) == nil)
        // Room for two of three records.
        disk.capacity = disk.contents.values.reduce(0) { $0 + $1.count } + 200
        let outcomes = core.commit((UInt64(2)...4).map { LogBatch([.appending($0...$0)]) })
        #expect(outcomes.map { $0?.code } == [.diskFull, .diskFull, .diskFull])
        #expect(core.recovered.groups[.first]?.entries.count == 1)
        disk.capacity = nil
        #expect(commit(core, .appending(2...2, bytes: 11)) == nil)
        disk.losePower()
        let found = try SegmentedLogCore.start(on: disk).recovered
        #expect(found.groups[.first]?.entries.map(\.payload.count) == [10, 11])
    }

    @Test func fullDiskKeepsWhatIsAcknowledgedThroughCrashes() throws {
        for seed in UInt64(1)...100 {
            let disk = LyingDisk(seed: seed)
            disk.canAllocate = seed % 2 == 0
            disk.capacity = 14_000
            var generator = SeededGenerator(seed: seed)
            var workload = LogWorkload(seed: seed)
            var log = RecoveredLog()
            for _ in 0..<4 {
                let core = try SegmentedLogCore.start(on: disk)
                #expect(core.recovered == log, "seed \(seed)")
                workload.model.log = log
                for _ in 0..<80 {
                    let before = workload.model
                    switch core.outcome(of: workload.next())?.code {
                    case nil: log = workload.model.log
                    case .some(.diskFull): workload.model = before
                    case .some(let code): Issue.record("seed \(seed): \(code)")
                    }
                }
                if generator.below(2) == 0 { core.markSynced() }
                disk.losePower()
            }
        }
    }

    // MARK: Failing disks

    @Test func readOnlyDiskIsReported() throws {
        let disk = LyingDisk(seed: 1)
        let core = try SegmentedLogCore.start(on: disk)
        #expect(commit(core, .appending(1...1)) == nil)
        disk.isReadOnly = true
        #expect(commit(core, .appending(2...2)) == .readOnly)
        #expect(commit(core, .appending(2...2)) == .closed)
        #expect((core.failure?.cause as? StoreError)?.code == .readOnly)
        core.close()
        let error = #expect(throws: StoreError.self) { try SegmentedLogCore.start(on: disk) }
        #expect(error?.code == .readOnly)
        disk.isReadOnly = false
        _ = try SegmentedLogCore.start(on: disk)
    }

    @Test func failedSyncClosesTheLog() throws {
        let disk = LyingDisk(seed: 1)
        let core = try SegmentedLogCore.start(on: disk)
        disk.failingSync = disk.operations + 2
        let outcomes = core.commit([
            LogBatch([.appending(1...1)]), LogBatch([.appending(2...2)]),
            LogBatch([.appending(9...9)]),
        ])
        #expect(outcomes.map { $0?.code } == [.ioFailed, .ioFailed, .invalidBatch])
        let operations = disk.operations
        #expect(commit(core, .appending(1...1)) == .closed)
        core.markSynced()
        core.close()
        #expect(disk.operations == operations, "the disk was tried again")
    }

    @Test func slowSyncsShowInTheStatistics() throws {
        let slow = LogUnderTest.ConfinedDisk(disk: LyingDisk(seed: 1))
        let core = try SegmentedLogCore(
            files: slow.disk.start(),
            settings: .small,
            identity: .test,
            isNew: true,
            now: { slow.disk.elapsed }
        )
        for milliseconds in [1, 900, 20] {
            slow.disk.syncDuration = .milliseconds(milliseconds)
            let last = core.recovered.groups[.first]?.entries.count ?? 0
            #expect(commit(core, .appending(UInt64(last + 1)...UInt64(last + 1))) == nil)
        }
        let commits = core.statistics.commits
        #expect(commits.count == 3)
        #expect(commits.longest == .milliseconds(900))
        #expect(commits.total == .milliseconds(921))
    }

    @Test func settingsAreChecked() throws {
        for (change, name) in [
            ({ $0.segmentBytes = 100 }, "segmentBytes"), ({ $0.batchBytes = 0 }, "batchBytes"),
            ({ $0.commitBytes = -1 }, "commitBytes"), ({ $0.garbageFactor = 1 }, "garbageFactor"),
            ({ $0.segmentsBeforeRewriting = 0 }, "segmentsBeforeRewriting"),
            ({ $0.rewriteBytes = 0 }, "rewriteBytes"),
        ] as [((inout SegmentedLogSettings) -> Void, String)] {
            var settings = SegmentedLogSettings()
            change(&settings)
            let error = #expect(throws: StoreError.self) { try settings.validate() }
            #expect(error?.code == .invalidSettings)
            #expect(error?.message.hasPrefix(name) == true)
        }
        try SegmentedLogSettings().validate()
    }

    @Test func latenciesAreClassed() {
        var histogram = LatencyHistogram()
        for microseconds in [0, 1, 2, 3, 1_000, 100_000_000] {
            histogram.record(.microseconds(microseconds))
        }
        #expect(histogram.count == 6)
        #expect(histogram.longest == .seconds(100))
        #expect(histogram.total == .microseconds(100_001_006))
        #expect(histogram.classes[0] == 2)
        #expect(histogram.classes[1] == 2)
        #expect(histogram.classes[9] == 1)
        #expect(histogram.classes[23] == 1)
    }
}
