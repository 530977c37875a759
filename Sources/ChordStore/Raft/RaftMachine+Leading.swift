// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// How a leader replicates and commits [Ongaro 3.5, 3.6.2], with pipelines [Ongaro 10.2.1]: entries are sent
// while they are written here [Ongaro 10.2.1], and without waiting for earlier answers [Ongaro 10.2.2].

extension RaftMachine {
    /// Appends a command to the log.
    ///
    /// - Returns: the entry's place. The command is decided when an entry is applied there: it is the
    ///   command if its term is this one, and another replica's if not.
    /// - Throws: why it is not taken. Nothing happened then.
    package mutating func propose(_ payload: [UInt8]) throws(RaftRefusal) -> LogPosition {
        if let halt { throw .halted(halt) }
        guard let leadership else { throw .notLeader(leader) }
        if leadership.transfer != nil { throw .transferring }
        guard payload.count <= settings.entryBytes else {
            throw .entryTooLarge(limit: settings.entryBytes)
        }
        guard hasNumbersLeft else { throw .logExhausted }
        // A single entry is always allowed, however small the limit.
        let size = LogEntry.overhead + payload.count
        if leadership.uncommittedBytes > 0,
            leadership.uncommittedBytes + size > settings.uncommittedBytes
        {
            throw .tooMuchUncommitted
        }
        noteActivity()
        appendAsLeader(.normal, payload)
        return log.last
    }

    mutating func appendAsLeader(_ kind: LogEntry.Kind, _ payload: [UInt8]) {
        let entry = LogEntry(
            term: term,
            index: log.last.index.successor,
            kind: kind,
            payload: payload
        )
        leadership?.uncommittedBytes += entry.size
        appendToLog(entry)
    }

    // MARK: Sending

    /// Sends to each member what it lacks and may be sent, then does what had to wait for that.
    mutating func replicate() {
        for place in (leadership?.peers ?? []).indices {
            while sendAppend(toPeerAt: place) {}
        }
        // A removed leader must have told the others that its removal is committed.
        if isRemovedLeader { resign() }
    }

    /// - Parameter isForced: whether to send although there is no news.
    /// - Returns: whether entries were sent, so that there may be more.
    @discardableResult
    private mutating func sendAppend(toPeerAt place: Int, isForced: Bool = false) -> Bool {
        guard let peer = leadership?.peers[place], let previous = peer.next.predecessor else {
            return false
        }
        let isOpen = peer.mayReceive(settings)
        // A full window may have been lost as a whole: a message without entries finds out.
        guard isOpen || isForced && peer.state == .replicate else { return false }
        guard let previousTerm = log.term(at: previous) else {
            askForSnapshot(toPeerAt: place)
            return false
        }
        let entries =
            isOpen
            ? log.entries(
                after: previous,
                through: log.last.index,
                limit: settings.messageBytes
            ) : []
        let isProbe = peer.state != .replicate
        guard !entries.isEmpty || isProbe || isForced || peer.sentCommit < commit else {
            return false
        }
        let append = RaftAppend(
            previous: LogPosition(index: previous, term: previousTerm),
            entries: Array(entries),
            commit: commit,
            acknowledged: peer.match
        )
        send(.append(append), to: peer.replica)
        leadership?.peers[place].sentCommit = commit
        if let last = entries.last {
            let bytes = entries.reduce(0) { $0 + $1.size }
            leadership?.peers[place].sent(through: last.index, bytes: bytes)
        } else {
            leadership?.peers[place].sentWithoutEntries()
        }
        return !entries.isEmpty
    }

    // MARK: Answers

    mutating func receiveAccepted(_ index: LogIndex, from sender: ReplicaNumber) {
        // An index beyond the log was never sent.
        guard let place = leadership?.place(of: sender), index <= log.last.index else { return }
        leadership?.peers[place].acknowledged(index, base: log.base.index)
        commitAsLeader()
        tellTransferTarget()
    }

    mutating func receiveRejected(_ rejection: RaftRejection, from sender: ReplicaNumber) {
        guard let place = leadership?.place(of: sender) else { return }
        let hint = log.lastPosition(
            notAfter: min(rejection.hint.index, log.last.index),
            termAtMost: rejection.hint.term
        )
        _ = leadership?.peers[place].rejected(after: rejection.previous, retryAfter: hint.index)
    }

    mutating func receiveHeartbeatReply(_ round: UInt64, from sender: ReplicaNumber) {
        guard let place = leadership?.place(of: sender) else { return }
        countRound(round, ofPeerAt: place)
        leadership?.peers[place].resume()
        // Messages may have been lost: an append without entries finds out.
        if let peer = leadership?.peers[place], peer.match < log.last.index {
            sendAppend(toPeerAt: place, isForced: true)
        }
    }

    // MARK: Committing

    /// Commits what a majority holds durably, if it is of this term [Ongaro 3.6.2].
    mutating func commitAsLeader() {
        guard let leadership else { return }
        let decided = configuration.majority { replica in
            replica == number
                ? persistence.persisted : leadership.progress(of: replica)?.match ?? .zero
        }
        guard let decided, decided > commit, log.term(at: decided) == term else { return }
        let size = log.size(after: commit, through: decided)
        self.leadership?.uncommittedBytes = max(0, leadership.uncommittedBytes - size)
        commit = decided
        leaveJointConfiguration()
        serveReads()
    }
}
