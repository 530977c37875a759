// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Searches an order of the operations in which each finds what its answer says, and which keeps the order
/// of operations that did not overlap [Wing and Gong, 1993], never twice from the same operations to the same
/// state [Lowe, 2017].
///
/// An operation with an unknown outcome may come at any place after its call, or at none. Many of them cost
/// little, because of three rules. Such an operation is only tried right before operations that depend on it:
/// at every other place it could as well come later, or be left out. Of several that do the same, the one that was
/// called first comes first: they can change places. And a state is not looked at again with more of them used
/// up, or with times to live that end later: whatever follows would follow from the former one too.
///
/// Completed writes of a partition come in the order of their versions, so that only one of them can be next. Those
/// with unknown outcomes are not held to it, because they come later here than they may have happened. And a version
/// is not overwritten before all have come that have seen it: it does not come again.
struct LinearizabilitySearch {
    enum Result: Hashable {
        case linearizable
        case violation
        /// The budget was used up.
        case exhausted
    }

    /// What a step of the search can be redone from.
    private struct Frame {
        var cursor: Cursor
        var states: [KeyState]
        var owed: [Int]
    }

    /// The next operation to try.
    private enum Cursor {
        /// A call in the list of completed operations.
        case completed(Int)
        /// A place in the list of operations with unknown outcomes.
        case unknown(Int)
    }

    /// What must be the same, for one visit to make another needless.
    private struct Configuration: Hashable {
        var done: OperationSet
        /// Without times to live.
        var states: [KeyState]
        var owed: [Int]
    }

    /// What was used up when a configuration was looked at, and when the keys may be gone.
    private struct Visit {
        var used: OperationSet
        var ends: [Int64]

        /// Whether all that can follow the other visit can follow this one.
        func covers(_ other: Self) -> Bool {
            used.isSubset(of: other.used) && zip(ends, other.ends).allSatisfy { $0 <= $1 }
        }
    }

    private let operations: [HistoryOperation]
    private let compiled: [CompiledOperation]
    private let keyCount: Int
    /// Operations with unknown outcomes, by their calls.
    private let unknown: [Int]
    private var events: EventList
    /// For each operation with an unknown outcome the one before it, by its call, that does the same.
    private let twins: [Int: Int]
    /// The places of operations in the list of those with unknown outcomes.
    private let ranks: [Int: Int]
    /// For each completed write with a version the one with the next lower version.
    private let versionBefore: [Int: Int]
    /// The completed operations that have seen a version of a key.
    private let observers: [KeyVersion: [Int]]
    private var seen: [Configuration: [Visit]] = [:]
    /// Completed operations, and those with unknown outcomes, that are in the order.
    private var done: OperationSet
    private var used: OperationSet
    private var stack: [Frame] = []
    private var order: [Int] = []
    private(set) var steps = 0
    /// The longest order that was found, for reports.
    private(set) var longest: [Int] = []

    init(_ component: HistoryComponent) {
        operations = component.operations
        compiled = component.compiled
        keyCount = component.keys.count
        unknown = operations.indices.filter { component.operations[$0].isUnknown }
            .sorted { component.operations[$0].called < component.operations[$1].called }
        ranks = Dictionary(uniqueKeysWithValues: unknown.enumerated().map { ($1, $0) })
        twins = Self.twins(of: unknown, in: component)
        let writes = component.completedWritesByVersion
        versionBefore = Dictionary(uniqueKeysWithValues: zip(writes.dropFirst(), writes))
        observers = component.observersOfVersions
        events = EventList(operations)
        done = OperationSet(count: operations.count)
        used = done
    }

    private static func twins(of unknown: [Int], in component: HistoryComponent) -> [Int: Int] {
        var last: [CompiledOperation: Int] = [:]
        var twins: [Int: Int] = [:]
        for operation in unknown {
            twins[operation] = last.updateValue(operation, forKey: component.compiled[operation])
        }
        return twins
    }

