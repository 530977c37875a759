// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

/// Settings of the groups of a store. All times run on the caller's monotonic clock.
package struct RaftSettings: Hashable, Sendable {
    /// Time between two heartbeats of a leader. Shorter finds lost messages sooner and keeps more voters in
    /// touch, longer costs less with many groups. At most a third of `electionTimeoutMinimum`, so that a lost
    /// heartbeat or two do not begin an election.
    package var heartbeatInterval: Duration
    /// The shortest time without a leader's message after which a voter campaigns. Also the time that a voter
    /// stays loyal to a leader, and the time after which a leader without a majority steps down. Shorter
    /// replaces a dead leader sooner; longer bears slower networks and pauses.
    package var electionTimeoutMinimum: Duration
    /// The longest such time; each voter draws its own anew. A wider range makes split votes rarer and
    /// elections later.
    package var electionTimeoutMaximum: Duration
    /// How long a confirmed leader may serve reads without asking again [Ongaro 6.4.1]; nil: never. A lease
    /// saves a round trip per read. It trusts that the clocks of two replicas run at nearly the same rate; the
    /// difference between this and `electionTimeoutMinimum` is the margin for clocks that do not.
    package var leaseDuration: Duration?
    /// Whether a replica that restarts keeps the promise to a leader that it may have given before: for
    /// `electionTimeoutMinimum` it votes for no other. Leases of other replicas rely on it, whatever the replica's own
    /// `leaseDuration` is.
    package var isLoyalAfterRestart = false
    /// How long a group may be idle before it falls silent; nil: never. Shorter saves heartbeats of idle
    /// groups; longer spares groups with rare writes the waking up.
    package var quietAfter: Duration?
    /// Bytes of entries in one message, unless a single entry has more. More costs fewer messages, less
    /// delays heartbeats behind it less.
    package var messageBytes: Int
    /// Messages with entries that may be under way to one replica without its answer. More fill a long
    /// line, fewer bound what is sent in vain to a replica that has failed.
    package var windowMessages: Int
    /// Bytes of entries that may be under way to one replica. At least `messageBytes`.
    package var windowBytes: Int
    /// The largest payload of one proposal. Larger entries block the log for longer.
    package var entryBytes: Int
    /// Bytes of entries that a leader keeps uncommitted before it refuses proposals. More bears longer
    /// stalls of the followers; less bounds memory and the wait of each proposal.
    package var uncommittedBytes: Int
    /// Bytes of committed entries that are handed out before the first of them are reported as applied.
    /// More keeps a slow state machine busy, less bounds memory.
    package var applyBytes: Int

    /// Within one data centre: heartbeat 200 ms, election after 1 to 2 s.
    package static let lan = Self(
        heartbeat: .milliseconds(200),
        election: .seconds(1),
        to: .seconds(2)
    )
    /// Between continents: heartbeat 500 ms, election after 3 to 6 s.
    package static let wan = Self(
        heartbeat: .milliseconds(500),
        election: .seconds(3),
        to: .seconds(6)
    )
    /// All replicas on one machine: heartbeat 30 ms, election after 150 to 300 ms.
    package static let local = Self(
        heartbeat: .milliseconds(30),
        election: .milliseconds(150),
        to: .milliseconds(300)
    )

    private init(heartbeat: Duration, election minimum: Duration, to maximum: Duration) {
        heartbeatInterval = heartbeat
        electionTimeoutMinimum = minimum
        electionTimeoutMaximum = maximum
        quietAfter = maximum
        messageBytes = 1 << 20
        windowMessages = 64
        windowBytes = 8 << 20
        entryBytes = 1 << 20
        uncommittedBytes = 16 << 20
        applyBytes = 4 << 20
    }

    /// Checks every setting.
    ///
    /// - Throws: `invalidSettings`; the message names the first setting outside its range.
    package func validate() throws(StoreError) {
        func require(_ isValid: Bool, _ message: String) throws(StoreError) {
            guard isValid else { throw StoreError(.invalidSettings, message) }
        }
        try require(
            heartbeatInterval >= .milliseconds(1),
            "heartbeatInterval is \(heartbeatInterval), at least 1 ms is needed"
        )
        try require(
            electionTimeoutMinimum >= heartbeatInterval * 3,
            "electionTimeoutMinimum is \(electionTimeoutMinimum), at least three times "
                + "heartbeatInterval (\(heartbeatInterval)) is needed"
        )
        try require(
            electionTimeoutMaximum > electionTimeoutMinimum,
            "electionTimeoutMaximum is \(electionTimeoutMaximum), it must be longer than "
                + "electionTimeoutMinimum (\(electionTimeoutMinimum))"
        )
        try require(
            electionTimeoutMaximum <= .seconds(3600),
            "electionTimeoutMaximum is \(electionTimeoutMaximum), at most an hour is allowed"
        )
        if let leaseDuration {
            try require(
                leaseDuration > .zero && leaseDuration <= electionTimeoutMinimum * 9 / 10,
                "leaseDuration is \(leaseDuration), at most 9/10 of electionTimeoutMinimum "
                    + "(\(electionTimeoutMinimum)) is allowed: the rest is the margin for clocks"
            )
        }
        if let quietAfter {
            try require(
                quietAfter >= heartbeatInterval,
                "quietAfter is \(quietAfter), at least heartbeatInterval "
                    + "(\(heartbeatInterval)) is needed"
            )
        }
        let counts: [(String, Int, ClosedRange<Int>)] = [
            ("messageBytes", messageBytes, 1...(64 << 20)),
            ("windowMessages", windowMessages, 1...4096),
            ("windowBytes", windowBytes, max(1, messageBytes)...(1 << 30)),
            ("entryBytes", entryBytes, 1...(64 << 20)),
            ("uncommittedBytes", uncommittedBytes, 1...(1 << 32)),
            ("applyBytes", applyBytes, 1...(1 << 32)),
        ]
        for (name, value, range) in counts {
            try require(
                range.contains(value),
                "\(name) is \(value), from \(range.lowerBound) to \(range.upperBound) is allowed"
            )
        }
    }
}
