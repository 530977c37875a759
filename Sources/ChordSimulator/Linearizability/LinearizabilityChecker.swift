// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Checks whether a history of gets, puts, deletes, conditional writes and batches is linearizable.
///
/// The versions that answers carry are part of what must fit: they grow from write to write of a partition, over
/// deletes too, and no two have the same.
package struct LinearizabilityChecker: Sendable {
    /// How many operations may be tried in the search of one component, before it counts as failed. A search
    /// that succeeds tries a few for each operation.
    package var budget = 40_000_000
    /// The same for each search that makes a violation smaller for the report.
    package var reportBudget = 50_000

    package init() {}

    /// What a check has found.
    package enum Verdict: Hashable, Sendable {
        case linearizable
        /// No order fits.
        case violation(LinearizabilityViolation)
        /// The budget was used up: nothing is known. This is a failure too, and means that the history has
        /// too many operations at once on one key.
        case exhausted(partition: String, keys: [String], operations: Int)
    }

    /// - Parameter history: in any order. Operations that were refused are left out.
    /// - Returns: the first failure, a violation rather than an exhausted search.
    package func check(_ history: [HistoryOperation]) -> Verdict {
        if let violation = repeatedVersion(history) ?? fallenVersion(history) {
            return .violation(violation)
        }
        var exhausted: Verdict?
        for component in HistoryComponent.all(of: history) {
            var search = LinearizabilitySearch(component)
            switch search.run(budget: budget) {
            case .linearizable: continue
            case .violation:
                return .violation(
                    LinearizabilityViolation(in: component, reportBudget: reportBudget)
                )
            case .exhausted:
                exhausted =
                    exhausted
                    ?? .exhausted(
                        partition: component.partition,
                        keys: component.keys,
                        operations: component.operations.count
                    )
            }
        }
        return exhausted ?? .linearizable
    }

    /// Two writes of a partition with the same version.
    private func repeatedVersion(_ history: [HistoryOperation]) -> LinearizabilityViolation? {
        struct Place: Hashable {
            var partition: String
            var version: UInt64
        }
        var writers: [Place: HistoryOperation] = [:]
        for operation in history {
            guard case .applied(let version?) = operation.outcome, !operation.isReadOnly else {
                continue
            }
            let place = Place(partition: operation.partition, version: version)
            if let other = writers.updateValue(operation, forKey: place) {
                return LinearizabilityViolation(
                    partition: operation.partition,
                    reason: "two writes have version \(version)",
                    operations: [other, operation],
                    outOf: history.count { $0.partition == operation.partition }
                )
            }
        }
        return nil
    }

    /// A write of a partition that was called after another had returned, and has a lower version.
    private func fallenVersion(_ history: [HistoryOperation]) -> LinearizabilityViolation? {
        var writes: [String: [(version: UInt64, operation: HistoryOperation)]] = [:]
        for operation in history {
            guard case .applied(let version?) = operation.outcome, !operation.isReadOnly else {
                continue
            }
            writes[operation.partition, default: []].append((version, operation))
        }
        for (partition, var writes) in writes.sorted(by: { $0.key < $1.key }) {
            writes.sort { $0.version < $1.version }
            var latest = writes[0].operation
            for (version, operation) in writes {
                if operation.returned < latest.called {
                    return LinearizabilityViolation(
                        partition: partition,
                        reason: "a write that came before has version \(version)",
                        operations: [operation, latest],
                        outOf: history.count { $0.partition == partition }
                    )
                }
                if operation.called > latest.called { latest = operation }
            }
        }
        return nil
    }
}
