// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTestSupport
import NIOConcurrencyHelpers
import Testing

@testable import ChordTransport

/// How streams end before their time, and how they wait, whatever carries them.
@Suite("How streams end", .tags(.network), .timeLimit(.minutes(5)))
struct StreamEndTests {
    static let kinds = TransportKind.allCases

    /// Opens a stream whose handler has answered once and waits.
    private static func held(
        _ tested: TestedTransport,
        within time: Duration? = .seconds(20)
    ) async throws -> ClientStream {
        let stream = tested.open(StreamService.hold, within: time)
        try await stream.send([1])
        #expect(try await stream.nextMessage() == [1])
        return stream
    }

    // MARK: Cancelling

    @Test(arguments: kinds)
    func cancellationEndsAStreamBeforeItsFirstMessage(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, service in
            let stream = tested.open(StreamService.hold)
            try await service.until { $0.started == 1 }
            stream.cancel()
            let status = await stream.status()
            #expect(status.code == .cancelled)
            #expect(status.origin == .local)
            try await service.until { $0.failures.map(\.code) == [.cancelled] }
        }
    }

    @Test(arguments: kinds)
    func cancellationEndsAStreamAfterAMessage(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, service in
            let stream = try await Self.held(tested)
            stream.cancel()
            let failure = await #expect(throws: Status.self) { try await stream.nextMessage() }
            #expect(failure?.code == .cancelled)
            await #expect(throws: Status.self) { try await stream.send([2]) }
            try await service.until { $0.failures.map(\.code) == [.cancelled] }
        }
    }

    @Test(arguments: kinds)
    func cancellingTheReaderCancelsTheCall(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, service in
            let stream = try await Self.held(tested)
            let failure = await withTaskGroup(of: Status?.self) { group in
                group.addTask {
                    do throws(Status) {
                        _ = try await stream.nextMessage()
                        return nil
                    } catch {
                        return error
                    }
                }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(failure?.code == .cancelled)
            #expect(await stream.status().code == .cancelled)
            try await service.until { $0.failures.map(\.code) == [.cancelled] }
        }
    }

    @Test(arguments: kinds)
    func droppingAStreamCancelsTheCall(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, service in
            _ = try await Self.held(tested, within: nil)
            try await service.until { $0.failures.map(\.code) == [.cancelled] }
        }
    }

    @Test(arguments: kinds)
    func handlerThatWaitsForRoomIsCancelled(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, service in
            let stream = tested.open(StreamService.produce)
            try await stream.send("1000000 10000")
            _ = try await stream.nextMessage()
            stream.cancel()
            try await service.until { $0.failures.map(\.code) == [.cancelled] }
        }
    }

    // MARK: Deadlines

    @Test(arguments: kinds)
    func deadlineEndsAStream(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, service in
            // The connection is there first: the deadline is the call's and not the dial's.
            let first = tested.open(StreamService.echo)
            first.finishSending()
            #expect(await first.status() == .ok)
            let stream = tested.open(StreamService.hold, within: .milliseconds(200))
            let failure = await #expect(throws: Status.self) {
                try await stream.send([1])
                while try await stream.nextMessage() != nil {}
            }
            #expect(failure?.code == .deadlineExceeded)
            #expect(await stream.status().code == .deadlineExceeded)
            try await service.until { $0.failures.count == $0.started - 1 }
        }
    }

    @Test(arguments: kinds)
    func deadlineEndsAWaitingWriter(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, service in
            let first = tested.open(StreamService.echo)
            first.finishSending()
            #expect(await first.status() == .ok)
            // Nobody reads the answers, so that the handler stops to read, and then nobody takes
            // the requests.
            let stream = tested.open(StreamService.echo, within: .milliseconds(300))
            let failure = await #expect(throws: Status.self) {
                while true { try await stream.send([UInt8](repeating: 1, count: 10_000)) }
            }
            #expect(failure?.code == .deadlineExceeded)
            try await service.until { $0.failures.count == $0.started - 1 }
        }
    }

    @Test(arguments: kinds)
    func deadlineReachesTheHandlerOfAStream(_ kind: TransportKind) async throws {
        let seen = NIOLockedValueBox<[Duration?]>([])
        var router = Router()
        router.register(TestMethod.named("Look"), on: nil) { stream throws(Status) in
            let left = stream.deadline.map { $0 - stream.executor.now }
            seen.withLockedValue { $0.append(left) }
            return []
        }
        try await kind.run(router) { tested in
            for time in [Duration.seconds(20), nil] {
                #expect(await tested.open(TestMethod.named("Look"), within: time).status() == .ok)
            }
        }
        let left = seen.withLockedValue { $0 }
        let first = try #require(left.first ?? nil)
        #expect(first > .seconds(1) && first <= .seconds(20))
        #expect(left.count == 2 && left[1] == nil)
    }

    // MARK: Early ends

    @Test(arguments: kinds)
    func serverCanEndBeforeTheClient(_ kind: TransportKind) async throws {
        var router = Router()
        router.register(TestMethod.named("Enough"), on: nil) { stream throws(Status) in
            let first = try await stream.nextMessage() ?? []
            try await stream.send(first)
            return [.init(name: "hops", value: [0x33])]
        }
        try await kind.run(router) { tested in
            let stream = tested.open(TestMethod.named("Enough"))
            try await stream.send([1])
            #expect(try await stream.nextMessage() == [1])
            #expect(try await stream.nextMessage() == nil)
            let result = await stream.result()
            #expect(result.status == .ok)
            #expect(result.trailers["hops"] == [0x33])
            let failure = await #expect(throws: Status.self) { try await stream.send([2]) }
            #expect(failure?.code == .failedPrecondition)
            // The connection is as good as before.
            let next = tested.open(TestMethod.named("Enough"))
            next.finishSending()
            #expect(try await next.onlyResponse() == [])
        }
    }

    @Test(arguments: kinds)
    func nothingIsSentAfterTheHalfClose(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, _ in
            let stream = tested.open(StreamService.sum)
            stream.finishSending()
            let failure = await #expect(throws: Status.self) { try await stream.send([1]) }
            #expect(failure?.code == .failedPrecondition)
            let response = try await stream.onlyResponse()
            #expect(response == Array("0 0".utf8))
        }
    }

    // MARK: Back-pressure

    /// What may be on its way between a writer and a reader: the stream's window, what a session and an
    /// outbox hold, and a message at each of their ends.
    private static let mostUnderWay = (1 << 20) + (256 << 10) + (64 << 10) + 4 * 10_005

    @Test(arguments: kinds)
    func slowReaderOfAnswersPausesTheHandler(_ kind: TransportKind) async throws {
        try await kind.runStreams { tested, service in
            let stream = tested.open(StreamService.produce)
            try await stream.send("1000 10000")
            stream.finishSending()
            var seen = 0
            while try await stream.nextMessage() != nil {
                seen += 1
                let ahead = service.counters.sent - seen
                #expect(ahead * 10_005 <= Self.mostUnderWay)
                // The handler gets every chance to run ahead.
                for _ in 0..<10 { await Task.yield() }
            }
            #expect(seen == 1000)
        }
    }

    @Test(arguments: kinds)
    func slowReaderOfRequestsPausesTheClient(_ kind: TransportKind) async throws {
        let read = NIOLockedValueBox(0)
        let sent = NIOLockedValueBox(0)
        var router = Router()
        router.register(TestMethod.named("Slow"), on: nil) { stream throws(Status) in
            var most = 0
            while try await stream.nextMessage() != nil {
                let count = read.withLockedValue { count in
                    count += 1
                    return count
                }
                most = max(most, sent.withLockedValue { $0 } - count)
                for _ in 0..<10 { await Task.yield() }
            }
            try await stream.send(Array("\(most)".utf8))
            return []
        }
        try await kind.run(router) { tested in
            let stream = tested.open(TestMethod.named("Slow"), within: nil)
            for _ in 0..<1000 {
                try await stream.send([UInt8](repeating: 1, count: 10_000))
                sent.withLockedValue { $0 += 1 }
            }
            stream.finishSending()
            let most = Int(String(decoding: try await stream.onlyResponse(), as: UTF8.self))
            #expect(try #require(most) * 10_005 <= Self.mostUnderWay)
            #expect(read.withLockedValue { $0 } == 1000)
        }
    }
}
