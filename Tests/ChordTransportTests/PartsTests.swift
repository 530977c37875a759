// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordHTTP2
import ChordRPC
import NIOCore
import ChordTestSupport
import Testing

@testable import ChordTransport

/// Small parts, each tested alone.
@Suite("Parts of the transport", .tags(.unit))
struct PartsTests {
    // MARK: Addresses

    @Test(
        arguments: [
            ("127.0.0.1:1", "127.0.0.1"), ("[::1]:1", "::1"), ("localhost:1", nil),
        ] as [(String, String?)]
    )
    func ipLiteralsAreDistinguishedFromNames(_ text: String, _ number: String?) throws {
        let address = try NetworkAddress(text).numericAddress
        #expect(address?.ipAddress == number)
        #expect(address?.port == (number == nil ? nil : 1))
    }

    // MARK: Base64

    @Test(
        arguments: [
            ([], ""), ([0], "AA"), ([0, 1], "AAE"), ([0, 1, 2], "AAEC"),
            ([255, 254, 253, 252], "//79/A"),
        ] as [([UInt8], String)]
    )
    func base64SurvivesEncodingAndDecoding(_ bytes: [UInt8], _ text: String) {
        let padded = text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        #expect(Base64.encode(bytes) == Array(text.utf8))
        for form in [text, padded] {
            let decoded = Array(form.utf8).withUnsafeBytes { Base64.decode($0) }
            #expect(decoded == bytes)
        }
        #expect(Base64.encode(bytes, isPadded: true) == Array(padded.utf8))
    }

    @Test(arguments: ["A", "AAAAA", "AA=", "AAA==", "A A", "AA\u{0}A", "====", "-_8"])
    func invalidBase64IsRefused(_ text: String) {
        #expect(Array(text.utf8).withUnsafeBytes { Base64.decode($0) } == nil)
    }

    // MARK: Messages

    @Test func messageIsReassembledFromAnyPieces() throws {
        let framed = MessageFraming.frame([1, 2, 3, 4])
        for first in 0...framed.count {
            for second in first...framed.count {
                var assembler = MessageAssembler()
                for piece in [framed[..<first], framed[first..<second], framed[second...]] {
                    try assembler.take(Array(piece), limit: 4)
                }
                try assembler.finish()
                #expect(assembler.withMessage { Array($0) } == [1, 2, 3, 4])
                #expect(try assembler.takeMessage(limit: 4) == [1, 2, 3, 4])
            }
        }
    }

    @Test(
        arguments: [
            ([0, 0, 0, 0, 5, 1, 2, 3, 4, 5], StatusCode.resourceExhausted),
            ([0, 0, 0, 0, 1, 1, 2], .internalError), ([3, 0, 0, 0, 1, 1], .internalError),
            ([0, 0, 0, 0, 2, 1], .internalError), ([0, 0], .internalError), ([], .internalError),
        ] as [([UInt8], StatusCode)]
    )
    func invalidMessageIsRefused(_ bytes: [UInt8], _ code: StatusCode) {
        let error = #expect(throws: Status.self) {
            var assembler = MessageAssembler()
            try assembler.take(bytes, limit: 4)
            try assembler.finish()
        }
        #expect(error?.code == code)
    }

    @Test func announcedLengthAllocatesNoMemory() throws {
        var assembler = MessageAssembler()
        try assembler.take([0, 0, 64, 0, 0], limit: 4 << 20)
        #expect(assembler.capacity < 128 << 10)
    }

    // MARK: Backoff

    @Test func backoffGrowsToItsMaximumAndResets() {
        var settings = TransportConfiguration.Client()
        settings.backoffJitter = 0
        var backoff = ClientBackoff(configuration: settings)
        var generator = SystemRandomNumberGenerator()
        let now = MonotonicTime(nanoseconds: 0)
        #expect(backoff.remaining(at: now) == nil)
        var waits: [Int64] = []
        for _ in 0..<7 {
            backoff.failed("down", at: now, using: &generator)
            waits.append((backoff.remaining(at: now) ?? .zero).clampedNanoseconds / 1_000_000)
        }
        #expect(waits == [100, 160, 256, 409, 655, 1000, 1000])
        #expect(backoff.remaining(at: now + .seconds(1)) == nil)
        #expect(backoff.lastFailure == "down")
        backoff.reset()
        #expect(backoff.remaining(at: now) == nil)
        backoff.failed("down", at: now, using: &generator)
        #expect(backoff.remaining(at: now) == .milliseconds(100))
    }

    @Test func backoffHasJitter() {
        var generator = SystemRandomNumberGenerator()
        let now = MonotonicTime(nanoseconds: 0)
        var seen = Set<Duration>()
        for _ in 0..<50 {
            var backoff = ClientBackoff(configuration: TransportConfiguration.Client())
            backoff.failed("down", at: now, using: &generator)
            let wait = backoff.remaining(at: now) ?? .zero
            #expect(wait >= .milliseconds(80) && wait <= .milliseconds(120))
            seen.insert(wait)
        }
        #expect(seen.count > 1)
    }

    // MARK: The log

    @Test func logFloodIsThrottledAndCounted() {
        let throttle = LogThrottle(perSecond: 2)
        func admit(_ milliseconds: Int64) -> Int? {
            throttle.admit(at: MonotonicTime(nanoseconds: milliseconds * 1_000_000))
        }
        #expect(admit(0) == 0)
        #expect(admit(1) == 0)
        #expect(admit(2) == nil)
        #expect(admit(999) == nil)
        #expect(admit(1000) == 2)
        #expect(admit(1001) == 0)
        #expect(admit(1002) == nil)
    }

    // MARK: Deadlines

    @Test(.timeLimit(.minutes(5))) func oneTimerServesManyDeadlines() async {
        let executor = testExecutors.all[0]
        let fired = await withCheckedContinuation { continuation in
            executor.execute {
                let owner = AlarmOwner(executor) { continuation.resume(returning: $0) }
                // Later, earlier, between: the alarm must wake for each and in order.
                for milliseconds in [30, 10, 20] {
                    owner.add(executor.now + .milliseconds(milliseconds))
                }
            }
        }
        #expect(fired == fired.sorted())
        #expect(fired.count == 3)
    }
}

/// Uses an alarm as connections do. Confined to its loop.
private final class AlarmOwner: @unchecked Sendable {
    private let executor: EventLoopExecutor
    private let completion: ([MonotonicTime]) -> Void
    private var alarm = DeadlineAlarm()
    private var open: [MonotonicTime] = []
    private var fired: [MonotonicTime] = []

    init(_ executor: EventLoopExecutor, completion: @escaping ([MonotonicTime]) -> Void) {
        self.executor = executor
        self.completion = completion
    }

    func add(_ deadline: MonotonicTime) {
        open.append(deadline)
        watch(deadline)
    }

    private func watch(_ deadline: MonotonicTime) {
        alarm.include(deadline, on: executor.eventLoop) { self.fire() }
    }

    private func fire() {
        alarm.hasFired()
        let now = executor.now
        fired += open.filter { $0 <= now }.sorted()
        open.removeAll { $0 <= now }
        if let next = open.min() { watch(next) } else { completion(fired) }
    }
}

extension MessageAssembler {
    fileprivate mutating func take(_ bytes: [UInt8], limit: Int) throws {
        // A closure that throws typed and returns nothing crashes this compiler.
        let failure = bytes.withUnsafeBytes { bytes -> Status? in
            do throws(Status) {
                try append(bytes, limit: limit)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }
}
