// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore

/// Runs a log on a lying disk through crashes, and checks after each that what was acknowledged is there and
/// that what is there was submitted.
struct CrashRun {
    /// What was found wrong.
    struct Violation: Error, CustomStringConvertible {
        let description: String
    }

    let disk: LyingDisk
    let settings: SegmentedLogSettings
    private var workload: LogWorkload
    private var core: SegmentedLogCore?
    /// What the log holds after each of the batches that were submitted, the first of them acknowledged.
    private var states: [LogModel] = [LogModel()]
    private var generator: SeededGenerator
    private(set) var commits = 0
    private(set) var largestStore = 0

    init(seed: UInt64, settings: SegmentedLogSettings = .small, canAllocate: Bool = true) {
        disk = LyingDisk(seed: seed)
        disk.canAllocate = canAllocate
        self.settings = settings
        workload = LogWorkload(seed: seed)
        generator = SeededGenerator(seed: ~seed)
    }

    /// Starts the log, which may crash while it starts, and compares what it holds.
    mutating func start() throws {
        while true {
            do throws(StoreError) {
                let core = try SegmentedLogCore.start(on: disk, settings)
                try check(core.recovered)
                self.core = core
                return
            } catch {
                // Only the crash may keep it from starting.
                guard disk.isCrashed else {
                    throw Violation(description: "the log does not open: \(error)")
                }
                crash()
            }
        }
    }

    private mutating func check(_ found: RecoveredLog) throws(StoreError) {
        // Whatever was found is what later crashes must keep: the node acts on it.
        guard let place = states.lastIndex(where: { $0.log == found }) else {
            throw StoreError(
                .corrupted,
                "no state of \(states.count): found \(found), acknowledged \(states[0].log)"
            )
        }
        states = [states[place]]
        workload.model = states[0]
    }

    /// Submits batches until the disk crashes or enough are durable.
    mutating func work(commits count: Int) throws {
        for _ in 0..<count {
            guard let core else { return }
            var batches: [LogBatch] = []
            for _ in 0..<(1 + generator.below(3)) {
                batches.append(workload.next())
                states.append(workload.model)
            }
            for (outcome, batch) in zip(core.commit(batches), batches) {
                if outcome == nil {
                    states.removeFirst()
                } else if !disk.isCrashed {
                    throw Violation(description: "\(batch) is refused: \(outcome!)")
                } else {
                    break
                }
            }
            commits += 1
            largestStore = max(largestStore, core.statistics.bytesStored)
            // Often more batches wait already.
            if generator.below(2) == 0 { core.markSynced() }
            if disk.isCrashed { return }
        }
    }

    /// The power fails, or the process is killed and its successor loses power later.
    mutating func crash() {
        core = nil
        if generator.below(3) == 0 { disk.killProcess() } else { disk.losePower() }
    }

    mutating func close() {
        core?.close()
        core = nil
    }
}
