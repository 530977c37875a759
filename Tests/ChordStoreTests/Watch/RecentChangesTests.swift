// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordStore

@Suite("Recent changes of a node's ranges", .tags(.unit))
struct RecentChangesTests {
    private let first = RangeID(high: 0, low: 1)
    private let second = RangeID(high: 0, low: 2)

    private func change(_ version: UInt64, at position: UInt8 = 0, bytes: Int = 0) -> AppliedChanges
    {
        let key = RowKey(slot: Slot(1), position: [position], partition: [1], key: [2])
        let value = [UInt8](repeating: 0, count: bytes)
        return AppliedChanges(
            version: LogIndex(version),
            rows: [ChangedRow(key, .put(value: value, timeToLive: nil))]
        )
    }

    /// Notes changes, the last of which is that of the last entry.
    private func note(
        _ changes: [AppliedChanges],
        of range: RangeID,
        in recent: inout RecentChanges
    ) {
        recent.note(changes, through: changes.last?.version ?? .zero, of: range)
    }

    private func versions(_ changes: ArraySlice<AppliedChanges>?) -> [UInt64]? {
        changes?.map(\.version.number)
    }

    @Test("changes are known after the version at which a replica began")
    func floor() {
        var recent = RecentChanges(limit: 1 << 20)
        #expect(recent.changes(of: first, after: LogIndex(5)) == nil)
        recent.begin(first, after: LogIndex(5))
        #expect(versions(recent.changes(of: first, after: LogIndex(5))) == [])
        #expect(recent.changes(of: first, after: LogIndex(4)) == nil)
        note([change(7), change(9)], of: first, in: &recent)
        #expect(versions(recent.changes(of: first, after: LogIndex(5))) == [7, 9])
        #expect(versions(recent.changes(of: first, after: LogIndex(7))) == [9])
        #expect(versions(recent.changes(of: first, after: LogIndex(8))) == [9])
        #expect(versions(recent.changes(of: first, after: LogIndex(30))) == [])
        // A work that was applied twice.
        note([change(9), change(10)], of: first, in: &recent)
        #expect(versions(recent.changes(of: first, after: LogIndex(5))) == [7, 9, 10])
        recent.begin(first, after: LogIndex(50))
        #expect(recent.changes(of: first, after: LogIndex(10)) == nil)
        #expect(recent.bytes == 0)
    }

    @Test("the range with the most bytes makes room, and says that it knows less")
    func limit() {
        var recent = RecentChanges(limit: 10_000)
        recent.begin(first, after: .zero)
        recent.begin(second, after: .zero)
        note([change(1, bytes: 100)], of: second, in: &recent)
        for version in 1...50 {
            note([change(UInt64(version), bytes: 1_000)], of: first, in: &recent)
        }
        #expect(recent.bytes <= 10_000)
        #expect(versions(recent.changes(of: second, after: .zero)) == [1])
        #expect(recent.changes(of: first, after: .zero) == nil)
        let known = (0...50).first { recent.changes(of: first, after: LogIndex(UInt64($0))) != nil }
        let floor = UInt64(known ?? 0)
        #expect(floor < 50)
        #expect(
            versions(recent.changes(of: first, after: LogIndex(floor))) == Array(floor + 1...50)
        )
        note([change(51, bytes: 100_000)], of: first, in: &recent)
        #expect(versions(recent.changes(of: first, after: LogIndex(51))) == [])
        #expect(recent.changes(of: first, after: LogIndex(50)) == nil)
        recent.end(first)
        recent.end(second)
        #expect(recent.bytes == 0)
    }

    @Test("nothing is kept without room")
    func nothing() {
        var recent = RecentChanges(limit: 0)
        recent.begin(first, after: .zero)
        note([change(1), change(2)], of: first, in: &recent)
        #expect(recent.changes(of: first, after: LogIndex(1)) == nil)
        #expect(versions(recent.changes(of: first, after: LogIndex(2))) == [])
        #expect(recent.bytes == 0)
    }

    @Test("the child of a split knows the changes of its positions before the split")
    func split() {
        var recent = RecentChanges(limit: 1 << 20)
        recent.begin(first, after: LogIndex(2))
        note([change(3, at: 10), change(4, at: 90), change(5, at: 10)], of: first, in: &recent)
        // Entry 6 splits at 50. The parent goes on before the child is begun.
        note([change(7, at: 90)], of: first, in: &recent)
        recent.begin(second, after: LogIndex(6))
        recent.split(first, into: second, within: RowBounds(after: [0], through: [50]))
        #expect(versions(recent.changes(of: second, after: LogIndex(2))) == [3, 5])
        #expect(versions(recent.changes(of: first, after: LogIndex(2))) == [4, 7])
        let bytes = [change(3), change(4), change(5), change(7)].map(\.bytes).reduce(0, +)
        #expect(recent.bytes == bytes)
        note([change(8, at: 10)], of: second, in: &recent)
        #expect(versions(recent.changes(of: second, after: LogIndex(3))) == [5, 8])
    }

    @Test("a child whose parent has forgotten more than the split knows what comes after it")
    func lateSplit() {
        var recent = RecentChanges(limit: 2_000)
        recent.begin(first, after: .zero)
        for version in 1...40 { note([change(UInt64(version), at: 90)], of: first, in: &recent) }
        recent.begin(second, after: LogIndex(6))
        recent.split(first, into: second, within: RowBounds(after: [0], through: [50]))
        #expect(versions(recent.changes(of: second, after: LogIndex(6))) == [])
        #expect(recent.changes(of: second, after: LogIndex(5)) == nil)
        // Without a parent the child begins with nothing.
        recent.end(first)
        recent.split(first, into: second, within: RowBounds(after: [0], through: [50]))
        #expect(versions(recent.changes(of: second, after: LogIndex(6))) == [])
    }

    @Test(
        "a child whose parent was made anew during the split knows what comes after"
    )
    func parentMadeAnew() {
        var recent = RecentChanges(limit: 1 << 20)
        recent.begin(first, after: .zero)
        note([change(3, at: 10)], of: first, in: &recent)
        // Entry 6 splits. The replica is removed, and a message makes a new one without data.
        recent.begin(first, after: .zero)
        recent.begin(second, after: LogIndex(6))
        recent.split(first, into: second, within: RowBounds(after: [0], through: [50]))
        #expect(recent.changes(of: second, after: LogIndex(2)) == nil)
        #expect(versions(recent.changes(of: second, after: LogIndex(6))) == [])
    }
}
