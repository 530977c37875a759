// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordRPC
import ChordTestSupport
import ChordWire
import NIOConcurrencyHelpers
import Testing

/// The client of the store against nodes of a scripted store, over TLS.
@Suite("The client of the store", .tags(.network), .timeLimit(.minutes(5)))
struct StoreClientTests {
    @Test("values come back as they were stored, with versions that grow")
    func values() async throws {
        try await ScriptedRing.with { ring in
            let store = ring.client.store
            #expect(try await store.get("greeting") == nil)
            let bytes: [UInt8] = [0, 0xff, 0x0a, 0xfe]
            let first = try await store.put("greeting", bytes, timeToLive: .seconds(60))
            #expect(first.applied && first.previousVersion == nil && !first.isRepeated)
            let value = try #require(try await store.get("greeting"))
            #expect(value.bytes == bytes && value.version == first.version)
            #expect(value.timeToLive == .seconds(60) && value.text == nil)
            let second = try await store.put("greeting", Array("hi".utf8), wantsPrevious: true)
            #expect(second.version > first.version)
            #expect(second.previousVersion == first.version && second.previousValue == bytes)
            #expect(try await store.touch("greeting", timeToLive: .seconds(5)).applied)
            let touched = try #require(try await store.get("greeting"))
            #expect(touched.text == "hi" && touched.timeToLive == .seconds(5))
            let gone = try await store.delete("greeting", wantsPrevious: true)
            #expect(gone.applied && gone.previousValue == Array("hi".utf8))
            #expect(try await store.get("greeting") == nil)
            #expect(try await !store.touch("greeting", timeToLive: nil).applied)
        }
    }

    @Test("a condition that does not hold is an answer with the present version")
    func conditions() async throws {
        try await ScriptedRing.with { ring in
            let store = ring.client.store
            let first = try await store.put("a", [1], if: .absent)
            #expect(first.applied)
            let again = try await store.put("a", [2], if: .absent)
            #expect(!again.applied && again.previousVersion == first.version)
            #expect(try await !store.delete("a", if: .version(first.version + 50)).applied)
            #expect(try await store.delete("a", if: .version(first.version)).applied)
        }
    }

    @Test("a batch is done as a whole, or not at all")
    func batches() async throws {
        try await ScriptedRing.with { ring in
            let store = ring.client.store
            let one = Array("one".utf8)
            let two = Array("two".utf8)
            let partition = Array("p".utf8)
            let put = try await store.batch([.put(one, [1]), .put(two, [2])], in: partition)
            #expect(put.applied && put.operations.count == 2)
            let refused = try await store.batch(
                [.delete(one), .check(two, .version(put.version + 9))],
                in: partition,
                wantsPrevious: true
            )
            #expect(!refused.applied)
            #expect(refused.operations.map(\.conditionHeld) == [true, false])
            #expect(refused.operations.map(\.previousValue) == [[1], [2]])
            let read = try await store.get([one, [9], two], in: partition, level: .stale)
            #expect(read.values.map { $0?.bytes } == [[1], nil, [2]])
            #expect(read.values.map { $0?.version } == [put.version, nil, put.version])
            #expect(read.lag == StoreLag(entries: 2, silence: .milliseconds(30)))
        }
    }

    @Test("lists and counts go through all pages")
    func lists() async throws {
        try await ScriptedRing.with { ring in
            let store = ring.client.store
            for number in 0..<7 {
                try await store.put(StoreKey("k\(number)", in: "p"), [UInt8(number)])
            }
            try await store.put(StoreKey("other", in: "p"), [])
            let list = store.list(in: [0x70], prefix: [0x6b], pageRows: 3)
            var rows: [StoreRow] = []
            for try await row in list { rows.append(row) }
            #expect(rows.map(\.key) == (0..<7).map { StoreKey("k\($0)", in: "p") })
            #expect(rows.map(\.value.bytes) == (0..<7).map { [UInt8($0)] })
            var pages: [Int] = []
            for try await page in list.pages { pages.append(page.rows.count) }
            #expect(pages == [3, 3, 1])
            for try await row in store.list(in: [0x70], keysOnly: true) {
                #expect(row.value.bytes.isEmpty && row.value.version > 0)
            }
            ring.range.state.withLockedValue { $0.pageRows = 2 }
            #expect(try await store.count(in: [0x70], prefix: [0x6b]) == 7)
            #expect(try await store.count(in: [0x71]) == 0)
        }
    }

