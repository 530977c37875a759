// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordStore
import ChordTestSupport
import Testing

@Suite("Applying commands to a range", .tags(.unit))
struct RangeStateTests {
    @Test("a put stores the value with the index of its entry as version")
    func put() throws {
        var range = RangeFixture()
        try range.apply(.advance)
        let applied = try range.apply(RangeFixture.write(1, .put("k", "one")))
        #expect(range.row("k") == Row(value: Array("one".utf8), version: LogIndex(2), expiry: nil))
        let operation = WriteOutcome.Operation(conditionHeld: true, previousVersion: nil)
        let outcome = WriteOutcome(applied: true, version: LogIndex(2), operations: [operation])
        #expect(applied == .written(outcome))
    }

    @Test("a version grows over a delete and never repeats")
    func versions() throws {
        var range = RangeFixture()
        try range.apply(RangeFixture.write(1, .put("k")))
        try range.apply(RangeFixture.write(2, .delete("k")))
        #expect(range.row("k") == nil)
        try range.apply(RangeFixture.write(3, .put("k")))
        #expect(range.row("k")?.version == LogIndex(3))
    }

    @Test("a condition that does not hold changes nothing and answers with the present version")
    func conditions() throws {
        var range = RangeFixture()
        try range.apply(RangeFixture.write(1, .put("k", "one", .absent)))
        let refused = try range.apply(
            RangeFixture.write(2, previous: true, .put("k", "two", .absent))
        )
        let operation = WriteOutcome.Operation(
            conditionHeld: false,
            previousVersion: LogIndex(1),
            previousValue: Array("one".utf8)
        )
        #expect(
            refused
                == .written(
                    WriteOutcome(applied: false, version: LogIndex(2), operations: [operation])
                )
        )
        #expect(range.row("k")?.value == Array("one".utf8))
        try range.apply(RangeFixture.write(3, .put("k", "three", .version(LogIndex(1)))))
        #expect(range.row("k")?.value == Array("three".utf8))
        try range.apply(RangeFixture.write(4, .delete("k", .version(LogIndex(1)))))
        #expect(range.row("k") != nil)
    }

    @Test("a batch with one failed condition applies none of its operations")
    func batch() throws {
        var range = RangeFixture()
        try range.apply(
            RangeFixture.write(1, .put("a"), .put("b"), .check("c", .version(LogIndex(9))))
        )
        #expect(range.rows.rows.isEmpty)
        try range.apply(RangeFixture.write(2, .put("a"), .put("b"), .check("c", .absent)))
        #expect(range.row("a")?.version == LogIndex(2))
        #expect(range.row("b")?.version == LogIndex(2))
    }

    @Test("a repeated write has the first answer and is applied once")
    func exactlyOnce() throws {
        var range = RangeFixture()
        let write = RangeFixture.write(1, .put("k", "one", .absent))
        guard case .written(var first) = try range.apply(write) else {
            Issue.record("the write was not applied")
            return
        }
        #expect(!first.isRepeated)
        try range.apply(RangeFixture.write(2, of: 2, .put("k", "two")))
        first.isRepeated = true
        #expect(try range.apply(write) == .written(first))
        #expect(range.row("k")?.value == Array("two".utf8))
    }

    @Test("a write below the lowest unanswered number is refused")
    func confirmed() throws {
        var range = RangeFixture()
        try range.apply(RangeFixture.write(1, .put("k")))
        try range.apply(RangeFixture.write(2, lowest: 2, .put("k")))
        #expect(try range.apply(RangeFixture.write(1, .put("k"))) == .refused(.answeredBefore))
    }

    @Test("a write of a forgotten client that is older than the window is refused as in doubt")
    func window() throws {
        var range = RangeFixture()
        let window: UInt64 = 300_000
        let write = RangeFixture.write(1, preparedAt: 1000, .put("k"))
        try range.apply(write, at: 1000)
        try range.apply(.advance, at: 1000 + window)
        #expect(range.state.requests.records.isEmpty)
        #expect(try range.apply(write, at: 1000 + window) == .refused(.mayHaveHappened))
        let fresh = RangeFixture.write(2, preparedAt: 1001, .put("k"))
        guard case .written = try range.apply(fresh, at: 1000 + window) else {
            Issue.record("a write that was prepared within the window is new")
            return
        }
    }

    @Test("a full request table refuses new clients and forgets nobody")
    func fullTable() throws {
        var range = RangeFixture()
        let most = UInt64(RequestTable.Limits.clientsPerIdentity)
        for client in 1...most { try range.apply(RangeFixture.write(1, of: client, .put("k"))) }
        let another = RangeFixture.write(1, of: most + 1, .put("k"))
        #expect(try range.apply(another) == .refused(.tooManyClients))
        let other = RangeFixture.write(1, of: most + 1, identity: "bob", .put("k"))
        guard case .written = try range.apply(other) else {
            Issue.record("another identity has room of its own")
            return
        }
        #expect(range.state.requests.records.count == Int(most) + 1)
    }

    @Test("a key lives until an entry expires it, at least for its time to live")
    func timeToLive() throws {
        var range = RangeFixture()
        try range.apply(RangeFixture.write(1, .put("k", ttl: .seconds(1))), at: 500)
        #expect(range.row("k")?.expiry == RangeTime(milliseconds: 1500))
        #expect(try range.apply(.expire(limit: 10), at: 1499) == .expired(0))
        #expect(range.row("k") != nil)
        #expect(try range.apply(.expire(limit: 10), at: 1500) == .expired(1))
        #expect(range.row("k") == nil)
    }

    @Test("touch renews the time to live and keeps value and version; an absent key is not touched")
    func touch() throws {
        var range = RangeFixture()
        try range.apply(RangeFixture.write(1, .put("k", "v", ttl: .seconds(1))))
        try range.apply(RangeFixture.write(2, .touch("k", ttl: .seconds(9))), at: 500)
        #expect(range.row("k")?.expiry == RangeTime(milliseconds: 9500))
        #expect(range.row("k")?.version == LogIndex(1))
        try range.apply(RangeFixture.write(3, .touch("k", ttl: nil)), at: 600)
        #expect(range.row("k")?.expiry == nil)
        guard
            case .written(let outcome) = try range.apply(
                RangeFixture.write(4, .touch("absent", ttl: nil))
            )
        else {
            Issue.record("a touch is answered")
            return
        }
        #expect(!outcome.applied)
    }

    @Test("time does not go back when a new leader's clock is behind")
    func time() throws {
        var range = RangeFixture()
        try range.apply(.advance, at: 900)
        try range.apply(.advance, at: 100)
        #expect(range.state.time == RangeTime(milliseconds: 900))
    }

    @Test("a write outside the bounds is refused and not remembered")
    func bounds() throws {
        let arc = IdentifierRange(after: Identifier(10), through: Identifier(20))
        var range = RangeFixture(bounds: arc)
        let outside = RangeFixture.write(1, position: Identifier(10), .put("k"))
        #expect(try range.apply(outside) == .refused(.outsideRange))
        #expect(range.state.requests.records.isEmpty)
    }

    @Test("an entry that fails leaves the state as it was", arguments: 0..<4)
    func failure(after operations: Int) throws {
        var range = RangeFixture()
        try range.apply(RangeFixture.write(1, .put("a", "x")), at: 5)
        let before = range.state
        range.rows.failsAfter = operations
        #expect(throws: StoreError.self) {
            try range.apply(RangeFixture.write(2, .put("a"), .put("b"), .put("c")), at: 99)
        }
        #expect(range.state == before)
    }

    @Test("an entry out of order is an error, not skipped")
    func gap() throws {
        var range = RangeFixture()
        let entry = LogEntry(term: Term(1), index: LogIndex(2), kind: .empty)
        #expect(throws: StoreError.self) { try range.state.apply(entry, to: &range.rows) }
    }

    @Test("size counts present rows with their keys and values")
    func size() throws {
        var range = RangeFixture()
        try range.apply(RangeFixture.write(1, .put("k", "1234"), .put("l", "1")))
        #expect(range.state.size == RangeSize(rows: 2, bytes: 2 * 2 + 5))
        try range.apply(RangeFixture.write(2, .put("k", "1"), .delete("l")))
        #expect(range.state.size == RangeSize(rows: 1, bytes: 3))
        try range.apply(RangeFixture.write(3, .delete("k"), .delete("never")))
        #expect(range.state.size == RangeSize())
    }
}