    /// - Parameter budget: how many operations may be tried.
    mutating func run(budget: Int) -> Result {
        var states = Array(repeating: KeyState(), count: keyCount)
        // The operations with unknown outcomes that came last, and that no later one has depended on yet.
        var owed: [Int] = []
        var cursor = first()
        while true {
            if events.isEmpty, owed.isEmpty { return .linearizable }
            guard let candidate = candidate(cursor) else {
                guard let frame = stack.popLast() else { return .violation }
                takeBack(frame.cursor)
                states = frame.states
                owed = frame.owed
                cursor = following(frame.cursor)
                continue
            }
            steps += 1
            guard steps <= budget else { return .exhausted }
            guard versionBefore[candidate].map(done.contains) ?? true,
                let nextOwed = stillOwed(after: candidate, owed),
                let next = compiled[candidate].applied(to: states),
                // Without an answer it only matters for what it changes.
                !operations[candidate].isUnknown
                    || compiled[candidate].mayMatter(from: states, to: next),
                !isSeenLater(states, before: candidate, next),
                isNew(candidate, next, nextOwed)
            else {
                cursor = following(cursor)
                continue
            }
            stack.append(Frame(cursor: cursor, states: states, owed: owed))
            order.append(candidate)
            if case .completed(let call) = cursor {
                events.remove(call)
                done.insert(candidate)
            } else {
                used.insert(candidate)
            }
            if order.count > longest.count, nextOwed.isEmpty { longest = order }
            states = next
            owed = nextOwed
            cursor = first()
        }
    }

    /// What is owed after an operation; nil if it cannot come now.
    private func stillOwed(after candidate: Int, _ owed: [Int]) -> [Int]? {
        let rest = owed.filter { !compiled[candidate].depends(on: compiled[$0]) }
        guard operations[candidate].isUnknown else { return rest.isEmpty ? [] : nil }
        guard !used.contains(candidate), twins[candidate].map(used.contains) ?? true else {
            return nil
        }
        // Several can be owed to one batch. Their order does not matter then, so one order is enough: that of calls,
        // which twins have too.
        let rank = ranks[candidate] ?? 0
        guard rest.isEmpty || (keyCount > 1 && rest.allSatisfy { ranks[$0] ?? 0 < rank }) else {
            return nil
        }
        return rest + [candidate]
    }

    /// Whether an operation overwrites a version that others, which have not come yet, have seen.
    private func isSeenLater(_ states: [KeyState], before candidate: Int, _ next: [KeyState])
        -> Bool
    {
        for (key, state) in states.enumerated() where state.value != nil && state.isExact {
            if next[key].value != nil, next[key].isExact, next[key].version == state.version {
                continue
            }
            let observers = observers[KeyVersion(key: key, version: state.version)] ?? []
            if observers.contains(where: { $0 != candidate && !done.contains($0) }) { return true }
        }
        return false
    }

    /// Whether a configuration was not looked at yet, with the same unknown operations or fewer.
    private mutating func isNew(_ candidate: Int, _ states: [KeyState], _ owed: [Int]) -> Bool {
        var done = done
        var used = used
        if operations[candidate].isUnknown {
            used.insert(candidate)
        } else {
            done.insert(candidate)
        }
        var timeless = states
        for key in timeless.indices { timeless[key].mayBeGoneFrom = nil }
        let configuration = Configuration(done: done, states: timeless, owed: owed)
        let visit = Visit(used: used, ends: states.map(\.end))
        let former = seen[configuration] ?? []
        guard !former.contains(where: { $0.covers(visit) }) else { return false }
        seen[configuration] = former.filter { !visit.covers($0) } + [visit]
        return true
    }

    private mutating func takeBack(_ cursor: Cursor) {
        let operation = order.removeLast()
        if case .completed(let call) = cursor {
            events.insert(call)
            done.remove(operation)
        } else {
            used.remove(operation)
        }
    }

    private func first() -> Cursor {
        events.first.map { .completed($0) } ?? .unknown(0)
    }

