// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordTestSupport
import Testing

@testable import ChordStore

/// A cursor over the rows and changes of one range in memory: what the watcher was told must at every step be the keys
/// up to some place, as they were at one version.
@Suite("Watch cursor", .tags(.unit))
struct WatchCursorTests {
    /// A partition of a range that changes, and a watcher that reads it.
    private struct Model {
        var generator: SeededGenerator
        var recent: RecentChanges
        let range = RangeID(high: 1, low: 1)
        var applied = LogIndex(1)
        var rows: [[UInt8]: Row] = [:]
        /// The rows at each version.
        var states: [LogIndex: [[UInt8]: Row]] = [:]
        var cursor: WatchCursor
        let target: WatchTarget

        /// What the watcher has put together.
        var known: [[UInt8]: Row] = [:]
        var isComplete = false
        var gaps = 0
        var told: [LogIndex] = []

        init(seed: UInt64, limit: Int, prefix: [UInt8] = []) {
            generator = SeededGenerator(seed: seed)
            recent = RecentChanges(limit: limit)
            recent.begin(range, after: applied)
            target = WatchTarget(position: .zero, partition: [1], prefix: prefix)
            cursor = WatchCursor(target)
            states[applied] = rows
        }

        /// Applies an entry that changes up to three keys, of this partition or of another.
        mutating func write() {
            applied = applied.successor
            let partition: [UInt8] = generator.below(4) == 0 ? [2] : [1]
            var changed: [ChangedRow] = []
            for _ in 0...generator.below(3) {
                let key: [UInt8] = [UInt8(generator.below(3)), UInt8(generator.below(8))]
                guard !changed.contains(where: { $0.key == key }) else { continue }
                let place = RowKey(slot: Slot(1), position: [0], partition: partition, key: key)
                if generator.below(3) == 0 {
                    if partition == [1], rows[key] == nil { continue }
                    changed.append(ChangedRow(place, generator.below(2) == 0 ? .deleted : .expired))
                    if partition == [1] { rows[key] = nil }
                } else {
                    let value = [UInt8(truncatingIfNeeded: applied.number)]
                    changed.append(ChangedRow(place, .put(value: value, timeToLive: nil)))
                    if partition == [1] { rows[key] = Row(value: value, version: applied) }
                }
            }
            states[applied] = rows
            guard !changed.isEmpty else { return }
            let changes = AppliedChanges(version: applied, rows: changed)
            recent.note([changes], through: applied, of: range)
        }

        func isWanted(_ key: [UInt8]) -> Bool { key.starts(with: target.prefix) }

        /// The wanted rows at a version, up to a key.
        func expected(at version: LogIndex, through last: [UInt8]?) -> [[UInt8]: Row]? {
            states[version]?.filter { key, _ in
                isWanted(key) && last.map { key.byteOrder(to: $0) <= 0 } ?? true
            }
        }

        /// Reads the next page with up to `count` rows.
        func page(after last: [UInt8]?, count: Int) -> RowPage {
            let keys = rows.keys.filter { key in
                isWanted(key) && last.map { key.byteOrder(to: $0) > 0 } ?? true
            }.sorted { $0.byteOrder(to: $1) < 0 }
            func place(_ key: [UInt8]) -> RowKey {
                RowKey(slot: Slot(1), position: [0], partition: [1], key: key)
            }
            return RowPage(
                rows: keys.prefix(count).compactMap { key in
                    rows[key].map { RowPage.Element(key: place(key), row: $0) }
                },
                next: keys.dropFirst(count).first.map { RowPlace(place($0)) }
            )
        }

        mutating func take(_ step: WatchStep) {
            if step.stateBegins {
                known = [:]
                isComplete = false
                if step.hasGap { gaps += 1 }
            }
            for changes in step.changes {
                if isComplete { told.append(changes.version) }
                for row in changes.rows {
                    if case .put(let value, _) = row.change {
                        known[row.key] = Row(value: value, version: changes.version)
                    } else {
                        known[row.key] = nil
                    }
                }
            }
            for element in step.rows { known[element.key.key] = element.row }
            if step.stateIsComplete { isComplete = true }
        }

        /// Lets the watcher read once. Writes may come between the read of a page and its arrival.
        mutating func read(limit: Int) {
            let view = { (model: Model) in Self.view(at: model.applied) }
            switch cursor.phase {
            case .unconfirmed: cursor.confirmed(applied: applied, isKnown: true)
            case .state(let last):
                let (page, at) = (page(after: last, count: 1 + Int(generator.below(4))), view(self))
                for _ in 0..<generator.below(3) { write() }
                let changes = recent.changes(of: range, after: cursor.version)
                if let step = cursor.take(page, at: at, changes: changes, limit: limit) {
                    take(step)
                }
            case .changes:
                let changes = recent.changes(of: range, after: cursor.version)
                if case .tell(let step) = cursor.take(changes, through: applied, limit: limit) {
                    take(step)
                }
            }
        }

