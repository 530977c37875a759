// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import ChordTestSupport
import Testing

@testable import ChordRPC

/// The parts between a stream's reader or writer and its transport.
@Suite("Parts of streams", .tags(.unit), .timeLimit(.minutes(5)))
struct StreamPartsTests {
    /// A transport's end that counts what it is told.
    private final class Link: StreamLink {
        let executor: any NodeExecutor = ManualExecutor()
        let signals = NIOLockedValueBox(0)

        func outputWaits() { signals.withLockedValue { $0 += 1 } }
        func returnCredit(_ bytes: Int) {}
        func abandon(_ status: Status) {}
    }

    /// Runs work before it returns, as a reader on another thread can.
    private final class InlineExecutor: TaskExecutor {
        func enqueue(_ job: consuming ExecutorJob) {
            job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }

    private static func append(_ bytes: [UInt8], to inbox: StreamInbox) -> Int {
        bytes.withUnsafeBytes { inbox.append($0) }
    }

    private static func next(
        of inbox: StreamInbox,
        crediting credit: NIOLockedValueBox<Int>? = nil
    ) async throws(Status) -> [UInt8]? {
        try await inbox.next { bytes in credit?.withLockedValue { $0 += bytes } }
    }

    // MARK: The inbox

    @Test func unreadBytesGiveNoFlowControlCredit() async throws {
        let inbox = StreamInbox(limit: 1000, window: 400)
        let framed = MessageFraming.frame([UInt8](repeating: 1, count: 95))
        for _ in 0..<4 { #expect(Self.append(framed, to: inbox) == 0) }
        let credit = NIOLockedValueBox(0)
        for count in 1...4 {
            _ = try await Self.next(of: inbox, crediting: credit)
            #expect(credit.withLockedValue { $0 } == count * 100)
        }
        #expect(inbox.takeOutstanding() == 0)
    }

    @Test func partOfAnAwaitedMessageGivesCredit() async throws {
        let inbox = StreamInbox(limit: 1000, window: 400)
        let framed = MessageFraming.frame([UInt8](repeating: 1, count: 795))
        // No reader waits: this fills the window, so the peer cannot send more.
        #expect(Self.append(Array(framed[..<400]), to: inbox) == 0)
        let credit = NIOLockedValueBox(0)
        async let message = Self.next(of: inbox, crediting: credit)
        while credit.withLockedValue({ $0 }) == 0 { await Task.yield() }
        #expect(credit.withLockedValue { $0 } == 400)
        #expect(Self.append(Array(framed[400..<500]), to: inbox) == 100)
        // Small credit is collected before it is sent.
        #expect(Self.append(Array(framed[500..<550]), to: inbox) == 0)
        #expect(Self.append(Array(framed[550...]), to: inbox) == 300)
        #expect(try await message?.count == 795)
    }

    @Test func outstandingCreditIsReturnedOnce() {
        let inbox = StreamInbox(limit: 1000, window: 4000)
        #expect(Self.append(MessageFraming.frame([1, 2, 3]), to: inbox) == 0)
        #expect(inbox.takeOutstanding() == 8)
        #expect(inbox.takeOutstanding() == 0)
    }

    @Test func messagesAreReassembledFromAnyPieces() async throws {
        let messages: [[UInt8]] = [[], [1], [2, 3], [], [4, 5, 6]]
        let bytes = messages.flatMap { MessageFraming.frame($0) }
        for size in 1...bytes.count {
            let inbox = StreamInbox(limit: 3, window: 1 << 20)
            var start = 0
            while start < bytes.count {
                let end = min(start + size, bytes.count)
                _ = Self.append(Array(bytes[start..<end]), to: inbox)
                start = end
            }
            #expect(inbox.finish(nil) == nil)
            for message in messages {
                let read = try await Self.next(of: inbox)
                #expect(read == message)
            }
            let end = try await Self.next(of: inbox)
            #expect(end == nil)
        }
    }

    @Test func failureIsDeliveredAfterEarlierMessages() async throws {
        let inbox = StreamInbox(limit: 3, window: 1000)
        _ = Self.append(MessageFraming.frame([1]), to: inbox)
        inbox.finish(Status(.dataLoss))
        let first = try await Self.next(of: inbox)
        #expect(first == [1])
        for _ in 0..<2 {
            let failure = await #expect(throws: Status.self) { try await Self.next(of: inbox) }
            #expect(failure?.code == .dataLoss)
        }
    }

    @Test func abortIsDeliveredAtOnce() async throws {
        let inbox = StreamInbox(limit: 3, window: 1000)
        _ = Self.append(MessageFraming.frame([1]), to: inbox)
        inbox.abort(Status(.cancelled))
        let failure = await #expect(throws: Status.self) { try await Self.next(of: inbox) }
        #expect(failure?.code == .cancelled)
        // Later input is dropped, and returns its credit.
        #expect(Self.append([UInt8](repeating: 0, count: 500), to: inbox) >= 500)
    }

    @Test func endInsideAMessageIsAnError() async throws {
        for cut in 1...6 {
            let inbox = StreamInbox(limit: 3, window: 1000)
            let bytes = MessageFraming.frame([1]) + MessageFraming.frame([2, 3]).prefix(cut)
            _ = Self.append(bytes, to: inbox)
            #expect(inbox.finish(nil)?.code == .internalError)
            let first = try await Self.next(of: inbox)
            #expect(first == [1])
            await #expect(throws: Status.self) { try await Self.next(of: inbox) }
        }
    }

    @Test func peerStatusIsDeliveredInsteadOfTheTruncation() async {
        let said = Status(.unavailable, "it ends")
        let state = ClientStreamState(
            inbox: StreamInbox(limit: 1000, window: 400),
            outbox: StreamOutbox(limit: 1000)
        )
        let stream = ClientStream(state: state, link: Link())
        let reader = Task(executorPreference: InlineExecutor()) { () -> Status? in
            do throws(Status) {
                _ = try await stream.nextMessage()
                return nil
            } catch {
                return error
            }
        }
        state.callFinished(ClientResult(status: said))
        #expect(await reader.value == said)
    }

    @Test func secondReaderIsRefused() async throws {
        let inbox = StreamInbox(limit: 3, window: 1000)
        try await withThrowingTaskGroup(of: [UInt8]?.self) { group in
            for _ in 0..<2 { group.addTask { try await Self.next(of: inbox) } }
            // One of the two is refused, whichever comes second.
            let failure = await #expect(throws: Status.self) { try await group.next() }
            #expect(failure?.code == .internalError)
            _ = Self.append(MessageFraming.frame([1]), to: inbox)
            let read = try await group.next()
            #expect(read == [1])
        }
    }

    @Test func cancelledReaderLosesNoMessage() async throws {
        let inbox = StreamInbox(limit: 3, window: 1000)
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let failure = await #expect(throws: Status.self) {
                    try await Self.next(of: inbox)
                }
                #expect(failure?.code == .cancelled)
            }
            group.cancelAll()
        }
        _ = Self.append(MessageFraming.frame([1]), to: inbox)
        let read = try await Self.next(of: inbox)
        #expect(read == [1])
    }

    // MARK: The outbox

    @Test func writerWaitsForRoom() async throws {
        let outbox = StreamOutbox(limit: 1 << 20)
        let link = Link()
        try outbox.put(.message([UInt8](repeating: 0, count: 100_000)), for: link)
        let isThrough = NIOLockedValueBox(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await outbox.waitForRoom()
                isThrough.withLockedValue { $0 = true }
            }
            for _ in 0..<20 { await Task.yield() }
            #expect(outbox.take { _ in false } == nil)
            #expect(!isThrough.withLockedValue { $0 })
            #expect(outbox.take { $0 == 100_000 } != nil)
            try await group.waitForAll()
        }
        #expect(isThrough.withLockedValue { $0 })
    }

    @Test func endOfTheCallEndsTheWait() async throws {
        let outbox = StreamOutbox(limit: 1 << 20)
        try outbox.put(.message([UInt8](repeating: 0, count: 100_000)), for: Link())
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<3 {
                group.addTask {
                    let failure = await #expect(throws: Status.self) {
                        try await outbox.waitForRoom()
                    }
                    #expect(failure?.code == .aborted)
                }
            }
            await Task.yield()
            outbox.close(Status(.aborted))
        }
        #expect(throws: Status(.aborted)) { try outbox.put(.endOfMessages, for: Link()) }
        #expect(outbox.take { _ in true } == nil)
    }

    @Test func transportIsNotifiedOnceUntilItReads() throws {
        let outbox = StreamOutbox(limit: 10)
        let link = Link()
        let executor = try #require(link.executor as? ManualExecutor)
        for _ in 0..<3 { try outbox.put(.message([1]), for: link) }
        executor.drain()
        #expect(link.signals.withLockedValue { $0 } == 1)
        #expect(outbox.take { _ in true } != nil)
        try outbox.put(.endOfMessages, for: link)
        executor.drain()
        #expect(link.signals.withLockedValue { $0 } == 2)
        #expect(throws: Status.self) { try outbox.put(.message([1]), for: link) }
        #expect(throws: Status.self) {
            try StreamOutbox(limit: 10).put(.message([UInt8](repeating: 0, count: 11)), for: link)
        }
    }
}
