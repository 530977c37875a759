// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore
import ChordWire

/// Two of five nodes are lost for good while writes are under way, and the ranges that have lost their majority are
/// recovered: by two administrators in turns, with crashes of survivors in between.
///
/// What must hold: writes that all replicas had applied before are there. Every key has a value that was written to it.
/// There is one new range for each lost one. A disk that comes back changes nothing, and its store ends.
package struct StoreRecoveries: Sendable {
    package var seed: UInt64

    package init(seed: UInt64) {
        self.seed = seed
    }

    package struct Report: Sendable, CustomStringConvertible {
        package let seed: UInt64
        /// Ranges that were recovered.
        package var recovered = 0
        /// Keys whose last acknowledged write is gone: the majority that had it was lost.
        package var rolledBack = 0
        package var problems: [String] = []
        /// The end of the log of each founder, by the lost range.
        fileprivate var logs: [RangeID: LogEnd] = [:]

        package var holds: Bool { problems.isEmpty }

        /// The run in lines for people.
        package var description: String {
            (["seed \(seed): \(recovered) ranges recovered, \(rolledBack) keys went back"]
                + problems)
                .joined(separator: "\n")
        }
    }

    package func run() -> Report {
        let world = StoreWorld(seed: seed, nodes: 5, clients: 1)
        var generator = SeededGenerator(seed: seed ^ 0x7265_636F_7665_72)
        var report = Report(seed: seed)
        world.drive {
            world.start()
            let before = world.settle(atMost: .seconds(90))
            report.problems += before.defects
            var values = Values()
            for key in StoreWorld.keyNumbers { values.put("safe", at: key, in: world) }
            report.problems += world.settle(atMost: .seconds(60)).defects
            values.areSafe()
            loseTwoNodes(of: world, &generator, &values, &report)
        }
        report.problems += world.problems
        return report
    }

    private func loseTwoNodes(
        of world: StoreWorld,
        _ generator: inout SeededGenerator,
        _ values: inout Values,
        _ report: inout Report
    ) {
        var names = world.names
        let lost = (0..<2).map { _ in names.remove(at: Int(generator.below(UInt64(names.count)))) }
        let givenUp = Set(lost.compactMap(world.disk))
        // Some survivors hear nothing of the last writes, so that some of these are lost.
        for name in names where generator.below(2) == 0 { world.cutOff(name, from: lost) }
        let keys = StoreWorld.keyNumbers
        for number in 0..<(1 + generator.below(12)) {
            let key = keys.lowerBound + Int(generator.below(UInt64(keys.count)))
            values.put("late \(number)", at: key, in: world, atMost: .seconds(2))
        }
        for name in lost { world.lose(name) }
        world.endCuts()
        world.run(for: .milliseconds(Int64(generator.below(5_000))))
        recoverAll(world, givenUp, survivors: names, &generator, &report)
        check(world, values, &report)
        comeBack(lost, in: world, &report)
        check(world, values, &report)
    }

    /// Two administrators recover each range in turns. Survivors crash in between.
    private func recoverAll(
        _ world: StoreWorld,
        _ givenUp: Set<DiskID>,
        survivors: [String],
        _ generator: inout SeededGenerator,
        _ report: inout Report
    ) {
        // Children of splits in the logs that are left need a recovery of their own.
        for _ in 0..<4 {
            world.run(for: .seconds(10))
            let led = Set(world.heldRanges { $0.isLed })
            let open = world.heldRanges { !$0.isLed }.filter { !led.contains($0) }
            if open.isEmpty { return }
            for range in open {
                let run = RecoveryRun(of: range, givingUp: givenUp, members: world.runningDisks)
                var first = run
                var step = first.begin()
                // The first administrator goes a part of the way.
                for _ in 0..<generator.below(4) {
                    guard case .ask(let disks, let request) = step else { break }
                    if request.step == .found {
                        report.logs[range] = LogEnd(of: request)
                    }
                    step = first.answered(world.take(disks, request))
                }
                var successors: Set<RangeID> = []
                var end = RecoveryRun.Step.failed("not tried")
                for _ in 0..<8 {
                    if generator.below(2) == 0 {
                        let name = survivors[Int(generator.below(UInt64(survivors.count)))]
                        world.crash(name)
                        world.restart(name)
                        world.run(for: .seconds(2))
                    }
                    end = world.carryOut(run) { step in
                        guard case .ask(_, let request) = step, request.step == .found else {
                            return
                        }
                        report.logs[range] = LogEnd(of: request)
                    }
                    if case .done(let successor, _) = end {
                        successors.insert(successor)
                        break
                    }
                    world.run(for: .seconds(3))
                }
                // The first one goes on with what it knew before.
                while case .ask(let disks, let request) = step {
                    step = first.answered(world.take(disks, request))
                }
                for case .done(let successor, _) in [end, step, world.carryOut(run)] {
                    successors.insert(successor)
                }
                switch (successors.count, end) {
                case (1, .done): report.recovered += 1
                case (_, .failed(let reason)): report.problems.append("\(range): \(reason)")
                default: report.problems.append("\(range) has \(successors.count) successors")
                }
            }
        }
        report.problems.append("ranges without a leader are left")
    }

    private func check(_ world: StoreWorld, _ values: Values, _ report: inout Report) {
        report.problems += world.settle(atMost: .seconds(240)).defects
        report.problems += world.checksumDefects()
        report.rolledBack = 0
        for key in StoreWorld.keyNumbers {
            guard let (row, _) = world.get(key) else {
                report.problems.append("key \(key) is not answered")
                continue
            }
            let value = row.map { String(decoding: $0.value, as: UTF8.self) }
            if let problem = values.problem(with: value, at: key) {
                report.problems.append(problem)
            } else if values.isRolledBack(value, at: key) {
                report.rolledBack += 1
                if values.isInLog(key, report.logs) {
                    report.problems.append(
                        "key \(key) went back, and the founder's log had its last write"
                    )
                }
            }
        }
    }

    /// Both lost disks come back at once: together they have the majority of lost ranges.
    private func comeBack(_ lost: [String], in world: StoreWorld, _ report: inout Report) {
        for name in lost { world.startOutside(name) }
        let haveEnded = world.run(atMost: .seconds(60)) { world.haveEnded(lost) }
        if !haveEnded { report.problems.append("a disk that was given up goes on") }
        for name in lost {
            world.lose(name)
            // It knows by now, and does not start any more.
            world.startOutside(name)
        }
        world.run(for: .seconds(5))
        let refused = world.takeRefusedStarts()
        if refused < lost.count { report.problems.append("a disk that was given up starts again") }
        for name in lost { world.lose(name) }
    }
}

