// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore
import ChordTestSupport
import Testing

/// Crashes of a segmented log on disks that lie.
@Suite(.tags(.simulation), .ownThreads)
struct CrashTests {
    /// The operations of a run without crash.
    private func operations(seed: UInt64, commits: Int, canAllocate: Bool) throws -> Int {
        var run = CrashRun(seed: seed, canAllocate: canAllocate)
        try run.start()
        try run.work(commits: commits)
        return run.disk.operations
    }

    @Test(arguments: [true, false])
    func crashAtEveryOperationLosesNothingAcknowledged(canAllocate: Bool) throws {
        for seed in UInt64(1)...3 {
            let operations = try operations(seed: seed, commits: 40, canAllocate: canAllocate)
            // A log that rotates and collects has several operations for each commit.
            #expect(operations > 100)
            for operation in 1...operations {
                var run = CrashRun(seed: seed, canAllocate: canAllocate)
                run.disk.crashOperation = operation
                try Self.explain("seed \(seed), operation \(operation)") {
                    try run.start()
                    try run.work(commits: 40)
                    run.crash()
                    try run.start()
                    // What it found must survive at once, and it must go on.
                    run.crash()
                    try run.start()
                    try run.work(commits: 5)
                    run.crash()
                    try run.start()
                }
            }
        }
    }

    @Test func manyCrashesInARow() throws {
        for seed in UInt64(1)...400 {
            var run = CrashRun(seed: seed, canAllocate: seed % 4 != 0)
            var generator = SeededGenerator(seed: seed)
            try Self.explain("seed \(seed)") {
                for _ in 0..<6 {
                    run.disk.crashOperation =
                        run.disk.operations + 1 + Int(generator.below(60))
                    try run.start()
                    try run.work(commits: 30)
                    run.crash()
                }
                try run.start()
            }
        }
    }

    @Test func failedSyncIsNeverTakenForDurable() throws {
        for seed in UInt64(1)...300 {
            let disk = LyingDisk(seed: seed)
            var workload = LogWorkload(seed: seed)
            let core = try SegmentedLogCore.start(on: disk)
            disk.failingSync = disk.operations + 1 + Int(seed % 60)
            var states = [LogModel()]
            for _ in 0..<60 where core.failure == nil {
                let outcome = core.outcome(of: workload.next())
                states.append(workload.model)
                if outcome == nil { states.removeFirst() }
            }
            guard let failure = core.failure else { continue }
            #expect(failure.code == .closed)
            let refused = core.outcome(of: workload.next())
            #expect(refused?.code == .closed)
            // The next process sees in the cache what is not on the disk. Whatever it reports must survive.
            disk.killProcess()
            disk.failingSync = nil
            let found = try SegmentedLogCore.start(on: disk).recovered
            #expect(states.contains { $0.log == found }, "seed \(seed)")
            disk.losePower()
            let afterPowerLoss = try SegmentedLogCore.start(on: disk).recovered
            #expect(afterPowerLoss == found, "seed \(seed)")
        }
    }

    @Test func killedCreationIsMadeDurableByTheNextProcess() throws {
        for seed in UInt64(1)...40 {
            for operation in 1...8 {
                let disk = LyingDisk(seed: seed)
                disk.crashOperation = operation
                _ = try? SegmentedLogCore.start(on: disk)
                disk.killProcess()
                let core = try SegmentedLogCore.start(on: disk)
                #expect(core.outcome(of: LogBatch([.appending(1...1)])) == nil)
                disk.losePower()
                let found = try SegmentedLogCore.start(on: disk).recovered
                #expect(found.groups[.first]?.entries.count == 1, "\(seed) \(operation)")
            }
        }
    }

    @Test func recordsBehindATornOneNeverComeBack() throws {
        // A commit of three records of 88 bytes each, of which the crash loses the first.
        let disk = LyingDisk(seed: 1)
        let core = try SegmentedLogCore.start(on: disk)
        let lost = core.commit((UInt64(1)...3).map { LogBatch([.appending($0...$0)]) })
        #expect(lost.allSatisfy { $0 == nil })
        disk.killProcess()
        let name = "0000000000000001.segment"
        disk.contents[name]?.replaceSubrange(80..<168, with: repeatElement(0, count: 88))
        // The next process writes a mark of 32 bytes and a record of 144. The third record would follow them,
        // and have the right number.
        let second = try SegmentedLogCore.start(on: disk)
        #expect(second.recovered == RecoveredLog())
        #expect(second.outcome(of: LogBatch([.appending(1...1, bytes: 66)])) == nil)
        disk.killProcess()
        let found = try SegmentedLogCore.start(on: disk).recovered
        #expect(found.groups[.first]?.entries.map(\.payload.count) == [66])
    }

    @Test func garbageIsBounded() throws {
        var run = CrashRun(seed: 7)
        try run.start()
        try run.work(commits: 3_000)
        run.close()
        try run.start()
        // Three groups of some dozen entries are live. Without collection, 3,000 commits are a megabyte.
        #expect(run.largestStore < 100 << 10)
    }

    static func explain(_ what: String, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch {
            throw CrashRun.Violation(description: "\(what): \(error)")
        }
    }
}
