// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import Logging
import NIOConcurrencyHelpers
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Log budget", .tags(.unit))
struct LogBudgetTests {
    private final class Clock: Sendable {
        private let box = NIOLockedValueBox(MonotonicTime(nanoseconds: 0))
        var now: MonotonicTime { box.withLockedValue { $0 } }
        func advance(_ duration: Duration) { box.withLockedValue { $0 = $0 + duration } }
    }

    private let clock = Clock()
    private let log = CapturedLog()

    private func logger(_ limits: LogLimits = LogLimits()) -> Logger {
        let clock = clock
        return log.logger.limited(by: LogBudget(limits) { clock.now })
    }

    @Test("A flood of one kind of log line is cut, and the next line tells how many were left out")
    func oneKind() throws {
        let logger = logger()
        for _ in 0..<10_000 { logger.info("predecessor changed") }
        #expect(log.lines.count == 20)
        logger.warning("another kind")
        #expect(log.lines.count == 21)
        clock.advance(.seconds(1))
        logger.info("predecessor changed", metadata: ["chord.to": "n2"])
        let last = try #require(log.lines.last)
        #expect(last.metadata[LogKeys.omitted] == "9980")
        #expect(last.metadata["chord.to"] == "n2")
        logger.info("predecessor changed")
        #expect(log.lines.last?.metadata[LogKeys.omitted] == nil)
    }

    @Test("There are never 100 log lines in a second, whatever their kinds")
    func manyKinds() {
        let logger = logger()
        for second in 0..<5 {
            let before = log.lines.count
            for number in 0..<5000 {
                logger.error("kind \(second) \(number)")
                clock.advance(.microseconds(200))
            }
            #expect(log.lines.count - before < 100)
            #expect(log.lines.count > before)
        }
    }

    @Test("Debug lines are never left out")
    func debugging() {
        let logger = logger()
        for _ in 0..<1000 { logger.debug("asked for its state") }
        #expect(log.lines.count == 1000)
    }
}
