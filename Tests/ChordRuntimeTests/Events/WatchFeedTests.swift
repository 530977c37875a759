// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire
import NIOConcurrencyHelpers
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Watchers of a node", .tags(.unit), .timeLimit(.minutes(5)))
struct WatchFeedTests {
    private let executor = ManualExecutor()
    private let space = IdentifierSpace.standard

    private func feed(_ change: (inout WatchFeed.Limits) -> Void = { _ in }) -> WatchFeed {
        var limits = WatchFeed.Limits()
        change(&limits)
        return WatchFeed(executor: executor, space: space, limits: limits)
    }

    /// Events that can be told apart.
    private func event(_ number: UInt64) -> RingEvent {
        .rangeChanged(
            from: nil,
            to: IdentifierRange(after: .zero, through: Identifier(number)),
            cause: .joined
        )
    }

    private func number(_ reply: WatchReply) -> UInt64? {
        guard case .event(.rangeChanged(_, let range?, _)) = reply.content else { return nil }
        let told = RingEvent.rangeChanged(from: nil, to: range, cause: .joined)
        return (0..<1000).first { event($0) == told }
    }

    /// Reads everything up to the end.
    private func watch(_ feed: WatchFeed) -> ManualTask<[[UInt8]]> {
        executor.start {
            var place = feed.subscribe()
            defer { feed.unsubscribe() }
            var heard: [[UInt8]] = []
            while let news = await feed.next(&place) { heard.append(news) }
            return heard
        }
    }

    private func replies(_ news: [[UInt8]]) throws -> [WatchReply] {
        try news.map { try WatchReply(decoding: $0, space: space) }
    }

    @Test("Every watcher receives every event in order and in the same bytes")
    func everybody() throws {
        let feed = feed()
        let watchers = (0..<50).map { _ in watch(feed) }
        executor.drain()
        #expect(feed.watcherCount == 50)
        for number in 1...3 as ClosedRange<UInt64> {
            feed.send(event(number))
            executor.run(for: .milliseconds(3))
        }
        feed.finish()
        let heard = try watchers.map { try $0.value() }
        #expect(Set(heard).count == 1)
        #expect(try replies(heard[0]).map(number) == [1, 2, 3])
        #expect(try replies(heard[0]).map(\.missed) == [0, 0, 0])
        #expect(feed.watcherCount == 0)
    }

    @Test("A slow watcher continues at the oldest kept event and learns how many it missed")
    func gap() throws {
        let feed = feed { $0.events = 4 }
        var place = feed.subscribe()
        for number in 1...300 as ClosedRange<UInt64> { feed.send(event(number)) }
        var heard: [WatchReply] = []
        for _ in 0..<4 {
            let start = place
            let (next, news) = try executor.wait {
                var place = start
                let news = await feed.next(&place)
                return (place, news)
            }
            place = next
            heard += try replies([news ?? []])
        }
        #expect(heard.map(number) == [297, 298, 299, 300])
        #expect(heard.map(\.missed) == [296, 0, 0, 0])
    }

    @Test("The log of events is limited in bytes, and empty without watchers")
    func bytes() throws {
        let feed = feed { $0.bytes = 1 }
        feed.send(event(1))
        let place = feed.subscribe()
        feed.send(event(2))
        feed.send(event(3))
        let news = try executor.wait {
            var place = place
            return await feed.next(&place)
        }
        let reply = try replies([news ?? []])
        #expect(reply.map(number) == [3])
        #expect(reply.map(\.missed) == [1])
    }

    @Test("Deliveries to watchers are paced")
    func pace() throws {
        let feed = feed {
            $0.deliveries = 10
            $0.pause = .milliseconds(5)
        }
        let heard = NIOLockedValueBox(0)
        let watchers = (0..<100).map { _ in
            executor.start {
                var place = feed.subscribe()
                defer { feed.unsubscribe() }
                while await feed.next(&place) != nil { heard.withLockedValue { $0 += 1 } }
            }
        }
        executor.drain()
        feed.send(event(1))
        executor.drain()
        #expect(heard.withLockedValue { $0 } == 10)
        executor.run(for: .milliseconds(24))
        #expect(heard.withLockedValue { $0 } == 50)
        executor.run(for: .milliseconds(100))
        #expect(heard.withLockedValue { $0 } == 100)
        feed.finish()
        for watcher in watchers { try watcher.value() }
    }

    @Test("Fifteen thousand watchers come and go and leave nothing behind")
    func gone() throws {
        let feed = feed()
        let first = watch(feed)
        for _ in 0..<15 {
            let watchers = (0..<1000).map { _ in watch(feed) }
            executor.drain()
            #expect(feed.watcherCount == 1001)
            for watcher in watchers { watcher.cancel() }
            executor.drain()
        }
        #expect(feed.watcherCount == 1)
        feed.send(event(5))
        feed.finish()
        #expect(try replies(try first.value()).map(number) == [5])
    }

    @Test(arguments: [1, 127, 128, 300, 1 << 40, .max] as [UInt64])
    func missedCountIsEncodedAsAField(_ missed: UInt64) throws {
        let reply = WatchReply(.event(event(9)), time: 7)
        let marked = reply.encoded(in: space) + WatchReply.missedField(missed)
        var expected = reply
        expected.missed = missed
        #expect(try WatchReply(decoding: marked, space: space) == expected)
    }
}
