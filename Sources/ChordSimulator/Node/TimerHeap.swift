// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A timer on the virtual clock: of a node, or of the world.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class SimulatedTimer: @unchecked Sendable {
    /// The executor of the timer; nil for the world's.
    let executor: SimulatedExecutor?
    private(set) var work: (@Sendable () -> Void)?

    init(_ executor: SimulatedExecutor?, _ work: @escaping @Sendable () -> Void) {
        self.executor = executor
        self.work = work
    }

    /// The heap keeps the empty timer until its time, because searching for it would cost more.
    func cancel() {
        work = nil
    }

    func take() -> (@Sendable () -> Void)? {
        defer { work = nil }
        return work
    }
}

/// Timers in order of time. Timers that are due together run in random order.
struct TimerHeap {
    private struct Entry {
        let due: Int64
        let order: UInt64
        let timer: SimulatedTimer

        func isBefore(_ other: Entry) -> Bool {
            due != other.due ? due < other.due : order < other.order
        }
    }

    private var entries: [Entry] = []

    var nextDue: Int64? { entries.first?.due }

    mutating func push(_ timer: SimulatedTimer, at due: Int64, order: UInt64) {
        entries.append(Entry(due: due, order: order, timer: timer))
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].isBefore(entries[parent]) else { break }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> (due: Int64, timer: SimulatedTimer)? {
        guard let first = entries.first else { return nil }
        let last = entries.removeLast()
        guard !entries.isEmpty else { return (first.due, first.timer) }
        entries[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1].isBefore(entries[child]) { child += 1 }
            guard entries[child].isBefore(entries[parent]) else { break }
            entries.swapAt(child, parent)
            parent = child
        }
        return (first.due, first.timer)
    }

    mutating func removeAll() {
        entries = []
    }
}
