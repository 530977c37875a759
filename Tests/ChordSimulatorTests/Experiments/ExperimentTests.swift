// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordTestSupport
import Testing

@testable import ChordSimulator

/// Small sizes of each experiment; the full ones are in docs/experiments.md.
@Suite(.tags(.simulation, .slow), .ownThreads, .timeLimit(.minutes(3)))
struct ExperimentTests {
    private static func run(
        _ experiment: Experiment,
        nodes: Int,
        samples: Int,
        seed: UInt64 = 1
    ) -> ExperimentReport {
        experiment.run(ExperimentOptions(nodes: nodes, samples: samples, seed: seed))
    }

    @Test("Lookups in small rings take half of log2 N and name the owner")
    func pathLength() throws {
        let report = Self.run(.pathLength, nodes: 64, samples: 2000)
        #expect(report.holds, "\(report.checks)")
        let nodes = try report.integers("nodes")
        #expect(nodes == [8, 16, 32, 64])
        // At the most 100 lookups for each node.
        let lookups = try report.integers("lookups")
        #expect(lookups == [800, 1600, 2000, 2000])
        let means = try report.numbers("mean")
        #expect(means.allSatisfy { $0 > 1 })
        #expect(zip(means, means.dropFirst()).allSatisfy { $0 < $1 })
        // Longer lists make shorter paths.
        let shorter = try report.numbers("meanList4")
        #expect(zip(shorter, means).allSatisfy { $0 < $1 })
    }

    @Test("No key is lost, and virtual positions make the load more even")
    func load() throws {
        let report = Self.run(.load, nodes: 100, samples: 10_000)
        #expect(report.holds, "\(report.checks)")
        let keys = try report.integers("keys")
        let means = try report.numbers("mean")
        #expect(means.map { Int($0 * 100) } == keys)
        let most = try report.numbers("max")
        let first = try report.numbers("p1")
        // The last four rows are those of nodes that take one of 1, 4, 16 and 64 places.
        let virtual = most.count - 5
        #expect(most[virtual] < most[1] / 1.5)
        #expect(first[virtual] > 0.3)
        #expect(zip(most.suffix(4), most.suffix(3)).allSatisfy { $0 > $1 })
        #expect(most[most.count - 2] < most[1] / 2)
    }

    @Test("No lookup fails after a mass failure")
    func massFailure() throws {
        let report = Self.run(.massFailure, nodes: 200, samples: 400)
        #expect(report.holds, "\(report.checks)")
        let failures = try report.integers("failures")
        #expect(failures == failures.map { _ in 0 })
        let timeouts = try report.numbers("timeouts")
        #expect(timeouts.first == 0)
        #expect(timeouts[1] > 0)
        #expect(zip(timeouts, timeouts.dropFirst()).allSatisfy { $0 < $1 })
        // Who names owners from a list of 20 is there sooner than who asks the member before them.
        let listed = try report.numbers("hopsByList")
        let hops = try report.numbers("hops")
        #expect(zip(listed, hops).allSatisfy { $0 < $1 })
    }

    @Test("Lookups continue while nodes join and leave")
    func churn() throws {
        let report = Self.run(.churn, nodes: 50, samples: 20)
        #expect(report.holds, "\(report.checks)")
        let rates = try report.numbers("rate")
        let hops = try report.numbers("hops")
        #expect(rates == Churn.published.map(\.rate))
        #expect(hops.allSatisfy { $0 > 1 && $0 < 6 })
    }

    @Test("A recursive lookup takes about half of an iterative one")
    func latency() throws {
        let report = Self.run(.latency, nodes: 256, samples: 500)
        #expect(report.holds, "\(report.checks)")
        let medians = try report.numbers("median")
        #expect(medians.allSatisfy { $0 > 1 })
        #expect(medians[1] < 0.75 * medians[0])
    }

    @Test("Nodes that stabilise more often have fewer wrong pointers")
    func wrongPointers() throws {
        let report = Self.run(.wrongPointers, nodes: 50, samples: 20)
        let broken = report.checks.filter { $0.statement.contains("promise") && !$0.holds }
        #expect(broken.isEmpty, "\(broken)")
        let wrong = try report.numbers("wrongSuccessors")
        let dead = try report.numbers("deadSuccessors")
        #expect(wrong[4] < wrong[1])
        #expect(zip(dead, wrong).allSatisfy { $0 <= $1 })
        // 2 / (3 + 10) to 2 / (3 + 200).
        let predicted = try report.numbers("predictedWrongSuccessors")
        #expect(predicted.map { $0.short(2) } == ["15.38", "8.7", "3.77", "1.94", "0.99"])
    }

    @Test("Checks reduce the lookups that a liar misleads, and it misleads no verified one")
    func liars() throws {
        let report = Self.run(.liars, nodes: 60, samples: 400)
        #expect(report.holds, "\(report.checks)")
        let unchecked = try report.numbers("turnedUnchecked")
        let checked = try report.numbers("turnedChecked")
        let verified = try report.numbers("turnedVerified")
        #expect(zip(checked, unchecked).allSatisfy { $0 <= $1 })
        #expect(verified.reduce(0, +) < checked.reduce(0, +) / 4)
        let failed = try report.numbers("failedChecked")
        let ended = try report.numbers("failedUnchecked")
        #expect(failed.reduce(0, +) < ended.reduce(0, +) / 4)
    }

