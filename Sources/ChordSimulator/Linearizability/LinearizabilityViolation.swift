// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Operations that cannot be put in an order, as few as were found.
package struct LinearizabilityViolation: Hashable, Sendable, CustomStringConvertible {
    package let partition: String
    /// What is wrong, in a few words.
    package let reason: String
    /// In order of their calls. Some have lost their answer, where the violation does not need it.
    package let operations: [HistoryOperation]
    /// Operations of the keys concerned in the whole history.
    package let outOf: Int

    init(partition: String, reason: String, operations: [HistoryOperation], outOf: Int) {
        self.partition = partition
        self.reason = reason
        self.operations = operations.sorted { ($0.called, $0.number) < ($1.called, $1.number) }
        self.outOf = outOf
    }

    /// Makes a violating component smaller.
    ///
    /// - Parameter reportBudget: how many operations may be tried in each search.
    init(in component: HistoryComponent, reportBudget: Int) {
        var reduction = ViolationReduction(
            partition: component.partition,
            operations: component.operations,
            budget: reportBudget
        )
        reduction.run()
        self.init(
            partition: component.partition,
            reason: reduction.reason,
            operations: reduction.operations,
            outOf: component.operations.count
        )
    }

    // MARK: For people

    /// Several lines: what is wrong, and each operation with its time, as text and as a bar.
    package var description: String {
        let start = operations.map(\.called).min() ?? 0
        let ends = operations.filter { !$0.isUnknown }.map(\.returned)
        let end = max(ends.max() ?? start, operations.map(\.called).max() ?? start)
        var lines = [
            "not linearizable: partition \(Self.quoted(partition)): \(reason). \(operations.count) of "
                + "\(outOf) operations are enough to see it; times are in ms from the first call of these:"
        ]
        let rows = operations.map { operation in
            (
                number: "#\(operation.number)",
                client: operation.client,
                time: Self.times(operation, from: start),
                bar: Self.bar(operation, from: start, to: end),
                text: Self.text(operation)
            )
        }
        func padded(_ text: String, _ width: Int) -> String {
            text + String(repeating: " ", count: max(width - text.count, 0))
        }
        let widths = (
            rows.map(\.number.count).max() ?? 0, rows.map(\.client.count).max() ?? 0,
            rows.map(\.time.count).max() ?? 0
        )
        for row in rows {
            lines.append(
                "  \(padded(row.number, widths.0)) \(padded(row.client, widths.1)) "
                    + "\(padded(row.time, widths.2)) \(row.bar) \(row.text)"
            )
        }
        return lines.joined(separator: "\n")
    }

    private static let barWidth = 32

    private static func bar(_ operation: HistoryOperation, from start: Int64, to end: Int64)
        -> String
    {
        let span = max(Double(end) - Double(start), 1)
        func place(_ time: Int64) -> Int {
            let part = (Double(time) - Double(start)) / span
            return min(max(Int(part * Double(barWidth - 1)), 0), barWidth - 1)
        }
        let first = place(operation.called)
        let last = operation.isUnknown ? barWidth - 1 : max(place(operation.returned), first)
        var bar = ""
        for column in 0..<barWidth {
            switch column {
            case ..<first: bar += " "
            case first: bar += "|"
            case last: bar += operation.isUnknown ? ">" : "|"
            case ..<last: bar += operation.isUnknown ? "." : "-"
            default: bar += " "
            }
        }
        return bar
    }

    private static func times(_ operation: HistoryOperation, from start: Int64) -> String {
        let called = milliseconds(operation.called, since: start)
        return operation.isUnknown
            ? "\(called)–?" : "\(called)–\(milliseconds(operation.returned, since: start))"
    }

    /// Milliseconds with three digits after the point.
    private static func milliseconds(_ time: Int64, since start: Int64) -> String {
        let microseconds = (time - start) / 1_000
        let digits = String(microseconds % 1_000)
        return "\(microseconds / 1_000)." + String(repeating: "0", count: 3 - digits.count) + digits
    }

    static func text(_ operation: HistoryOperation) -> String {
        let steps = operation.steps.map(text).joined(separator: ", ")
        let batch = operation.steps.count > 1 ? "batch (\(steps))" : steps
        switch operation.outcome {
        case .applied(let version?) where !operation.isReadOnly:
            return "\(batch): version \(version)"
        case .applied: return batch
        case .conditionFailed: return "\(batch): a condition did not hold"
        case .unknown: return "\(batch): no answer"
        }
    }

    private static func text(_ step: HistoryOperation.Step) -> String {
        var text =
            switch step.action {
            case .get: "get \(quoted(step.key))"
            case .put(let value): "put \(quoted(step.key)) = \(quoted(value))"
            case .delete: "delete \(quoted(step.key))"
            case .touch: "touch \(quoted(step.key))"
            }
        switch step.condition {
        case .none: break
        case .absent: text += " if absent"
        case .present: text += " if present"
        case .version(let version): text += " if version \(version)"
        }
        switch step.seen {
        case .nothing: break
        case .absent: text += " found nothing"
        case .row(let value, let version):
            text += " found \(value.map(quoted) ?? "a row")"
            if let version { text += " of version \(version)" }
        }
        return text
    }

    static func quoted(_ text: String) -> String {
        text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
            ? text.debugDescription : "\"\(text)\""
    }
}

