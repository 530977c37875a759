// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What a command that checks a recorded history does: read, check, and report.
package struct HistoryCheck: Sendable {
    package let verdict: LinearizabilityChecker.Verdict
    package let summary: HistorySummary

    /// - Parameter text: the history as JSON lines, as ``HistoryReader`` describes.
    /// - Throws: `unreadable`.
    package init(
        _ text: [UInt8],
        checker: LinearizabilityChecker = LinearizabilityChecker()
    ) throws(HistoryError) {
        let history = try HistoryReader.read(text)
        summary = HistorySummary(history)
        verdict = checker.check(history)
    }

    /// Whether the history is linearizable. An exhausted search is a failure too.
    package var passed: Bool { verdict == .linearizable }

    /// The report for people, in lines.
    package var text: String {
        switch verdict {
        case .linearizable: return "linearizable: \(summary)"
        case .violation(let violation): return "\(violation)\nin \(summary)"
        case .exhausted(let partition, let keys, let operations):
            let shown = keys.prefix(3).map(LinearizabilityViolation.quoted).joined(separator: ", ")
            let more = keys.count > 3 ? " and \(keys.count - 3) more" : ""
            return
                "not decided: the search of \(operations) operations on keys \(shown)\(more) of partition "
                + "\(LinearizabilityViolation.quoted(partition)) took too long; fewer operations at once on "
                + "one key, or values that are written once only, help\nin \(summary)"
        }
    }
}

/// How hard a history was: a check of operations that never met says little.
package struct HistorySummary: Hashable, Sendable, CustomStringConvertible {
    package private(set) var operations = 0
    package private(set) var unknownOutcomes = 0
    package private(set) var keys = 0
    package private(set) var clients = 0
    /// Operations on keys that five clients or more have used.
    package private(set) var operationsOnSharedKeys = 0
    /// Operations on the key that has the fewest.
    package private(set) var fewestOnOneKey = 0
    /// Operations by what they do.
    package private(set) var kinds: [String: Int] = [:]

    package init(_ history: [HistoryOperation]) {
        struct Key: Hashable {
            var partition: String
            var key: String
        }
        var clientsOfKeys: [Key: Set<String>] = [:]
        var operationsOfKeys: [Key: Int] = [:]
        func keys(of operation: HistoryOperation) -> [Key] {
            operation.steps.map { Key(partition: operation.partition, key: $0.key) }
        }
        for operation in history {
            for key in keys(of: operation) {
                clientsOfKeys[key, default: []].insert(operation.client)
                operationsOfKeys[key, default: 0] += 1
            }
            for step in operation.steps { kinds[step.kind, default: 0] += 1 }
        }
        operations = history.count
        unknownOutcomes = history.count { $0.isUnknown }
        self.keys = clientsOfKeys.count
        fewestOnOneKey = operationsOfKeys.values.min() ?? 0
        clients = Set(history.map(\.client)).count
        operationsOnSharedKeys = history.count { operation in
            keys(of: operation).contains { (clientsOfKeys[$0]?.count ?? 0) >= 5 }
        }
    }

    package var description: String {
        "\(operations) operations of \(clients) clients on \(keys) keys, \(unknownOutcomes) without an "
            + "answer, \(operationsOnSharedKeys) on keys that five clients or more share"
    }
}

extension HistoryOperation.Step {
    /// What the step does, in a word or two.
    fileprivate var kind: String {
        let name =
            switch action {
            case .get: "get"
            case .put: mayBeGoneFrom == nil ? "put" : "put with a time to live"
            case .delete: "delete"
            case .touch: "touch"
            }
        return switch condition {
        case .none, .present: name
        case .absent: "\(name) if absent"
        case .version: "\(name) if version"
        }
    }
}
