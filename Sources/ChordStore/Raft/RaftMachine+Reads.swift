// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Reads without entries in the log [Ongaro 6.4], and by a lease [Ongaro 6.4.1].
//
// Where this differs from the dissertation, and why:
// - A lease ends when a transfer of the leadership begins, and is not extended again in the same term: the
//   message that makes the target campaign may arrive at any time.
// - A replica that restarts, with leases on, is loyal for an election timeout, as it may have promised that.
// - The lease begins when a round was sent, not when its answers came.
// - The machine knows one clock. Where that stands still while the computer is suspended, the shell says so by
//   ``RaftMachine/forgetLease()``.

/// A read that a lease is to confirm.
package struct LeaseRead: Hashable, Sendable {
    /// The read is of the state to which everything up to here is applied, or of a later one.
    package let index: LogIndex
    let term: Term
}

extension RaftMachine {
    /// Begins a read. The answer is ``RaftDirective/readsReady(_:_:)`` or ``RaftDirective/readsFailed(_:)``.
    ///
    /// - Throws: `notLeader`, `halted`.
    package mutating func read(_ id: UInt64) throws(RaftRefusal) {
        if let halt { throw .halted(halt) }
        guard leadership != nil else { throw .notLeader(leader) }
        noteActivity()
        leadership?.rounds.add(id)
        serveReads()
    }

    /// Begins a round for the reads that wait, unless one is under way. Until the first entry of the leader's
    /// own term is committed its commit index may be out of date, so that reads wait.
    mutating func serveReads() {
        guard let leadership, commit >= leadership.firstIndex, leadership.rounds.batches.isEmpty,
            !leadership.rounds.waiting.isEmpty
        else { return }
        beginRound()
    }

    /// Sends heartbeats that begin a new round.
    mutating func beginRound() {
        guard let leadership else { return }
        let mayServe = commit >= leadership.firstIndex
        self.leadership?.rounds.begin(at: now, index: mayServe ? commit : nil)
        for peer in leadership.peers {
            let heartbeat = RaftMessage.Body.heartbeat(
                round: leadership.rounds.current + 1,
                commit: min(commit, peer.match),
                acknowledged: peer.match
            )
            send(heartbeat, to: peer.replica)
        }
        confirmRounds()
    }

    /// A peer has answered a round.
    mutating func countRound(_ round: UInt64, ofPeerAt place: Int) {
        // A round that has not begun cannot be answered.
        guard let leadership, round <= leadership.rounds.current,
            round > leadership.peers[place].round
        else { return }
        self.leadership?.peers[place].round = round
        self.leadership?.peers[place].roundSent = leadership.rounds.time(of: round)
        confirmRounds()
    }

    private mutating func confirmRounds() {
        guard let leadership else { return }
        let confirmed = configuration.majority { replica in
            replica == number
                ? leadership.rounds.current : leadership.progress(of: replica)?.round ?? 0
        }
        let batches = self.leadership?.rounds.confirm(confirmed ?? 0) ?? []
        for batch in batches { directives.append(.readsReady(batch.reads, batch.index)) }
        if !batches.isEmpty { serveReads() }
    }

    // MARK: Lease

    /// Begins a read by lease; nil where there is no lease. The caller waits until everything up to the
    /// read's index is applied, reads, and only then looks at the clock and asks ``leaseHolds(at:for:)``.
    package var leaseRead: LeaseRead? {
        guard let leadership, commit >= leadership.firstIndex, leaseHolds(at: now) else {
            return nil
        }
        return LeaseRead(index: commit, term: term)
    }

    /// Whether the lease still held at a time after the row was read. Where it did not, what was read is
    /// thrown away, and the read begins again by ``read(_:)``.
    package func leaseHolds(at time: Duration, for read: LeaseRead) -> Bool {
        read.term == term && leaseHolds(at: time)
    }

    /// Ends the lease until a majority has answered a round that begins later: the clock may have stood still.
    package mutating func forgetLease() {
        guard let leadership else { return }
        self.leadership?.rounds.forgetTimes()
        for place in leadership.peers.indices { self.leadership?.peers[place].roundSent = nil }
    }

    private func leaseHolds(at time: Duration) -> Bool {
        guard let duration = settings.leaseDuration, let leadership, leadership.rest == .awake,
            !leadership.isLeaseForfeited
        else { return false }
        let never = Duration.seconds(-(1 << 40))
        let start = configuration.majority { replica in
            replica == number ? time : leadership.progress(of: replica)?.roundSent ?? never
        }
        guard let start else { return false }
        return time < start + duration
    }
}
