// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Operations that must be looked at together: all of one key, or of the keys of a partition that batches
/// connect. A history is linearizable if each of its components is [Herlihy and Wing, 1990].
struct HistoryComponent {
    let partition: String
    let keys: [String]
    let operations: [HistoryOperation]
    let compiled: [CompiledOperation]

    /// - Parameter operations: all of one partition.
    init(partition: String, operations: [HistoryOperation]) {
        self.partition = partition
        self.operations = operations
        var keys: [String] = []
        var numbers: [String: Int] = [:]
        var values: [String: Int] = [:]
        func keyNumber(_ key: String) -> Int {
            if let number = numbers[key] { return number }
            numbers[key] = keys.count
            keys.append(key)
            return keys.count - 1
        }
        let observed = Self.observedValues(of: operations)
        /// All values that nobody has seen are one: no answer tells them apart.
        func valueNumber(_ value: String) -> Int {
            guard observed.contains(value) else { return -1 }
            if let number = values[value] { return number }
            values[value] = values.count
            return values.count - 1
        }
        let versions = Self.versions(of: operations)
        compiled = operations.map { operation in
            let steps = operation.steps.map { step in
                CompiledStep(
                    key: keyNumber(step.key),
                    action: {
                        switch step.action {
                        case .get: .get
                        case .put(let value): .put(valueNumber(value))
                        case .delete: .delete
                        case .touch: .touch
                        }
                    }(),
                    condition: step.condition,
                    seen: {
                        switch step.seen {
                        case .nothing: .nothing
                        case .absent: .absent
                        case .row(let value, let version):
                            .row(value: value.map(valueNumber), version: version)
                        }
                    }(),
                    mayBeGoneFrom: step.mayBeGoneFrom
                )
            }
            var outcome = operation.outcome
            if operation.isUnknown, let version = versions[operation.number] {
                outcome = .applied(version: version)
            }
            return CompiledOperation(
                steps: steps,
                outcome: outcome,
                returned: operation.isUnknown ? .max : operation.returned,
                written: Array(Set(steps.filter(\.writes).map(\.key))).sorted()
            )
        }
        self.keys = keys
    }

    /// The completed writes whose versions are known, in their order. Touches give no versions.
    var completedWritesByVersion: [Int] {
        var versions: [Int: UInt64] = [:]
        for (operation, compiled) in compiled.enumerated() where !operations[operation].isUnknown {
            guard case .applied(let version?) = compiled.outcome,
                compiled.steps.contains(where: \.changesVersion)
            else { continue }
            versions[operation] = version
        }
        return versions.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map(\.key)
    }

    /// The completed operations that have seen a version of a key.
    var observersOfVersions: [KeyVersion: [Int]] {
        var observers: [KeyVersion: [Int]] = [:]
        for (operation, compiled) in compiled.enumerated() where !operations[operation].isUnknown {
            for step in compiled.steps {
                guard case .row(_, let version?) = step.seen else { continue }
                observers[KeyVersion(key: step.key, version: version), default: []].append(
                    operation
                )
            }
        }
        return observers
    }

    private static func observedValues(of operations: [HistoryOperation]) -> Set<String> {
        var values: Set<String> = []
        for operation in operations {
            for step in operation.steps {
                if case .row(let value?, _) = step.seen { values.insert(value) }
            }
        }
        return values
    }

    /// The versions of operations without an answer that follow from what others have read: if only one
    /// operation writes a value, a read of the value tells its version.
    private static func versions(of operations: [HistoryOperation]) -> [Int: UInt64] {
        struct Place: Hashable {
            var key: String
            var value: String
        }
        var writers: [Place: [HistoryOperation]] = [:]
        for operation in operations {
            for step in operation.steps {
                if case .put(let value) = step.action {
                    writers[Place(key: step.key, value: value), default: []].append(operation)
                }
            }
        }
        var versions: [Int: UInt64] = [:]
        for operation in operations {
            for step in operation.steps {
                guard case .row(let value?, let version?) = step.seen,
                    let writers = writers[Place(key: step.key, value: value)],
                    writers.count == 1, writers[0].isUnknown
                else { continue }
                versions[writers[0].number] = version
            }
        }
        return versions
    }

    /// Splits a history.
    static func all(of history: [HistoryOperation]) -> [HistoryComponent] {
        struct Key: Hashable, Comparable {
            var partition: String
            var key: String

            static func < (left: Self, right: Self) -> Bool {
                (left.partition, left.key) < (right.partition, right.key)
            }
        }
        // The first key of a component stands for it.
        var parents: [Key: Key] = [:]
        func root(_ key: Key) -> Key {
            var key = key
            while let parent = parents[key], parent != key { key = parent }
            return key
        }
        for operation in history {
            let keys = operation.steps.map { Key(partition: operation.partition, key: $0.key) }
            for key in keys where parents[key] == nil { parents[key] = key }
            for (one, other) in zip(keys, keys.dropFirst()) {
                let roots = [root(one), root(other)].sorted()
                parents[roots[1]] = roots[0]
            }
        }
        var groups: [Key: [HistoryOperation]] = [:]
        for operation in history {
            // A read without an answer says nothing.
            guard let step = operation.steps.first, !operation.isUnknown || !operation.isReadOnly
            else { continue }
            groups[root(Key(partition: operation.partition, key: step.key)), default: []]
                .append(operation)
        }
        return groups.keys.sorted().map { key in
            HistoryComponent(partition: key.partition, operations: groups[key] ?? [])
        }
    }
}

/// A version of a key, which one write has stored.
struct KeyVersion: Hashable {
    var key: Int
    var version: UInt64
}
