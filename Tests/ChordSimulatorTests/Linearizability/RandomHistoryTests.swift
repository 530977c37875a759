// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordSimulator

@Suite(.tags(.unit), .timeLimit(.minutes(2))) struct RandomHistoryTests {
    @Test(arguments: 0..<30)
    func acceptsLinearizableRuns(_ seed: Int) {
        var run = RandomRun()
        run.clients = 5 + seed % 6
        run.operationsPerClient = 100 / run.clients
        run.unknown = Double(seed % 5) * 0.1
        #expect(LinearizabilityChecker().check(run.history(seed: UInt64(seed))) == .linearizable)
    }

    @Test(arguments: 0..<10)
    func acceptsRunsWithBatches(_ seed: Int) {
        var run = RandomRun()
        run.keys = 3
        run.batches = 0.3
        #expect(LinearizabilityChecker().check(run.history(seed: UInt64(seed))) == .linearizable)
    }

    /// Answers that are made wrong in a way that no order can explain.
    enum Fault: CaseIterable {
        /// A read finds what was there before a write that had its answer.
        case staleRead
        /// A write had its answer, and is never seen.
        case lostWrite
        /// A deleted row is there again.
        case resurrected
        /// Two writes have the same version.
        case repeatedVersion
        /// A read finds the value of another version.
        case mixedRow
    }

    @Test(arguments: Fault.allCases, 0..<12)
    func findsInjectedFaults(_ fault: Fault, _ seed: Int) throws {
        var run = RandomRun()
        run.unknown = 0.15
        var history = run.history(seed: UInt64(seed))
        try #require(inject(fault, into: &history), "seed \(seed) has no place for the fault")
        let verdict = LinearizabilityChecker().check(history)
        guard case .violation(let violation) = verdict else {
            Issue.record("\(fault): \(verdict)")
            return
        }
        #expect(violation.operations.count < history.count)
    }

    private func inject(_ fault: Fault, into history: inout [HistoryOperation]) -> Bool {
        let last = history.filter { !$0.isUnknown }.map(\.returned).max() ?? 0
        let writes = history.filter {
            if case .applied(_?) = $0.outcome { true } else { false }
        }.sorted { $0.returned < $1.returned }
        func read(_ seen: HistoryOperation.Observation) -> HistoryOperation {
            HistoryOperation(
                number: 10_000,
                client: "late",
                partition: "p",
                steps: [.init(key: "k0", .get, seen: seen)],
                outcome: .applied(version: nil),
                called: last + 1,
                returned: last + 2
            )
        }
        func row(_ write: HistoryOperation) -> HistoryOperation.Observation? {
            guard case .put(let value) = write.steps[0].action,
                case .applied(let version?) = write.outcome
            else { return nil }
            return .row(value: value, version: version)
        }
        switch fault {
        case .staleRead:
            guard let stale = writes.dropLast().last(where: { row($0) != nil }),
                let newer = writes.last, newer.called > stale.called,
                version(newer) > version(stale), let seen = row(stale)
            else { return false }
            history.append(read(seen))
        case .lostWrite:
            // The last write by its version: all others are before it.
            guard let lost = writes.max(by: { version($0) < version($1) }) else { return false }
            // Unknown writes could have come after it.
            history.removeAll { $0.isUnknown }
            guard let kept = history.firstIndex(where: { $0.number == lost.number }) else {
                return false
            }
            history[kept].steps[0].action = .put("lost")
            history.removeAll { operation in
                operation.steps[0].seen == .row(value: "v\(lost.number)", version: version(lost))
            }
            guard
                let former = writes.filter({ version($0) < version(lost) })
                    .max(by: { version($0) < version($1) })
            else { return false }
            history.append(read(row(former) ?? .absent))
        case .resurrected:
            guard let deleted = writes.last(where: { $0.steps[0].action == .delete }),
                let former = writes.filter({ version($0) < version(deleted) && row($0) != nil })
                    .max(by: { version($0) < version($1) }),
                let seen = row(former)
            else { return false }
            history.append(read(seen))
        case .repeatedVersion:
            guard writes.count > 1,
                let place = history.firstIndex(where: { $0.number == writes[1].number })
            else { return false }
            history[place].outcome = writes[0].outcome
        case .mixedRow:
            guard let one = writes.first(where: { row($0) != nil }),
                let other = writes.last(where: { row($0) != nil }), one.number != other.number,
                case .row(let value, _)? = row(one), case .row(_, let version)? = row(other)
            else { return false }
            history.append(read(.row(value: value, version: version)))
        }
        return true
    }

    private func version(_ write: HistoryOperation) -> UInt64 {
        if case .applied(let version?) = write.outcome { version } else { 0 }
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
                guard operations[next].called <= limit,
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
