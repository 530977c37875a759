// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordStore
import ChordTestSupport
import Testing

@Suite("Deletes that a list must know of", .tags(.unit))
struct RecentDeletionsTests {
    @Test(
        "a partition is unchanged from its last delete on, and from the beginning of the knowledge on"
    )
    func partitions() {
        var deletions = RecentDeletions(after: LogIndex(10))
        #expect(!deletions.none(in: [1], after: LogIndex(9)))
        #expect(deletions.none(in: [1], after: LogIndex(10)))
        deletions.note(LogIndex(20), in: [1])
        #expect(!deletions.none(in: [1], after: LogIndex(19)))
        #expect(deletions.none(in: [1], after: LogIndex(20)))
        #expect(deletions.none(in: [2], after: LogIndex(10)))
    }

    @Test("with too many partitions to remember, more lists begin again and none is wrong")
    func bounded() {
        var deletions = RecentDeletions(after: .zero)
        for number in 0..<1000 {
            let partition = [UInt8(number / 256), UInt8(number % 256)]
            deletions.note(LogIndex(UInt64(number) + 1), in: partition)
        }
        for number in 0..<1000 {
            let partition = [UInt8(number / 256), UInt8(number % 256)]
            #expect(!deletions.none(in: partition, after: LogIndex(UInt64(number))))
            #expect(deletions.none(in: partition, after: LogIndex(1000)))
        }
        #expect(deletions.none(in: [9, 9], after: LogIndex(1000)))
    }

    @Test("deletes and expiry are noted, and the child of a split inherits them")
    func applied() throws {
        var range = RangeFixture()
        let partition = Array("p".utf8)
        func isUnchanged(_ state: RangeState, since version: LogIndex) -> Bool {
            state.deletions.none(in: partition, after: version)
        }
        try range.apply(RangeFixture.write(1, .put("a"), .put("b", ttl: .seconds(1))))
        let first = range.state.applied
        // Nothing was there to be deleted.
        try range.apply(RangeFixture.write(2, .delete("missing")))
        #expect(isUnchanged(range.state, since: first))
        try range.apply(RangeFixture.write(3, .delete("a")))
        let second = range.state.applied
        #expect(!isUnchanged(range.state, since: first) && isUnchanged(range.state, since: second))
        try range.apply(.expire(limit: 10), at: 5_000)
        #expect(!isUnchanged(range.state, since: second))
        #expect(isUnchanged(range.state, since: range.state.applied))
        let split = RangeSplit(
            child: RangeID(high: 9, low: 9),
            position: Identifier(100),
            epoch: range.state.descriptor.epoch,
            replicas: range.state.configuration.members,
            size: RangeSize()
        )
        guard case .split(let child) = try range.apply(.split(split)) else {
            Issue.record("the split was not applied")
            return
        }
        #expect(!isUnchanged(child, since: second) && isUnchanged(child, since: child.applied))
        #expect(child.deletions.latest == range.state.deletions.latest)
    }
}
