// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Reads without entries in the log (ReadIndex) [Ongaro 6.4].
//
// Where this differs from the dissertation, and why:
// - Rounds of heartbeats have numbers, and an answer counts for its round and those before it. Without
//   numbers a delayed or duplicated answer of an earlier round confirms a leader that has been deposed.
// - All reads that wait when a round begins share it; those that come later wait for the next one.

/// Reads that wait for a leader's confirmation, and the rounds that confirm it.
struct ConfirmationRounds: Hashable, Sendable {
    /// Reads that share a round.
    struct Batch: Hashable, Sendable {
        var round: UInt64
        var index: LogIndex
        var reads: [UInt64]
    }

    private struct Sent: Hashable, Sendable {
        var round: UInt64
        var time: Duration
    }

    /// The latest round.
    private(set) var current: UInt64 = 0
    /// Reads for which no round has begun.
    private(set) var waiting: [UInt64] = []
    /// Rounds that are not confirmed, the oldest first.
    private(set) var batches: [Batch] = []
    /// When the latest rounds were sent, the oldest first.
    private var sent: [Sent] = []

    /// How many rounds are remembered with their times: older answers extend no lease.
    private static let memory = 64

    var isEmpty: Bool { waiting.isEmpty && batches.isEmpty }

    mutating func add(_ read: UInt64) {
        waiting.append(read)
    }

    /// Begins a round. With `index`, the leader's commit index, it also serves the reads that wait.
    mutating func begin(at time: Duration, index: LogIndex?) {
        current += 1
        sent.append(Sent(round: current, time: time))
        if sent.count > Self.memory { sent.removeFirst() }
        guard let index, !waiting.isEmpty else { return }
        batches.append(Batch(round: current, index: index, reads: waiting))
        waiting = []
    }

    /// The time at which a round was sent; nil where it is forgotten.
    func time(of round: UInt64) -> Duration? {
        sent.last { $0.round <= round }?.time
    }

    /// A majority has answered this round or a later one.
    mutating func confirm(_ round: UInt64) -> [Batch] {
        let confirmed = batches.prefix { $0.round <= round }
        batches.removeFirst(confirmed.count)
        return Array(confirmed)
    }

    /// No answer extends a lease any more that was asked for before now.
    mutating func forgetTimes() {
        sent = []
    }

    /// All reads that are not confirmed.
    var unconfirmed: [UInt64] { batches.flatMap(\.reads) + waiting }
}
