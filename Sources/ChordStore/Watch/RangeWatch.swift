// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// One watcher at a node's replica. Confined to the executor of its ``StoreNode``.
///
/// Unchecked: only code that runs on that executor uses it.
package final class RangeWatch: @unchecked Sendable {
    let range: RangeID
    var cursor: WatchCursor
    /// The watcher waits for its next step.
    var waiting: (@Sendable (Result<WatchStep, StoreRefusal>) -> Void)?
    /// A confirmation or a read of the state is under way, or more changes are to be looked at.
    var isReading = false
    /// Why there are no more steps here.
    var ended: StoreRefusal?

    init(_ target: WatchTarget, of range: RangeID) {
        self.range = range
        cursor = WatchCursor(target)
    }

    var target: WatchTarget { cursor.target }

    /// Whether everything was told and the watcher waits for the next change.
    var isIdle: Bool { waiting != nil && !isReading && cursor.phase == .changes }

    func tell(_ result: Result<WatchStep, StoreRefusal>) {
        guard let waiting else { return }
        self.waiting = nil
        waiting(result)
    }
}

/// The watchers of a node, by range and partition.
struct WatchTable {
    private var watches: [RangeID: [[UInt8]: [RangeWatch]]] = [:]
    private(set) var count = 0

    mutating func add(_ watch: RangeWatch) {
        watches[watch.range, default: [:]][watch.target.partition, default: []].append(watch)
        count += 1
    }

    mutating func remove(_ watch: RangeWatch) {
        let partition = watch.target.partition
        guard var left = watches[watch.range]?[partition],
            let place = left.firstIndex(where: { $0 === watch })
        else { return }
        left.remove(at: place)
        count -= 1
        watches[watch.range]?[partition] = left.isEmpty ? nil : left
        if watches[watch.range]?.isEmpty == true { watches[watch.range] = nil }
    }

    /// Whether somebody watches rows of a range.
    func has(_ range: RangeID) -> Bool { watches[range] != nil }

    /// Those who watch a partition, in the order in which they came.
    func of(_ range: RangeID, _ partition: [UInt8]) -> [RangeWatch] {
        watches[range]?[partition] ?? []
    }

    /// Those who watch a range. Partitions are in the order of their bytes, because the order of a dictionary would
    /// differ between runs.
    func of(_ range: RangeID) -> [RangeWatch] {
        (watches[range] ?? [:]).sorted { $0.key.byteOrder(to: $1.key) < 0 }.flatMap(\.value)
    }

    /// The watched ranges, in order.
    var ranges: [RangeID] { watches.keys.sorted() }
}

/// Limits of watching.
package struct WatchSettings: Hashable, Sendable {
    /// Bytes of recent changes that a node keeps for all its ranges together. With more of them watchers that are slow,
    /// or were away, are spared the whole state again; it costs memory once per node.
    package var bufferBytes = 8 << 20
    /// Bytes of a message to a watcher, from which on it takes no further change or row. A longer one costs memory for
    /// each watcher.
    package var stepBytes = 64 << 10
    /// Rows of the state in one message.
    package var pageRows = 1000
    /// Time between two messages to a watcher to whom nothing happens. A shorter one finds broken streams sooner.
    package var progressInterval: Duration = .seconds(2)
    /// Watchers at a node, and those of one identity. Each may hold a message of `stepBytes`, or of one long value.
    package var perNode = 4096
    package var perCaller = 1024

    package init() {}
}
