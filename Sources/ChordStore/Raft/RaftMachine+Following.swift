// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// How a follower takes entries [Ongaro 3.5].

extension RaftMachine {
    mutating func receiveAppend(_ append: RaftAppend, from sender: ReplicaNumber) {
        guard holds(acknowledged: append.acknowledged) else { return }
        let previous = append.previous
        if previous.index < commit {
            // What is committed equals the leader's log: the message is late, or a probe too far back.
            accept(through: commit, from: sender)
            return
        }
        guard log.contains(previous) else {
            reject(previous, from: sender)
            return
        }
        for (place, entry) in append.entries.enumerated() {
            if log.contains(LogPosition(index: entry.index, term: entry.term)) { continue }
            if entry.index <= commit {
                stop(.committedEntryDiffers(entry.index))
                return
            }
            truncate(after: previous.index.adding(place) ?? previous.index)
            append.entries[place...].forEach { appendToLog($0) }
            break
        }
        let last = append.entries.last?.index ?? previous.index
        commitAsFollower(through: min(append.commit, last))
        accept(through: last, from: sender)
    }

    /// Whether the log holds what the leader has seen this replica acknowledge in this term. Where it does
    /// not, the replica stops: its data were restored from an old copy.
    mutating func holds(acknowledged index: LogIndex) -> Bool {
        guard log.last.index < index else { return true }
        stop(.lostAcknowledged(index, last: log.last.index))
        return false
    }

    /// The acknowledgement is a promise: it leaves once the entries are durable.
    mutating func accept(through index: LogIndex, from sender: ReplicaNumber) {
        sendWhenPersisted(.appendAccepted(index), to: sender)
    }

    /// Names the last place where the logs may be equal, so that the leader skips whole terms: the fast
    /// back-off of etcd raft, finer than that of [Ongaro 3.5].
    private mutating func reject(_ previous: LogPosition, from sender: ReplicaNumber) {
        let hint = log.lastPosition(
            notAfter: min(previous.index, log.last.index),
            termAtMost: previous.term
        )
        send(
            .appendRejected(RaftRejection(previous: previous.index, hint: hint)),
            to: sender
        )
    }

    // MARK: The log, of followers and leaders

    /// A configuration is in force from the moment that its entry is in the log [Ongaro 4.1].
    mutating func appendToLog(_ entry: LogEntry) {
        log.append(entry)
        guard entry.kind == .configuration else { return }
        // Whatever is appended was checked when it came, or was made here.
        guard let configuration = try? RaftConfiguration(encoded: entry.payload) else {
            preconditionFailure("entry \(entry.index) holds no configuration")
        }
        configurations.append(configuration, at: entry.index)
        configurationTookEffect()
    }

    private mutating func truncate(after index: LogIndex) {
        guard log.last.index > index else { return }
        log.truncate(after: index)
        persistence.truncated(after: index)
        configurations.truncate(after: index)
        configurationTookEffect()
    }

    /// A leader sends to all members; only voters campaign.
    mutating func configurationTookEffect() {
        if leadership != nil {
            let others = configuration.members.filter { $0 != number }
            let last = log.last.index
            leadership?.setPeers(others, next: last)
        } else if mayCampaign != (electionDeadline != nil) {
            resetElectionTimer()
        }
    }

    // MARK: Committing

    mutating func commitAsFollower(through index: LogIndex) {
        commit = max(commit, min(index, log.last.index))
    }

    /// Hands out what is committed and durable here, as long as not too much is unreported.
    mutating func handOutEntriesToApply() {
        guard installing == nil else { return }
        let end = min(commit, persistence.persisted)
        while handedToApply < end {
            let bytes = settings.applyBytes - log.size(after: applied, through: handedToApply)
            guard bytes > 0 else { return }
            let entries = log.entries(after: handedToApply, through: end, limit: bytes)
            guard let last = entries.last else {
                preconditionFailure(
                    "entry \(handedToApply) is handed out, the log begins at \(log.base)"
                )
            }
            directives.append(.apply(Array(entries)))
            handedToApply = last.index
        }
    }

    /// The shell has applied everything up to an index that was handed out.
    package mutating func applied(through index: LogIndex) {
        precondition(index <= handedToApply, "\(index) applied of \(handedToApply) handed out")
        applied = max(applied, index)
    }

    /// Forgets the entries up to an index whose effect the applied state holds durably. Replicas that need
    /// them afterwards are sent a snapshot.
    package mutating func compact(through index: LogIndex) {
        precondition(index <= applied, "\(index) compacted of \(applied) applied")
        guard index > log.base.index else { return }
        configurations.compact(through: index)
        log.compact(through: index)
    }
}
