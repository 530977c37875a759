// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation
import Testing

/// `RAFT_SEEDS=100000 swift test --filter RaftClusterTests` runs more seeds.
@Suite(.tags(.simulation), .ownThreads) struct RaftClusterTests {
    static let seeds =
        ProcessInfo.processInfo.environment["RAFT_SEEDS"].flatMap { UInt64($0) } ?? 240
    static let parts: UInt64 = 8

    @Test(arguments: 0..<parts)
    func propertiesHold(part: UInt64) {
        var tally = (leaders: 0, reads: 0, leaseReads: 0, commits: 0, snapshots: 0, quiet: 0)
        for seed in stride(from: part, to: Self.seeds, by: Int(Self.parts)) {
            switch RaftCluster.run(seed: seed) {
            case .success(let cluster):
                let new = cluster.checks.tally
                tally.leaders += new.leaders
                tally.reads += new.reads
                tally.leaseReads += new.leaseReads
                tally.commits += new.commits
                tally.snapshots += new.snapshots
                tally.quiet += new.quiet
            case .failure(let violation):
                Issue.record("seed \(seed): \(violation)")
            }
        }
        // The runs have content.
        #expect(tally.leaders > 20 && tally.reads > 100 && tally.commits > 300)
        #expect(tally.leaseReads > 20 && tally.snapshots > 5 && tally.quiet > 0)
    }

    @Test func theSameSeedGivesTheSameRun() throws {
        let runs = (0..<2).map { _ in
            RaftCluster.run(seed: 77).map { "\($0.events) \($0.describe())" }
        }
        #expect(try runs[0].get() == runs[1].get())
    }
}
