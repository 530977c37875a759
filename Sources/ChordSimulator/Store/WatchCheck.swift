// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Compares what watchers were told with what clients did: each change once, in order, none left out.
package struct WatchCheck: Sendable {
    private let records: [WatchRecord]
    /// What is wrong, in words.
    package private(set) var defects: [String] = []

    package init(_ records: [WatchRecord], history: [HistoryOperation]) {
        self.records = records
        for record in records { checkOrder(of: record) }
        compareRecords()
        var byKey: [Int: [WatchRecord]] = [:]
        for record in records { byKey[record.key, default: []].append(record) }
        var writes: [String: HistoryOperation] = [:]
        for operation in history {
            if case .put(let value)? = operation.steps.first?.action { writes[value] = operation }
            for (key, records) in byKey where operation.partition == "k\(key)" {
                for record in records { check(record, operation) }
            }
        }
        for record in records { checkValues(of: record, writes) }
    }

    private mutating func found(_ record: WatchRecord, _ words: String) {
        guard defects.count < 20 else { return }
        defects.append("\(record.watcher) of k\(record.key): \(words)")
    }

    private mutating func checkOrder(of record: WatchRecord) {
        guard let start = record.start else { return }
        if let initial = record.initial, initial.version > start {
            found(record, "the state of version \(start) has a row of \(initial.version)")
        }
        var last = start
        var isPresent = record.initial != nil
        for change in record.changes {
            if change.version <= last { found(record, "\(change.version) comes after \(last)") }
            if change.value == nil, !isPresent {
                found(record, "an absent key is deleted at \(change.version)")
            }
            last = change.version
            isPresent = change.value != nil
        }
        if record.through < last { found(record, "\(last) was told, through \(record.through)") }
    }

    /// Two watchers of a key were told the same, as far as both know.
    private mutating func compareRecords() {
        var truth: [Int: [UInt64: WatchRecord.Change]] = [:]
        for record in records where record.start != nil {
            for change in record.changes {
                if let other = truth[record.key]?[change.version], other != change {
                    found(record, "\(change) and \(other) have one version")
                }
                truth[record.key, default: [:]][change.version] = change
            }
        }
        for record in records where record.start != nil {
            let own = Set(record.changes.map(\.version))
            for version in (truth[record.key] ?? [:]).keys.sorted()
            where record.covers(version) && !own.contains(version) {
                found(record, "\(version) is missing, which another watcher was told")
            }
        }
    }

    /// An operation that has a version, and tells what it found, as far as the record covers it.
    private mutating func check(_ record: WatchRecord, _ operation: HistoryOperation) {
        guard let step = operation.steps.first, case .applied(let version?) = operation.outcome,
            record.covers(version)
        else { return }
        let before = record.row(before: version)
        let seen: UInt64?
        switch step.seen {
        case .nothing: return
        case .absent: seen = nil
        case .row(_, let version): seen = version
        }
        if before?.version != seen {
            found(
                record,
                "operation \(operation.number) of version \(version) found "
                    + "\(seen.map { "version \($0)" } ?? "no row"), and the watcher knows "
                    + "\(before.map { "version \($0.version)" } ?? "no row")"
            )
        }
        let told = record.changes.first { $0.version == version }
        switch step.action {
        case .put(let value):
            if told?.value != value { found(record, "the put \(value) at \(version) was not told") }
        case .delete:
            if (told != nil) != (seen != nil) {
                found(record, "the delete at \(version) was \(told == nil ? "not " : "")told")
            }
        case .get, .touch: break
        }
    }

    /// Each value was put by a client at this version, or by one that does not know.
    private mutating func checkValues(
        of record: WatchRecord,
        _ writes: [String: HistoryOperation]
    ) {
        let rows = record.changes.compactMap { change in
            change.value.map { WatchRecord.Row(value: $0, version: change.version) }
        }
        for row in rows + (record.initial.map { [$0] } ?? []) {
            // An operation of a client that is under way at the end is in no history.
            guard let write = writes[row.value] else { continue }
            switch write.outcome {
            case .applied(version: row.version), .unknown: break
            default:
                found(
                    record,
                    "\(row.value) of version \(row.version) is from operation \(write.number), which "
                        + "came to \(write.outcome)"
                )
            }
        }
    }
}