        static func view(at applied: LogIndex) -> RangeView {
            var view = RangeView(RangeFixture().state)
            view.applied = applied
            view.version = applied
            return view
        }

        func check() {
            switch cursor.phase {
            case .unconfirmed: break
            case .state(let last):
                guard let last else { return }
                #expect(known == expected(at: cursor.version, through: last))
            case .changes: #expect(known == expected(at: cursor.version, through: nil))
            }
        }
    }

    @Test(
        "what was told is the state of one version at every step",
        arguments: UInt64(0)..<12
    )
    func states(seed: UInt64) {
        let limit = [400, 2_000, 1 << 20][Int(seed % 3)]
        var model = Model(seed: seed, limit: limit, prefix: seed % 2 == 0 ? [] : [1])
        for _ in 0..<30 { model.write() }
        for _ in 0..<400 {
            for _ in 0..<model.generator.below(4) { model.write() }
            // Now and then the watcher is away for long.
            if model.generator.below(50) == 0 { for _ in 0..<60 { model.write() } }
            model.read(limit: 300)
            model.check()
        }
        for _ in 0..<400
        where model.cursor.phase != .changes || model.cursor.version < model.applied {
            model.read(limit: 300)
        }
        model.check()
        #expect(model.isComplete)
        #expect(model.cursor.version == model.applied)
        #expect(model.known == model.expected(at: model.applied, through: nil))
        // Only small buffers make gaps.
        #expect((model.gaps > 0) == (limit < 1 << 20))
        #expect(zip(model.told, model.told.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test(
        "a watcher goes on after its version where the changes are known, and else hears of a gap"
    )
    func resuming() {
        var model = Model(seed: 1, limit: 1 << 20)
        for _ in 0..<20 { model.write() }
        func cursor(after version: UInt64, isKnown: Bool) -> WatchCursor {
            var target = model.target
            target.version = LogIndex(version)
            var cursor = WatchCursor(target)
            cursor.confirmed(applied: model.applied, isKnown: isKnown)
            return cursor
        }
        #expect(cursor(after: 10, isKnown: true).phase == .changes)
        #expect(cursor(after: 10, isKnown: true).version == LogIndex(10))
        #expect(cursor(after: 10, isKnown: false).phase == .state(after: nil))
        // From another store, or from before a recovery.
        var late = cursor(after: 1_000, isKnown: true)
        #expect(late.phase == .state(after: nil))
        let page = model.page(after: nil, count: 100)
        let step = late.take(page, at: Model.view(at: model.applied), changes: nil, limit: 100)
        #expect(step?.stateBegins == true)
        #expect(step?.hasGap == true)
        #expect(step?.stateIsComplete == true)
    }

    @Test(
        "the first step is told at once, also if nothing has changed; later ones only with changes"
    )
    func firstStep() {
        var target = WatchTarget(position: .zero, partition: [1])
        target.version = LogIndex(5)
        var cursor = WatchCursor(target)
        cursor.confirmed(applied: LogIndex(7), isKnown: true)
        #expect(
            cursor.take([], through: LogIndex(7), limit: 10)
                == .tell(WatchStep(version: LogIndex(7)))
        )
        #expect(cursor.take([], through: LogIndex(8), limit: 10) == .wait)
        #expect(cursor.version == LogIndex(8))
        #expect(cursor.take(nil, through: LogIndex(9), limit: 10) == .gap)
        #expect(cursor.phase == .state(after: nil))
    }

    @Test("a single key is told without those that begin with it")
    func singleKey() {
        let target = WatchTarget(position: .zero, partition: [1], prefix: [7], isSingleKey: true)
        var cursor = WatchCursor(target)
        cursor.confirmed(applied: LogIndex(3), isKnown: false)
        let place = RowKey(slot: Slot(1), position: [0], partition: [1], key: [7, 1])
        let page = RowPage(
            rows: [RowPage.Element(key: place, row: Row(value: [], version: LogIndex(2)))],
            next: RowPlace(place)
        )
        let step = cursor.take(page, at: Model.view(at: LogIndex(3)), changes: nil, limit: 10)
        #expect(step?.rows.isEmpty == true)
        #expect(step?.stateIsComplete == true)
        let other = AppliedChanges(version: LogIndex(4), rows: [ChangedRow(place, .deleted)])
        #expect(cursor.take([other], through: LogIndex(4), limit: 10) == .wait)
    }
}
