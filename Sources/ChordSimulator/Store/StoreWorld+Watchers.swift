// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordStore

extension StoreWorld {
    /// Adds watchers, which draw nothing from the world's generators before they start.
    func addWatchers(_ count: Int) {
        for number in 0..<count {
            let seed = seed &* 31 &+ UInt64(number) ^ 0x7761_7463_68
            watchers.append(StoreWatcherActor(number: number + 1, world: self, seed: seed))
        }
    }

    func startWatchers() {
        for watcher in watchers { watcher.start() }
    }

    /// What is wrong with what the watchers were told. They have gone on long enough to know the present state.
    func watcherDefects() -> [String] {
        guard !watchers.isEmpty else { return [] }
        let check = audit()
        let leaders = check.leaders
        func applied(_ key: Int) -> (version: UInt64, row: RowPage.Element?)? {
            let position = Self.position(ofKey: key)
            guard
                let leader = leaders.first(where: {
                    $0.state.descriptor.bounds.contains(position)
                })
            else { return nil }
            let row = leader.rows.first { $0.key.partition == Self.name(ofKey: key) }
            return (leader.state.version.number, row)
        }
        let isThrough = run(atMost: .seconds(60)) {
            watchers.allSatisfy { watcher in
                guard let record = watcher.records.last, let goal = applied(record.key) else {
                    return false
                }
                return (watcher.version ?? 0) >= goal.version
            }
        }
        var defects = isThrough ? [] : ["watchers do not come to the present state"]
        for watcher in watchers {
            watcher.stop()
            guard let record = watcher.records.last, let goal = applied(record.key) else {
                continue
            }
            let told = record.row(before: goal.version + 1)
            let held = goal.row.map { element in
                WatchRecord.Row(
                    value: String(decoding: element.row.value, as: UTF8.self),
                    version: element.row.version.number
                )
            }
            guard isThrough, record.start ?? .max <= goal.version, told != held else { continue }
            defects.append(
                "\(watcher.name) of k\(record.key) ends with \(told.map { "\($0)" } ?? "no row"), "
                    + "and the store has \(held.map { "\($0)" } ?? "none")"
            )
        }
        return defects + WatchCheck(watchers.flatMap(\.records), history: history).defects
    }

    /// What the watchers were told, in numbers.
    var watchSummary: WatchSummary {
        let records = watchers.flatMap(\.records)
        return WatchSummary(
            changes: records.reduce(0) { $0 + $1.changes.count },
            states: records.count { $0.start != nil },
            gaps: records.count(where: \.hasGap)
        )
    }
}

/// What watchers were told, in numbers.
package struct WatchSummary: Hashable, Sendable {
    package var changes = 0
    package var states = 0
    /// Gaps that were said.
    package var gaps = 0
}
