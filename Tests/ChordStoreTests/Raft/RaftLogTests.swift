// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordStore

@Suite(.tags(.unit)) struct RaftLogTests {
    /// A log after entry 10 of term 2, with entries of these terms.
    private func log(_ terms: UInt64...) -> RaftLog {
        var log = RaftLog(base: LogPosition(index: LogIndex(10), term: Term(2)))
        for term in terms {
            log.append(
                LogEntry(term: Term(term), index: log.last.index.successor, payload: [1, 2, 3, 4])
            )
        }
        return log
    }

    @Test func entriesFillAMessageAndAreAtLeastOne() {
        let log = log(2, 3, 3, 5)
        let size = LogEntry.overhead + 4
        func indices(after index: UInt64, through end: UInt64, bytes: Int) -> [UInt64] {
            log.entries(after: LogIndex(index), through: LogIndex(end), limit: bytes)
                .map(\.index.number)
        }
        #expect(indices(after: 10, through: 14, bytes: 1) == [11])
        #expect(indices(after: 10, through: 14, bytes: 2 * size) == [11, 12])
        #expect(indices(after: 12, through: 13, bytes: .max) == [13])
        #expect(indices(after: 14, through: 20, bytes: .max) == [])
        #expect(indices(after: 9, through: 14, bytes: .max) == [])
        #expect(log.size(after: .zero, through: LogIndex(12)) == 2 * size)
    }

    @Test func aHintSkipsWholeTerms() {
        let log = log(2, 3, 3, 5)
        func hint(_ index: UInt64, _ term: UInt64) -> String {
            log.lastPosition(notAfter: LogIndex(index), termAtMost: Term(term)).description
        }
        #expect(hint(14, 5) == "14@5")
        #expect(hint(14, 4) == "13@3")
        #expect(hint(12, 4) == "12@3")
        #expect(hint(13, 2) == "11@2")
        #expect(hint(10, 9) == "10@2")
        #expect(hint(14, 1) == "9@0")
        #expect(hint(4, 9) == "4@0")
        #expect(hint(.max, 9) == "14@5")
    }

    @Test func compactingAndTruncatingKeepTheRest() {
        var log = log(2, 3, 3, 5)
        log.compact(through: LogIndex(12))
        #expect(log.base == LogPosition(index: LogIndex(12), term: Term(3)))
        #expect(log.term(at: LogIndex(11)) == nil)
        #expect(log.term(at: LogIndex(13)) == Term(3))
        log.truncate(after: LogIndex(13))
        #expect(log.last == LogPosition(index: LogIndex(13), term: Term(3)))
        log.truncate(after: .zero)
        #expect(log.last == log.base)
    }
}
