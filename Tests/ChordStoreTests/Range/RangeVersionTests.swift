// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordTestSupport
import Testing

@testable import ChordStore

@Suite("Versions of a range that are raised above a floor", .tags(.unit))
struct RangeVersionTests {
    private static func version(_ result: AppliedEntry) throws -> LogIndex {
        guard case .written(let outcome) = result else {
            throw StoreError(.corrupted, "no write: \(result)")
        }
        return outcome.version
    }

    @Test("the next write is above the floor, and a condition on an older version does not hold")
    func raised() throws {
        var range = RangeFixture()
        try range.apply(RangeFixture.write(1, .put("a")))
        let old = try #require(range.row("a")).version
        try range.apply(.raiseVersions(above: LogIndex(1000)))
        #expect(range.row("a")?.version == old)
        #expect(range.state.version >= LogIndex(1000))
        let next = try Self.version(try range.apply(RangeFixture.write(2, .put("a"))))
        #expect(next > LogIndex(1000))
        #expect(range.row("a")?.version == next)
        guard
            case .written(let refused) = try range.apply(
                RangeFixture.write(3, .put("a", "x", .version(LogIndex(1000))))
            )
        else {
            Issue.record("the write was not applied")
            return
        }
        #expect(!refused.applied)
        #expect(refused.operations.first?.previousVersion == next)
    }

    @Test("a floor is raised once, a lower one changes nothing, and one beyond the limit neither")
    func idempotent() throws {
        var range = RangeFixture()
        try range.apply(.raiseVersions(above: LogIndex(1000)))
        let offset = range.state.versionOffset
        for floor in [1000, 3, 0, RangeState.highestFloor.number + 1, UInt64.max] as [UInt64] {
            try range.apply(.raiseVersions(above: LogIndex(floor)))
            #expect(range.state.versionOffset == offset)
        }
        try range.apply(.raiseVersions(above: RangeState.highestFloor))
        #expect(range.state.version >= RangeState.highestFloor)
        #expect(range.state.version.isPlausible)
    }

    @Test(
        "versions grow from entry to entry, whatever is raised between, and over restarts and splits",
        arguments: UInt64(1)...20
    )
    func monotone(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var range = RangeFixture(bounds: IdentifierRange(after: .zero, through: Identifier(100)))
        var last = LogIndex.zero
        var floor = LogIndex.zero
        var position: UInt64 = 50
        for number in 1...200 as ClosedRange<UInt64> {
            switch generator.below(6) {
            case 0:
                let wanted = LogIndex(generator.below(1 << (1 + generator.below(30))))
                try range.apply(.raiseVersions(above: wanted))
                floor = max(floor, wanted)
            case 1:
                // A restart, or a snapshot that another replica has taken.
                let stored = StoredReplica(number: ReplicaNumber(1), state: range.state)
                let read = try StoredReplica(decodingHeader: stored.encodedHeader, in: .standard)
                #expect(read.state.versionOffset == range.state.versionOffset)
                #expect(read.state.deletions.latest == range.state.deletions.latest)
                range.state = read.state
            case 2 where position > 6:
                let split = RangeSplit(
                    child: RangeID(high: 8, low: number),
                    position: Identifier(position),
                    epoch: range.state.descriptor.epoch,
                    replicas: range.state.configuration.members,
                    size: RangeSize()
                )
                guard case .split(let child) = try range.apply(.split(split)) else {
                    Issue.record("the range was not split")
                    return
                }
                #expect(child.version == range.state.version)
                position -= 1
                range.state = child
            default:
                let result = try range.apply(
                    RangeFixture.write(number, preparedAt: 0, .put("a"))
                )
                let version = try Self.version(result)
                #expect(version > last && version > floor)
                #expect(range.state.version == version)
                last = version
            }
            #expect(range.state.version >= floor)
            #expect(range.state.deletions.none(in: Array("p".utf8), after: range.state.version))
        }
    }

    @Test("a delete is noted under its version, so that a list of an older one begins again")
    func deletes() throws {
        var range = RangeFixture()
        try range.apply(RangeFixture.write(1, .put("a"), .put("b", ttl: .seconds(1))))
        try range.apply(.raiseVersions(above: LogIndex(500)))
        let listed = range.state.version
        try range.apply(RangeFixture.write(2, .delete("a")))
        #expect(!range.state.deletions.none(in: Array("p".utf8), after: listed))
        let second = range.state.version
        #expect(range.state.deletions.none(in: Array("p".utf8), after: second))
        try range.apply(.expire(limit: 10), at: 5_000)
        #expect(!range.state.deletions.none(in: Array("p".utf8), after: second))
    }

    @Test("a record without an offset is read, and one is written only where it is needed")
    func records() throws {
        var range = RangeFixture()
        try range.apply(RangeFixture.write(1, .put("a")))
        let before = StoredReplica(number: ReplicaNumber(1), state: range.state).encodedHeader
        #expect(try StoredReplica(decodingHeader: before, in: .standard).state.versionOffset == 0)
        try range.apply(.raiseVersions(above: LogIndex(1 << 40)))
        let after = StoredReplica(number: ReplicaNumber(1), state: range.state).encodedHeader
        let read = try StoredReplica(decodingHeader: after, in: .standard).state
        #expect(read.versionOffset == range.state.versionOffset && read.versionOffset > 0)
        // An offset beyond all versions was not written by any program.
        var writer = ByteWriter()
        writer.number(UInt64.max)
        #expect(throws: StoreError.self) {
            try StoredReplica(decodingHeader: before + writer.bytes, in: .standard)
        }
    }

    @Test("an entry that fails leaves the offset as it was")
    func failure() throws {
        var range = RangeFixture()
        try range.apply(.raiseVersions(above: LogIndex(77)))
        let offset = range.state.versionOffset
        range.rows.failsAfter = 0
        #expect(throws: StoreError.self) { try range.apply(RangeFixture.write(1, .put("a"))) }
        #expect(range.state.versionOffset == offset)
    }
}
