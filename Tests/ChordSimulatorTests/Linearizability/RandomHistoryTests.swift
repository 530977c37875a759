// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordSimulator

@Suite(.tags(.unit), .ownThreads, .timeLimit(.minutes(2))) struct RandomHistoryTests {
    @Test(arguments: 0..<6)
    func acceptsLinearizableRuns(_ seed: Int) {
        var run = RandomRun()
        run.clients = 5 + seed % 6
        run.operationsPerClient = 50 / run.clients
        run.unknown = Double(seed % 5) * 0.01
        #expect(LinearizabilityChecker().check(run.history(seed: UInt64(seed))) == .linearizable)
    }

    @Test(arguments: 0..<3)
    func acceptsRunsWithBatches(_ seed: Int) {
        var run = RandomRun()
        run.keys = 3
        run.batches = 0.3
        run.operationsPerClient = 6
        run.unknown = 0.05
        #expect(LinearizabilityChecker().check(run.history(seed: UInt64(seed))) == .linearizable)
    }

    /// Answers that are made wrong in a way that no order can explain.
    enum Fault: CaseIterable {
        /// A read at the end finds what was there before a write that had its answer.
        case staleRead
        /// The same in the middle of the run.
        case staleReadAmongOthers
        /// A write had its answer, and is not seen.
        case lostWrite
        /// A deleted row is there again.
        case resurrected
        /// Two writes have the same version.
        case repeatedVersion
        /// A read finds the value of another version.
        case mixedRow
    }

    @Test(arguments: Fault.allCases, 0..<2)
    func findsInjectedFaults(_ fault: Fault, _ seed: Int) throws {
        var run = RandomRun()
        run.unknown = 0.02
        run.operationsPerClient = 8
        var history = run.history(seed: UInt64(seed))
        let wasInjected = inject(fault, into: &history)
        try #require(wasInjected, "seed \(seed) has no place for the fault")
        let verdict = LinearizabilityChecker().check(history)
        guard case .violation = verdict else {
            Issue.record("\(fault): \(verdict)")
            return
        }
    }

    private func inject(_ fault: Fault, into history: inout [HistoryOperation]) -> Bool {
        let writes = history.filter { version($0) > 0 }.sorted { version($0) < version($1) }
        let puts = writes.filter { row($0) != nil }
        guard let newest = writes.last, puts.count > 2 else { return false }
        let last = history.filter { !$0.isUnknown }.map(\.returned).max() ?? 0
        func append(
            _ action: HistoryOperation.Action,
            _ outcome: HistoryOperation.Outcome,
            _ seen: HistoryOperation.Observation = .nothing
        ) {
            let end = history.filter { !$0.isUnknown }.map(\.returned).max() ?? 0
            history.append(
                HistoryOperation(
                    number: 10_000 + history.count,
                    client: "late",
                    partition: "p",
                    steps: [.init(key: "k0", action, seen: seen)],
                    outcome: outcome,
                    called: end + 1,
                    returned: end + 2
                )
            )
        }
        // Unknown writes may have had higher versions.
        let free = version(newest) + 1_000
        switch fault {
        case .staleRead:
            guard let stale = puts.last(where: { version($0) < version(newest) }) else {
                return false
            }
            append(.get, .applied(version: nil), row(stale) ?? .nothing)
        case .staleReadAmongOthers:
            for place in history.indices
            where history[place].isReadOnly && !history[place].isUnknown {
                let before = writes.filter { $0.returned < history[place].called }
                guard let newer = before.last,
                    let stale = puts.last(where: { version($0) < version(newer) }),
                    history[place].called > last / 2
                else { continue }
                history[place].steps[0].seen = row(stale) ?? .nothing
                return true
            }
            return false
        case .lostWrite:
            append(.put("lost"), .applied(version: free))
            append(.get, .applied(version: nil), puts.last.flatMap(row) ?? .nothing)
        case .resurrected:
            append(.delete, .applied(version: free))
            append(.get, .applied(version: nil), puts.last.flatMap(row) ?? .nothing)
        case .repeatedVersion:
            guard let place = history.firstIndex(where: { $0.number == writes[1].number }) else {
                return false
            }
            history[place].outcome = writes[0].outcome
        case .mixedRow:
            guard case .row(let value, _)? = row(puts[0]),
                case .row(_, let version)? = row(puts[puts.count - 1])
            else { return false }
            append(.get, .applied(version: nil), .row(value: value, version: version))
        }
        return true
    }

    /// The version of a write that has an answer; 0 of other operations.
    private func version(_ operation: HistoryOperation) -> UInt64 {
        if case .applied(let version?) = operation.outcome { version } else { 0 }
    }

    /// What a read finds after a put; nil if the operation is none.
    private func row(_ write: HistoryOperation) -> HistoryOperation.Observation? {
        guard case .put(let value) = write.steps[0].action else { return nil }
        return .row(value: value, version: version(write))
    }

    // MARK: Against all orders

    /// Tries all orders of all operations that have an answer with any of the others.
    private func hasOrder(_ component: HistoryComponent) -> Bool {
        let operations = component.operations
        func extend(_ done: Set<Int>, _ states: [KeyState]) -> Bool {
            let rest = operations.indices.filter { !done.contains($0) && !operations[$0].isUnknown }
            if rest.isEmpty { return true }
            let limit = rest.map { operations[$0].returned }.min() ?? .max
            for next in operations.indices where !done.contains(next) {
                let versions =
                    operations[next].isUnknown ? [] : rest.map { version(operations[$0]) }
                guard operations[next].called <= limit,
                    // Writes come in the order of their versions.
                    !versions.contains(where: { 0 < $0 && $0 < version(operations[next]) }),
                    let states = component.compiled[next].applied(to: states)
                else { continue }
                if extend(done.union([next]), states) { return true }
            }
            return false
        }
        return extend([], Array(repeating: KeyState(), count: component.keys.count))
    }

    /// Random answers to few operations, right or wrong: the search finds an order where there is one.
    @Test(arguments: [1, 2])
    func agreesWithAllOrders(keys: Int) {
        var generator = SeededGenerator(seed: UInt64(keys))
        var counts = (right: 0, wrong: 0)
        for round in 0..<1_500 {
            let history = (1...6).map { number in
                smallOperation(number, keys: keys, &generator)
            }
            let versions = history.map(version).filter { $0 > 0 }
            guard Set(versions).count == versions.count else { continue }
            let component = HistoryComponent(partition: "p", operations: history)
            var search = LinearizabilitySearch(component)
            let expected = hasOrder(component)
            let found = search.run(budget: 100_000)
            #expect(
                found == (expected ? .linearizable : .violation),
                "round \(round): \(history.map(LinearizabilityViolation.text))"
            )
            if expected { counts.right += 1 } else { counts.wrong += 1 }
        }
        // Both kinds were there.
        #expect(counts.right > 100)
        #expect(counts.wrong > 100)
    }

    private func smallOperation(
        _ number: Int,
        keys: Int,
        _ generator: inout SeededGenerator
    ) -> HistoryOperation {
        let called = generator.integer(in: Int64(0)...20)
        let stepCount = keys > 1 && generator.chance(0.5) ? 2 : 1
        let firstKey = generator.integer(in: 0...(keys - 1))
        let steps = (0..<stepCount).map { place -> HistoryOperation.Step in
            let values = ["a", "b"]
            let action: HistoryOperation.Action =
                generator.element(of: [.get, .put("a"), .put("b"), .delete]) ?? .get
            let condition: HistoryOperation.Condition =
                generator.element(of: [.none, .none, .none, .absent, .present, .version(2)])
                ?? .none
            var seen: HistoryOperation.Observation = .nothing
            if action == .get || generator.chance(0.2) {
                seen =
                    generator.chance(0.4)
                    ? .absent
                    : .row(
                        value: generator.element(of: values),
                        version: generator.chance(0.5)
                            ? UInt64(generator.integer(in: 1...4)) : nil
                    )
            }
            let key = "k\((firstKey + place) % keys)"
            return .init(key: key, action, if: condition, seen: seen)
        }
        let isReadOnly = steps.allSatisfy { $0.action == .get }
        var operation = HistoryOperation(
            number: number,
            client: "c",
            partition: "p",
            steps: steps,
            outcome: .applied(version: nil),
            called: called,
            returned: called + generator.integer(in: Int64(1)...12)
        )
        switch generator.below(6) {
        case 0, 1:
            guard !isReadOnly else { break }
            operation.outcome = .unknown
            for place in operation.steps.indices { operation.steps[place].seen = .nothing }
        case 2 where operation.hasConditions: operation.outcome = .conditionFailed
        case 3 where !isReadOnly:
            operation.outcome = .applied(version: UInt64(generator.integer(in: 1...5)))
        default: break
        }
        return operation
    }
}
