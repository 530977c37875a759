// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordWire

/// The way of one snapshot from offer to end, without its bytes: a state machine that takes the receiver's answers.
///
/// What is lost is sent again: an offer of the same snapshot asks the receiver how far it has come.
struct SnapshotTransfer {
    enum Step: Hashable, Sendable {
        /// Offer the snapshot, after a time.
        case offer(after: Duration)
        /// Send the part that begins here, after a time.
        case part(UInt64, after: Duration)
        case finish
        case end(isComplete: Bool)
    }

    /// Attempts without progress until the sender gives up, and the leader looks anew at what the receiver needs.
    private static let attempts = 20
    /// How often a receiver may be busy with others. A copy that waits longer is stale, and the leader keeps all
    /// of its log for it.
    private static let busyAnswers = 60
    /// Time until a call that failed is tried again.
    private static let pause: Duration = .milliseconds(500)
    private static let longestPause: Duration = .seconds(30)

    let byteCount: UInt64
    private var attemptsLeft = Self.attempts
    private var busyAnswersLeft = Self.busyAnswers
    /// The receiver's progress.
    private var furthest: UInt64 = 0

    init(byteCount: UInt64) {
        self.byteCount = byteCount
    }

    /// The receiver has answered an offer; nil if it has not.
    mutating func offered(_ reply: SnapshotOfferReply?) -> Step {
        switch reply {
        case .accepted(let offset) where offset <= byteCount:
            note(offset)
            return next(from: offset)
        case .busy(let wait):
            guard busyAnswersLeft > 0 else { return .end(isComplete: false) }
            busyAnswersLeft -= 1
            return .offer(after: min(wait, Self.longestPause))
        case nil: return again()
        case .notNeeded: return .end(isComplete: true)
        case .accepted, .overlaps, .noRoom, .removed, .unknownFormat:
            return .end(isComplete: false)
        }
    }

    /// The receiver has answered a part; nil if it has not.
    mutating func sent(from offset: UInt64, _ reply: SnapshotChunkReply?) -> Step {
        // The receiver has lost what it had, or an answer was lost: the offer tells where to go on.
        guard let reply, reply.nextOffset <= byteCount else { return again() }
        if reply.nextOffset > offset {
            note(reply.nextOffset)
            return next(from: reply.nextOffset, after: reply.wait)
        }
        guard reply.nextOffset == offset, reply.wait > .zero, spend() else { return again() }
        return next(from: offset, after: reply.wait)
    }

    /// The receiver has answered the end; nil if it has not.
    mutating func finished(_ reply: SnapshotFinishReply?) -> Step {
        switch reply {
        case .installed: .end(isComplete: true)
        case .failed: .end(isComplete: false)
        case nil: again()
        }
    }

    private func next(from offset: UInt64, after wait: Duration = .zero) -> Step {
        offset == byteCount ? .finish : .part(offset, after: min(wait, Self.longestPause))
    }

    /// Progress gives new attempts.
    private mutating func note(_ offset: UInt64) {
        guard offset > furthest else { return }
        furthest = offset
        attemptsLeft = Self.attempts
    }

    private mutating func spend() -> Bool {
        attemptsLeft -= 1
        return attemptsLeft > 0
    }

    private mutating func again() -> Step {
        spend() ? .offer(after: Self.pause) : .end(isComplete: false)
    }
}