/// The last entry of a log.
private struct LogEnd {
    var index: LogIndex
    var term: Term

    init(of request: RecoverRequest) {
        index = LogIndex(request.lastIndex)
        term = Term(request.lastTerm)
    }
}

/// What was written to the keys.
private struct Values {
    private var safe: [Int: String] = [:]
    private var tried: [Int: [String]] = [:]
    private var acknowledged: [Int: String] = [:]
    /// Where the last acknowledged write of a key is: its range, the entry, and a term not before that of the entry.
    private var places: [Int: (range: RangeID, version: LogIndex, term: Term)] = [:]
    private var number: UInt64 = 0

    /// Writes a value, and notes what came of it.
    mutating func put(
        _ value: String,
        at key: Int,
        in world: StoreWorld,
        atMost duration: Duration = .seconds(20)
    ) {
        number += 1
        tried[key, default: []].append(value)
        let id = WriteID(
            client: ClientID(RandomBits(high: 5, low: number)),
            number: 1,
            lowestUnanswered: 1,
            preparedAt: RangeTime(milliseconds: UInt64(max(0, world.now / 1_000_000)))
        )
        if case .done(let outcome, let view)? = world.put(value, at: key, as: id, atMost: duration)
        {
            acknowledged[key] = value
            places[key] = (view.descriptor.id, outcome.version, view.appliedTerm)
        }
    }

    /// All replicas have applied what was acknowledged.
    mutating func areSafe() {
        safe = acknowledged
    }

    func problem(with value: String?, at key: Int) -> String? {
        guard let value else { return "key \(key) is lost" }
        guard tried[key]?.contains(value) == true else {
            return "key \(key) has \"\(value)\", which nobody wrote"
        }
        return safe[key] == nil ? "key \(key) was never stored" : nil
    }

    /// Whether the log of the founder had the last acknowledged write of a key. A log that ends in a lower term may be
    /// longer, and has other entries there.
    ///
    /// - Parameter logs: the end of each founder's log, by the lost range.
    func isInLog(_ key: Int, _ logs: [RangeID: LogEnd]) -> Bool {
        guard let place = places[key], let end = logs[place.range] else { return false }
        return place.version <= end.index && place.term <= end.term
    }

    /// Whether an acknowledged write is gone.
    func isRolledBack(_ value: String?, at key: Int) -> Bool {
        guard let value, let last = acknowledged[key], let tried = tried[key],
            let place = tried.firstIndex(of: value), let lastPlace = tried.firstIndex(of: last)
        else { return false }
        return place < lastPlace
    }
}

extension StoreWorld {
    fileprivate func cutOff(_ name: String, from others: [String]) {
        for other in others {
            network.cut(from: name, to: other)
            network.cut(from: other, to: name)
        }
    }

    fileprivate func endCuts() { network.healCuts() }

    /// Whether the stores of nodes have ended because their disks were given up.
    fileprivate func haveEnded(_ names: [String]) -> Bool {
        names.allSatisfy { name in
            guard let node = nodes[name]?.node, let executor = nodes[name]?.executor else {
                return false
            }
            var isGivenUp = false
            scheduler.run(as: executor) { isGivenUp = node.assumeIsolated { $0.isGivenUp } }
            return isGivenUp
        }
    }

    /// Takes the refusals of nodes to start on a disk that was given up out of the problems.
    fileprivate func takeRefusedStarts() -> Int {
        let refused = ring.problems.filter { $0.contains("was given up") }.count
        ring.problems.removeAll { $0.contains("was given up") }
        return refused
    }
}