/// Leaves operations out of a violation as long as it stays one, and only in ways in which a history that is
/// linearizable stays so. So what is left is a violation in itself.
struct ViolationReduction {
    let partition: String
    private(set) var operations: [HistoryOperation]
    private(set) var reason = ""
    private let budget: Int

    init(partition: String, operations: [HistoryOperation], budget: Int) {
        self.partition = partition
        self.operations = operations
        self.budget = budget
    }

    mutating func run() {
        keepShortestBeginning()
        dropAnswers()
        dropUnseen()
        reason = explanation()
    }

    /// Without a batch that connects their keys, operations fall into several components.
    private func isViolation(_ operations: [HistoryOperation]) -> Bool {
        HistoryComponent.all(of: operations).contains { component in
            var search = LinearizabilitySearch(component)
            return search.run(budget: budget) == .violation
        }
    }

    /// What a client could have seen up to a time: answers after it have not arrived.
    private func beginning(until time: Int64) -> [HistoryOperation] {
        operations.compactMap { operation in
            guard operation.called <= time else { return nil }
            guard !operation.isUnknown, operation.returned > time else { return operation }
            return operation.isReadOnly ? nil : Self.withoutAnswer(operation)
        }
    }

    private static func withoutAnswer(_ operation: HistoryOperation) -> HistoryOperation {
        var unanswered = operation
        unanswered.outcome = .unknown
        for place in unanswered.steps.indices { unanswered.steps[place].seen = .nothing }
        return unanswered
    }

    /// If a beginning is a violation, longer ones are too.
    private mutating func keepShortestBeginning() {
        let times = operations.filter { !$0.isUnknown }.map(\.returned).sorted()
        var low = 0
        var high = times.count - 1
        while low < high {
            let middle = (low + high) / 2
            if isViolation(beginning(until: times[middle])) {
                high = middle
            } else {
                low = middle + 1
            }
        }
        guard low < times.count else { return }
        let shortest = beginning(until: times[low])
        if isViolation(shortest) { operations = shortest }
    }

    /// Drops operations that change nothing, and answers of those that do.
    private mutating func dropAnswers() {
        let numbers = operations.filter { !$0.isUnknown }
            .sorted { $0.returned < $1.returned }.map(\.number)
        for number in numbers {
            guard let place = operations.firstIndex(where: { $0.number == number }) else {
                continue
            }
            var fewer = operations
            if fewer[place].isReadOnly || fewer[place].outcome == .conditionFailed {
                fewer.remove(at: place)
            } else {
                fewer[place] = Self.withoutAnswer(fewer[place])
            }
            if isViolation(fewer) { operations = fewer }
        }
    }

    /// Drops writes without an answer that no other operation can have noticed.
    private mutating func dropUnseen() {
        guard !operations.contains(where: { $0.hasConditions }) else { return }
        let all = operations
        func isSeen(_ step: HistoryOperation.Step) -> Bool {
            all.contains { other in
                other.steps.contains { seen in
                    guard seen.key == step.key else { return false }
                    return switch (step.action, seen.seen) {
                    case (.put(let value), .row(let found, _)): found == nil || found == value
                    case (.delete, .absent), (.touch, .absent): true
                    default: false
                    }
                }
            }
        }
        let fewer = operations.filter { operation in
            !operation.isUnknown || operation.steps.contains(where: isSeen)
        }
        // One that nobody has noticed can still connect the keys of others.
        if isViolation(fewer) { operations = fewer }
    }

    /// How far the longest order gets, and what does not fit after it.
    private func explanation() -> String {
        let component = HistoryComponent(partition: partition, operations: operations)
        var search = LinearizabilitySearch(component)
        _ = search.run(budget: budget)
        let order = search.longest.map { "#\(component.operations[$0].number)" }
        let rest = component.operations.indices
            .filter { !search.longest.contains($0) && !component.operations[$0].isUnknown }
            .map { "#\(component.operations[$0].number)" }
        let after = order.isEmpty ? "at the beginning" : "after \(order.joined(separator: ", "))"
        return "\(after) no order goes on to \(rest.joined(separator: ", "))"
    }
}