    @Test(
        "The same seed gives the same table, and another seed a different one",
        arguments: [Experiment.pathLength, .massFailure, .liars, .oneHop]
    )
    func oneTable(experiment: Experiment) {
        let first = Self.run(experiment, nodes: 64, samples: 200)
        #expect(Self.run(experiment, nodes: 64, samples: 200).rows == first.rows)
        #expect(Self.run(experiment, nodes: 64, samples: 200, seed: 2).rows != first.rows)
    }

    @Test("Known members spare most calls, and make no answer wrong")
    func oneHop() throws {
        let report = Self.run(.oneHop, nodes: 60, samples: 2000)
        #expect(report.holds, "\(report.checks)")
        let calls = try report.numbers("calls")
        let plain = try report.numbers("plainCalls")
        #expect(zip(calls, plain).allSatisfy { $0 < $1 * 0.7 })
        // All members are known, and a hundred bytes or two are enough for each.
        #expect(try report.numbers("members").allSatisfy { $0 >= 50 })
        #expect(try report.numbers("kibibytes").allSatisfy { $0 < 30 })
    }

    @Test("Progress is reported")
    func progress() {
        var lines: [String] = []
        _ = Experiment.pathLength.run(ExperimentOptions(nodes: 16, samples: 20)) {
            lines.append($0)
        }
        #expect(lines == ["8 of 16 nodes", "16 of 16 nodes"])
    }
}

/// What the experiments stand on.
@Suite(.tags(.unit)) struct ExperimentPartsTests {
    @Test(
        "A ring that is constructed directly is ideal",
        arguments: [(2, 1), (3, 4), (8, 3), (200, 1), (300, 20)]
    )
    func idealRing(nodes: Int, list: Int) {
        var generator = SeededGenerator(seed: 3)
        let ring = IdealRing(nodes: nodes, successorCount: list, using: &generator)
        let snapshot = RingSnapshot(members: ring.members, successorCount: list)
        #expect(snapshot.members.count == nodes)
        #expect(IdealChecker.flaws(in: snapshot).isEmpty)
        #expect(IdealChecker.rangeFlaws(in: snapshot).isEmpty)
    }

    @Test("A lookup calls the next live node if the owner is dead, and counts it")
    func silentOwner() throws {
        var generator = SeededGenerator(seed: 4)
        let ring = IdealRing(nodes: 20, successorCount: 4, using: &generator)
        let start = ring.members[0]
        // The two members after the asker are gone, and the key is the first one's.
        let walk = LookupWalk(ring.members[1].node.id, from: start) { reference in
            [1, 2].contains(ring.index(of: reference))
                ? nil : ring.members[ring.index(of: reference)]
        }
        #expect(walk.owner == ring.members[3].node)
        #expect(walk.timeouts == 2)
        #expect(walk.forwardings == 0)
        #expect(walk.contacts == 1)
        let own = LookupWalk(start.node.id, from: start) { _ in nil }
        #expect(own.owner == start.node)
        #expect(own.contacts == 0)
    }

    @Test("A lookup without live nodes ends without an owner")
    func nobody() {
        var generator = SeededGenerator(seed: 5)
        let ring = IdealRing(nodes: 20, successorCount: 2, using: &generator)
        for ending in [LookupWalk.Ending.atPredecessor, .inList] {
            let key = ring.members[10].node.id
            let walk = LookupWalk(key, from: ring.members[0], ending: ending) { _ in nil }
            #expect(walk.owner == nil)
            #expect(walk.timeouts > 0)
        }
    }

    @Test("Percentiles are by nearest rank")
    func sample() {
        var sample = Sample()
        #expect(sample.percentile(50) == 0)
        for value in (1...200).reversed() { sample.add(value) }
        #expect(sample.percentile(1) == 2)
        #expect(sample.percentile(50) == 100)
        #expect(sample.percentile(99) == 198)
        #expect(sample.percentile(100) == 200)
        #expect(sample.mean == 100.5)
        sample.add(7)
        #expect(sample.mode() == 7)
    }

    @Test("Predictions follow the balance equations", arguments: [10.0, 50, 200])
    func predictions(ratio: Double) {
        let theory = WrongPointers.Prediction(ratio: ratio)
        let wrong = theory.wrongSuccessor
        let gained = (1 - wrong) + (1 - wrong) * (1 - wrong)
        #expect(abs(gained - wrong * wrong - ratio * wrong) < 1e-9)
        #expect(theory.deadSuccessor < theory.wrongSuccessor)
        #expect(theory.deadFinger < theory.wrongFinger)
        // To first order: a finger is wrong from the start as a successor is, and by a join or a failure.
        #expect(abs(theory.wrongFinger * ratio - 4) < 40 / ratio + 0.2)
    }
}

extension ExperimentReport {
    fileprivate func column(_ key: String) throws -> [Value] {
        let index = try #require(columns.firstIndex { $0.key == key }, "no column \(key)")
        return rows.map { $0[index] }
    }

    fileprivate func integers(_ key: String) throws -> [Int] {
        try column(key).map { value in
            guard case .integer(let number) = value else { throw UnexpectedValue(value: value) }
            return number
        }
    }

    fileprivate func numbers(_ key: String) throws -> [Double] {
        try column(key).map { value in
            guard case .number(let number, _) = value else { throw UnexpectedValue(value: value) }
            return number
        }
    }
}

private struct UnexpectedValue: Error {
    let value: ExperimentReport.Value
}