    /// The operation at a cursor; nil if all have been tried. Behind the first return nothing can come next:
    /// the operation that returned has to come before it.
    private func candidate(_ cursor: Cursor) -> Int? {
        switch cursor {
        case .completed(let event): return events[event].operation
        case .unknown(let place):
            guard place < unknown.count else { return nil }
            let operation = unknown[place]
            guard let limit = events.firstReturn else { return nil }
            return operations[operation].called <= limit ? operation : nil
        }
    }

    private func following(_ cursor: Cursor) -> Cursor {
        switch cursor {
        case .completed(let event):
            guard let next = events[event].next, events[next].isCall else { return .unknown(0) }
            return .completed(next)
        case .unknown(let place): return .unknown(place + 1)
        }
    }
}

/// A set of operations, one bit for each.
private struct OperationSet: Hashable {
    private var words: [UInt64]

    init(count: Int) {
        words = Array(repeating: 0, count: (count + 63) / 64)
    }

    func contains(_ operation: Int) -> Bool {
        words[operation / 64] & 1 << UInt64(operation % 64) != 0
    }

    mutating func insert(_ operation: Int) {
        words[operation / 64] |= 1 << UInt64(operation % 64)
    }

    mutating func remove(_ operation: Int) {
        words[operation / 64] &= ~(1 << UInt64(operation % 64))
    }

    func isSubset(of other: OperationSet) -> Bool {
        for (place, word) in words.enumerated() where word & ~other.words[place] != 0 {
            return false
        }
        return true
    }
}

/// Calls and returns of the completed operations in order of time, as a list from which an operation can be
/// taken and put back.
private struct EventList {
    struct Event {
        var operation: Int
        var isCall: Bool
        var time: Int64
        /// Of a call: its return.
        var match: Int
        var next: Int?
        var previous: Int?
    }

    private var events: [Event] = []
    private(set) var first: Int?

    init(_ operations: [HistoryOperation]) {
        var entries: [(time: Int64, isReturn: Bool, operation: Int)] = []
        for (index, operation) in operations.enumerated() where !operation.isUnknown {
            entries.append((operation.called, false, index))
            entries.append((operation.returned, true, index))
        }
        // At the same time calls come first: operations that touch each other count as overlapping.
        entries.sort {
            ($0.time, $0.isReturn ? 1 : 0, $0.operation) < (
                $1.time, $1.isReturn ? 1 : 0, $1.operation
            )
        }
        var calls: [Int: Int] = [:]
        for (place, entry) in entries.enumerated() {
            events.append(
                Event(
                    operation: entry.operation,
                    isCall: !entry.isReturn,
                    time: entry.time,
                    match: place,
                    next: place + 1 < entries.count ? place + 1 : nil,
                    previous: place > 0 ? place - 1 : nil
                )
            )
            if let call = calls[entry.operation] {
                events[call].match = place
            } else {
                calls[entry.operation] = place
            }
        }
        first = events.isEmpty ? nil : 0
    }

    var isEmpty: Bool { first == nil }

    subscript(place: Int) -> Event { events[place] }

    /// The time of the first return; nil if the list is empty.
    var firstReturn: Int64? {
        var place = first
        while let current = place {
            if !events[current].isCall { return events[current].time }
            place = events[current].next
        }
        return nil
    }

    /// Takes a call and its return out.
    mutating func remove(_ call: Int) {
        unlink(call)
        unlink(events[call].match)
    }

    /// Puts back the operation that was taken out last.
    mutating func insert(_ call: Int) {
        link(events[call].match)
        link(call)
    }

    private mutating func unlink(_ place: Int) {
        let event = events[place]
        if let previous = event.previous {
            events[previous].next = event.next
        } else {
            first = event.next
        }
        if let next = event.next { events[next].previous = event.previous }
    }

    private mutating func link(_ place: Int) {
        let event = events[place]
        if let previous = event.previous { events[previous].next = place } else { first = place }
        if let next = event.next { events[next].previous = place }
    }
}
