// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import ChordWire
import Testing

@testable import ChordStore

@Suite("The way of a snapshot, and the rate of all", .tags(.unit))
struct SnapshotTransferTests {
    @Test("an accepted snapshot goes part by part to its end")
    func parts() {
        var transfer = SnapshotTransfer(byteCount: 10)
        #expect(transfer.offered(.accepted(resumeOffset: 0)) == .part(0, after: .zero))
        #expect(transfer.sent(from: 0, SnapshotChunkReply(nextOffset: 6)) == .part(6, after: .zero))
        #expect(transfer.sent(from: 6, SnapshotChunkReply(nextOffset: 10)) == .finish)
        #expect(transfer.finished(.installed) == .end(isComplete: true))
    }

    @Test("after a lost answer the receiver says where to go on")
    func resumes() {
        var transfer = SnapshotTransfer(byteCount: 10)
        _ = transfer.offered(.accepted(resumeOffset: 0))
        guard case .offer(let wait) = transfer.sent(from: 0, nil) else {
            Issue.record("the snapshot is not offered again")
            return
        }
        #expect(wait > .zero)
        #expect(transfer.offered(.accepted(resumeOffset: 4)) == .part(4, after: .zero))
        // A receiver that has started again has nothing.
        guard case .offer = transfer.sent(from: 4, SnapshotChunkReply(nextOffset: 0)) else {
            Issue.record("the snapshot is not offered again")
            return
        }
        #expect(transfer.offered(.accepted(resumeOffset: 0)) == .part(0, after: .zero))
    }

    @Test("a receiver that is slow is waited for")
    func waits() {
        var transfer = SnapshotTransfer(byteCount: 10)
        _ = transfer.offered(.accepted(resumeOffset: 0))
        let slow = SnapshotChunkReply(nextOffset: 0, wait: .milliseconds(50))
        #expect(transfer.sent(from: 0, slow) == .part(0, after: .milliseconds(50)))
        let next = SnapshotChunkReply(nextOffset: 5, wait: .milliseconds(20))
        #expect(transfer.sent(from: 0, next) == .part(5, after: .milliseconds(20)))
    }

    @Test("attempts without progress end, and progress gives new ones")
    func givesUp() {
        var transfer = SnapshotTransfer(byteCount: 1_000)
        for offset in UInt64(1)...100 {
            _ = transfer.offered(nil)
            _ = transfer.offered(.accepted(resumeOffset: offset))
        }
        var step = transfer.offered(nil)
        var attempts = 1
        while step != .end(isComplete: false) {
            step = transfer.offered(nil)
            attempts += 1
            guard attempts < 1_000 else { break }
        }
        #expect((10...100).contains(attempts))
    }

    @Test("a receiver that is busy for ever is given up")
    func busyForEver() {
        var transfer = SnapshotTransfer(byteCount: 10)
        var answers = 0
        while transfer.offered(.busy(wait: .seconds(1))) == .offer(after: .seconds(1)) {
            answers += 1
            guard answers < 1_000 else { break }
        }
        #expect((30...600).contains(answers))
    }

    @Test("what a receiver cannot have said ends or repeats, and never traps")
    func hostileAnswers() {
        var transfer = SnapshotTransfer(byteCount: 10)
        #expect(transfer.offered(.accepted(resumeOffset: 11)) == .end(isComplete: false))
        guard case .offer = transfer.sent(from: 0, SnapshotChunkReply(nextOffset: .max)) else {
            Issue.record("an offset beyond the end was believed")
            return
        }
        #expect(
            transfer.offered(.busy(wait: .seconds(1 << 40))) == .offer(after: .seconds(30))
        )
    }

    @Test("snapshots share the rate in the order in which they ask")
    func rate() {
        var rate = SnapshotRate(bytesPerSecond: 100)
        #expect(rate.delay(before: 50, now: .seconds(10)) == .zero)
        #expect(rate.delay(before: 50, now: .seconds(10)) == .milliseconds(500))
        #expect(rate.delay(before: 50, now: .seconds(10)) == .seconds(1))
        // Time that nobody used is not made up for.
        #expect(rate.delay(before: 50, now: .seconds(100)) == .zero)
        #expect(rate.delay(before: 50, now: .seconds(100)) == .milliseconds(500))
        var unlimited = SnapshotRate(bytesPerSecond: nil)
        for _ in 0..<10 { #expect(unlimited.delay(before: 1 << 30, now: .zero) == .zero) }
    }
}