    @Test("a list whose version is gone ends with an error")
    func pageGone() async throws {
        try await ScriptedRing.with { ring in
            let store = ring.client.store
            for number in 0..<4 { try await store.put(StoreKey("k\(number)", in: "p"), []) }
            var rows = store.list(in: [0x70], pageRows: 2).makeAsyncIterator()
            #expect(try await rows.next(isolation: nil) != nil)
            #expect(try await rows.next(isolation: nil) != nil)
            try await store.put(StoreKey("k9", in: "p"), [])
            let error = await #expect(throws: StoreClientError.self) {
                try await rows.next(isolation: nil)
            }
            #expect(error?.code == .pageGone)
            #expect(try await rows.next(isolation: nil) == nil)
        }
    }

    @Test("a list and a count of which nothing was delivered begin again by themselves")
    func restartedList() async throws {
        try await ScriptedRing.with { ring in
            let store = ring.client.store
            for number in 0..<4 { try await store.put(StoreKey("k\(number)", in: "p"), []) }
            let gone = Status(.aborted, "begin again")
            ring.range.trouble("n2", .fails(gone), .fails(gone))
            var rows: [StoreRow] = []
            for try await row in store.list(in: [0x70], pageRows: 2) { rows.append(row) }
            #expect(rows.count == 4)
            ring.range.trouble("n2", .fails(gone), .fails(gone))
            ring.range.state.withLockedValue { $0.pageRows = 2 }
            #expect(try await store.count(in: [0x70]) == 4)
            // It does not go on for ever.
            for _ in 0..<10 { ring.range.trouble("n2", .fails(gone)) }
            let error = await #expect(throws: StoreClientError.self) {
                try await store.count(in: [0x70])
            }
            #expect(error?.code == .pageGone)
        }
    }

    @Test("the first operation is redirected to the leader, and the next goes there at once")
    func redirect() async throws {
        try await ScriptedRing.with { ring in
            try await ring.client.store.put("a", [1])
            // The first write to a range asks for its time before.
            #expect(
                ring.range.takeCalls().map(\.text) == ["n1 Get >", "n2 Get >", "n2 Put >"]
            )
            try await ring.client.store.put("b", [1])
            _ = try await ring.client.store.get("b")
            #expect(ring.range.takeCalls().map(\.text) == ["n2 Put >", "n2 Get >"])
            ring.lead(ring.first, term: 2)
            _ = try await ring.client.store.get("b")
            #expect(ring.range.takeCalls().map(\.text) == ["n2 Get >", "n1 Get >"])
        }
    }

    @Test("a contact that leads the range tells about it with its answer")
    func leadingContact() async throws {
        try await ScriptedRing.with { ring in
            ring.lead(ring.first, term: 2)
            try await ring.client.store.put("a", [1])
            try await ring.client.store.put("b", [1])
            let calls = ring.range.takeCalls()
            #expect(calls.map(\.text) == ["n1 Get >", "n1 Put >", "n1 Put >"])
            #expect(calls.map(\.route.range) == [nil, 7, 7])
        }
    }

    @Test("a leader out of reach is asked through the client's own node")
    func leaderOutOfReach() async throws {
        try await ScriptedRing.with { ring in
            var absent = ring.second
            // Nothing listens there, and nobody but an administrator could.
            absent.address = "127.0.0.1:1"
            ring.range.place(on: [ring.first, absent], leader: absent)
            try await ring.client.store.put("a", [1])
            // How often the leader's address is tried in between depends on the time that has passed.
            let calls = ring.range.takeCalls().map(\.text)
            #expect(calls.first == "n1 Get >" && calls.contains("n1 Get"))
            #expect(calls.last == "n1 Put")
            #expect(try await ring.client.store.get("a")?.bytes == [1])
            #expect(ring.range.takeCalls().last?.text == "n1 Get")
        }
    }

    @Test("writes are counted, and carry the range's time from its last answer")
    func identifiers() async throws {
        try await ScriptedRing.with { ring in
            for _ in 0..<3 { try await ring.client.store.put("a", [1]) }
            let ids = ring.range.takeCalls().compactMap(\.id)
            #expect(ids.map(\.number) == [1, 2, 3])
            #expect(ids.map(\.lowestUnanswered) == [1, 2, 3])
            #expect(Set(ids.map(\.client)).count == 1)
            #expect(ids.map(\.preparedMilliseconds) == [5_000, 5_010, 5_020])
        }
    }
}
