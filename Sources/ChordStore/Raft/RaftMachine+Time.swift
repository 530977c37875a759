// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

extension RaftMachine {
    /// The time at which ``advance(to:)`` has something to do; nil where only other inputs do.
    package var nextDeadline: Duration? {
        guard halt == nil else { return nil }
        guard let leadership else { return electionDeadline }
        guard leadership.rest != .quiet else { return nil }
        return [leadership.heartbeatDeadline, quorumDeadline, leadership.transfer?.deadline]
            .compactMap(\.self).min()
    }

    /// Tells the time, a monotonic clock's. The shell does so before every other input, except those for which
    /// ``note(_:)`` is enough, and when ``nextDeadline`` has come. A time before the latest one changes nothing.
    package mutating func advance(to time: Duration) {
        note(time)
        guard halt == nil else { return }
        if leadership != nil {
            leaderTimePassed()
        } else if let electionDeadline, electionDeadline <= now {
            campaign()
        }
    }

    /// Tells the time of an input that follows another one before the outcome of that was taken. The next
    /// ``advance(to:)`` looks at deadlines.
    package mutating func note(_ time: Duration) {
        now = max(now, time)
    }

    private mutating func leaderTimePassed() {
        guard leadership?.rest != .quiet else { return }
        if let deadline = quorumDeadline, deadline <= now {
            // No majority has been heard of for an election timeout [Ongaro 6.2].
            becomeFollower(term: term, leader: nil)
            return
        }
        if let transfer = leadership?.transfer, transfer.deadline <= now { abortTransfer(transfer) }
        if let deadline = leadership?.heartbeatDeadline, deadline <= now {
            leadership?.heartbeatDeadline = now + settings.heartbeatInterval
            seekQuiet()
            if case .agreeing? = leadership?.rest { askForQuiet() } else { beginRound() }
        }
    }

    /// The time at which a leader without further answers has lost its majority.
    var quorumDeadline: Duration? {
        guard let leadership else { return nil }
        let heard = configuration.majority { replica in
            if replica == number { return now }
            let lastHeard = leadership.progress(of: replica)?.lastHeard
            return max(leadership.awakeSince, lastHeard ?? leadership.awakeSince)
        }
        return heard.map { $0 + settings.electionTimeoutMinimum }
    }

    /// Whether this replica starts elections. One that its latest configuration does not name does so too until that
    /// configuration is committed: the log that it holds may be needed [Ongaro 4.2.2]. It does not count itself.
    var mayCampaign: Bool { configurations.isVoter(number, sinceCommit: commit) }

    /// Draws the time at which this replica campaigns unless it hears of a leader.
    mutating func resetElectionTimer() {
        electionDeadline =
            mayCampaign && !isResting
            ? now
                + random(
                    from: settings.electionTimeoutMinimum,
                    to: settings.electionTimeoutMaximum
                )
            : nil
    }
}
