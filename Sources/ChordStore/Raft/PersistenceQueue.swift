// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Storage is asynchronous, as in etcd raft ("asynchronous storage writes"): the machine goes on while
// entries and votes are written, and holds back the messages that promise what is not durable yet.

/// What has been handed out to become durable, and the messages that wait for it.
struct PersistenceQueue: Hashable, Sendable {
    private struct Pending: Hashable, Sendable {
        var token: PersistToken
        /// The last entry that is durable once this is done. Falls when the log is truncated meanwhile.
        var through: LogIndex
        var term: Term
        var messages: [RaftMessage]
    }

    /// All entries up to this index are durable as they are in the log now.
    private(set) var persisted: LogIndex
    /// The term that is durable, with the vote in it.
    private(set) var persistedTerm: Term
    /// What was handed out last, or is on disk since the start.
    private var handed: HardState
    private var handedThrough: LogIndex
    private var reset: LogPosition?
    private var truncation: LogIndex?
    /// Messages since the last hand-out that promise something.
    private var waiting: [RaftMessage] = []
    /// In the order of the tokens.
    private var pending: [Pending] = []
    private var lastToken = PersistToken(number: 0)

    init(hardState: HardState, last: LogIndex) {
        handed = hardState
        persistedTerm = hardState.term
        handedThrough = last
        persisted = last
    }

    /// Holds a message back until everything that precedes it is durable.
    mutating func hold(_ message: RaftMessage) {
        waiting.append(message)
    }

    /// The log has been truncated: what is written of the entries after `index` counts no more.
    mutating func truncated(after index: LogIndex) {
        if handedThrough > index {
            truncation = min(truncation ?? index, index)
            handedThrough = index
        }
        persisted = min(persisted, index)
        for place in pending.indices { pending[place].through = min(pending[place].through, index) }
    }

    /// The log has been replaced by one that begins after `base`.
    mutating func reset(to base: LogPosition) {
        truncated(after: .zero)
        truncation = nil
        reset = base
        handedThrough = base.index
    }

    /// What is to become durable now, if anything, and the messages that need not wait.
    mutating func handOut(
        _ hardState: HardState,
        log: RaftLog
    ) -> (persistence: RaftPersistence?, messages: [RaftMessage]) {
        defer { waiting = [] }
        let isVoteNew = hardState.term != handed.term || hardState.vote != handed.vote
        let isLogNew = log.last.index > handedThrough || truncation != nil || reset != nil
        guard isVoteNew || isLogNew else {
            // A commit index alone is not worth a write: the leader repeats it after a restart.
            guard !pending.isEmpty else { return (nil, waiting) }
            pending[pending.count - 1].messages += waiting
            return (nil, [])
        }
        lastToken = PersistToken(number: lastToken.number + 1)
        let last = log.last.index
        let persistence = RaftPersistence(
            token: lastToken,
            hardState: hardState,
            reset: reset,
            truncateAfter: truncation,
            entries: Array(log.entries(after: handedThrough, through: last, limit: .max))
        )
        pending.append(
            Pending(token: lastToken, through: last, term: hardState.term, messages: waiting)
        )
        handed = hardState
        handedThrough = last
        reset = nil
        truncation = nil
        return (persistence, [])
    }

    /// Everything up to the token is durable.
    ///
    /// - Returns: the messages that waited for it.
    mutating func persisted(_ token: PersistToken) -> [RaftMessage] {
        precondition(token <= lastToken, "token \(token) of \(lastToken) was never handed out")
        var messages: [RaftMessage] = []
        while let first = pending.first, first.token <= token {
            persisted = max(persisted, first.through)
            persistedTerm = max(persistedTerm, first.term)
            messages += first.messages
            pending.removeFirst()
        }
        return messages
    }
}
