// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
@testable import ChordSimulator

/// A random run of clients on a store of one partition that is linearizable: each operation happens at one
/// moment between call and answer. Some operations lose their answer, and happen later or never.
struct RandomRun {
    var clients = 8
    var keys = 1
    var operationsPerClient = 13
    /// The share of operations without an answer.
    var unknown = 0.2
    /// The share of batches over two keys.
    var batches = 0.0

    private struct Pending {
        var client: Int
        var moment: Int64
        var operation: HistoryOperation
        var happens: Bool
    }

    private struct StoredRow {
        var value: String
        var version: UInt64
    }

    /// The history of the run with this seed.
    func history(seed: UInt64) -> [HistoryOperation] {
        var generator = SeededGenerator(seed: seed)
        var planned: [Pending] = []
        var number = 0
        for client in 0..<clients {
            var time = generator.integer(in: Int64(0)...50)
            for _ in 0..<operationsPerClient {
                number += 1
                let isUnknown = generator.chance(unknown)
                let called = time
                let moment = called + generator.integer(in: Int64(1)...(isUnknown ? 2_000 : 60))
                let returned = moment + generator.integer(in: Int64(1)...60)
                let operation = HistoryOperation(
                    number: number,
                    client: "c\(client)",
                    partition: "p",
                    steps: steps(number, &generator),
                    outcome: isUnknown ? .unknown : .applied(version: nil),
                    called: called,
                    returned: isUnknown ? .max : returned
                )
                planned.append(
                    Pending(
                        client: client,
                        moment: moment,
                        operation: operation,
                        happens: !isUnknown || generator.chance(0.5)
                    )
                )
                time = (isUnknown ? called + 100 : returned) + generator.integer(in: Int64(1)...30)
            }
        }
        planned.sort { ($0.moment, $0.operation.number) < ($1.moment, $1.operation.number) }
        return execute(planned)
    }

    private func steps(
        _ number: Int,
        _ generator: inout SeededGenerator
    ) -> [HistoryOperation.Step] {
        let first = generator.integer(in: 0...(keys - 1))
        var chosen = [first]
        if keys > 1, generator.chance(batches) { chosen.append((first + 1) % keys) }
        return chosen.map { key in
            let action: HistoryOperation.Action =
                switch generator.below(10) {
                case 0..<4: .get
                case 4: .delete
                default: .put("v\(number)")
                }
            let condition: HistoryOperation.Condition =
                action == .get
                ? .none
                : generator.element(of: [.none, .none, .absent, .present, .version(0)]) ?? .none
            return .init(key: "k\(key)", action, if: condition)
        }
    }

    /// Runs the operations in order of their moments.
    private func execute(_ planned: [Pending]) -> [HistoryOperation] {
        var rows: [String: StoredRow] = [:]
        var version: UInt64 = 0
        var history: [HistoryOperation] = []
        for pending in planned {
            var operation = pending.operation
            defer { history.append(operation) }
            guard pending.happens else { continue }
            version += 1
            var holds = true
            for (place, step) in operation.steps.enumerated() {
                let row = rows[step.key]
                // A condition on a version names the present one half of the time.
                if step.condition == .version(0) {
                    let named = (row?.version ?? 7) + UInt64(operation.number % 2)
                    operation.steps[place].condition = .version(named)
                }
                switch operation.steps[place].condition {
                case .none: break
                case .absent: holds = holds && row == nil
                case .present: holds = holds && row != nil
                case .version(let named): holds = holds && row?.version == named
                }
                guard !operation.isUnknown else { continue }
                operation.steps[place].seen =
                    row.map { .row(value: $0.value, version: $0.version) } ?? .absent
            }
            guard holds else {
                if !operation.isUnknown { operation.outcome = .conditionFailed }
                continue
            }
            for step in operation.steps {
                switch step.action {
                case .get, .touch: break
                case .put(let value): rows[step.key] = StoredRow(value: value, version: version)
                case .delete: rows[step.key] = nil
                }
            }
            if !operation.isUnknown, !operation.isReadOnly {
                operation.outcome = .applied(version: version)
            }
        }
        return history
    }
}
