// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore
import ChordTestSupport
import ChordWire
import Testing

@Suite("Identifiers of writes", .tags(.unit))
struct WriteBookTests {
    @Test("writes are counted from 1, and carry the lowest number without an answer")
    func numbers() throws {
        var generator = SeededGenerator(seed: 1)
        var book = WriteBook(capacity: 8, window: 8)
        let first = try #require(book.begin(1, using: &generator))
        let second = try #require(book.begin(1, using: &generator))
        #expect([first.number, second.number] == [1, 2])
        #expect([first.lowestUnanswered, second.lowestUnanswered] == [1, 1])
        book.end(first)
        let third = try #require(book.begin(1, using: &generator))
        #expect(third.lowestUnanswered == 2)
        book.end(second)
        book.end(third)
        let fourth = try #require(book.begin(1, using: &generator))
        #expect([fourth.number, fourth.lowestUnanswered] == [4, 4])
        #expect(fourth.client == first.client)
        let id = fourth.id(preparedAt: 77)
        #expect(id.client == fourth.client && id.number == 4 && id.lowestUnanswered == 4)
        #expect(id.preparedMilliseconds == 77)
    }

    @Test("a write without answer holds up its range and no other")
    func window() throws {
        var generator = SeededGenerator(seed: 1)
        var book = WriteBook(capacity: 8, window: 3)
        let stuck = try #require(book.begin(1, using: &generator))
        for _ in 0..<2 { book.end(try #require(book.begin(1, using: &generator))) }
        #expect(!book.hasRoom(1))
        #expect(book.begin(1, using: &generator) == nil)
        for _ in 0..<10 { book.end(try #require(book.begin(2, using: &generator))) }
        for _ in 0..<10 { book.end(try #require(book.begin(nil, using: &generator))) }
        book.end(stuck)
        #expect(book.hasRoom(1))
        #expect(book.begin(1, using: &generator)?.number == 4)
    }

    @Test("each range has a client identifier of its own; idle ones are forgotten first")
    func capacity() throws {
        var generator = SeededGenerator(seed: 1)
        var book = WriteBook(capacity: 3, window: 8)
        let open = try #require(book.begin(1, using: &generator))
        let idle = try #require(book.begin(2, using: &generator))
        book.end(idle)
        let third = try #require(book.begin(3, using: &generator))
        #expect(Set([open.client, idle.client, third.client]).count == 3)
        _ = book.begin(4, using: &generator)
        #expect(book.count == 3)
        #expect(book.begin(1, using: &generator)?.client == open.client)
        let again = try #require(book.begin(2, using: &generator))
        #expect(again.client != idle.client && again.number == 1)
        // The end of a write under a forgotten identifier changes nothing.
        book.end(idle)
        #expect(book.begin(2, using: &generator)?.lowestUnanswered == 1)
    }

    @Test("the window is at most what a range remembers of a client")
    func limit() {
        var generator = SeededGenerator(seed: 1)
        var book = WriteBook(capacity: 1, window: .max)
        var count = 0
        while book.begin(1, using: &generator) != nil { count += 1 }
        #expect(count == 1024)
    }
}
