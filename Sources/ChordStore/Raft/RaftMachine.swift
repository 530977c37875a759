// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

// Raft as in Diego Ongaro's dissertation "Consensus: Bridging Theory and Practice" (Stanford, 2014), as a
// value. File heads name the sections. etcd raft was the model where the dissertation leaves things open.
//
// Where this differs from the dissertation, and why:
// - A vote request leaves only once the candidate's own vote, and the log that it describes, are durable. A
//   candidate that forgets both and campaigns again in the same term, with a shorter log, must not be
//   elected by the votes for the longer one.
// - Entries are applied once they are committed and durable here, so that the applied state is never
//   ahead of the log after a crash.
// - A leader steps down when it has heard of no majority for an election timeout [Ongaro 6.2], and a voter
//   asks whether it could win before it raises its term [Ongaro 9.6]. Both are always on.
// - An idle group falls silent (RaftMachine+Quiet.swift). Raft knows no silence.

/// One replica's part in its group. Inputs are its mutating methods; what is to be done comes out of
/// ``takeDirectives()``. It does no I/O and knows no clock: before each input the shell tells it the time by
/// ``advance(to:)``.
package struct RaftMachine: Hashable, Sendable {
    /// The answers to a candidate.
    struct Election: Hashable, Sendable {
        var votes: [ReplicaNumber: Bool] = [:]
    }

    /// What a replica finds on its disk when it starts.
    package struct Restored: Hashable, Sendable {
        package var hardState: HardState
        /// What the entries of the log follow.
        package var base: LogPosition
        package var entries: [LogEntry]
        /// Up to where the state machine has applied durably, and the configuration there.
        package var applied: RaftSnapshot
        /// Whether the replica has never taken part in its group, and so has promised nothing.
        package var isNew = false

        package init(
            hardState: HardState = HardState(),
            base: LogPosition,
            entries: [LogEntry] = [],
            applied: RaftSnapshot
        ) {
            self.hardState = hardState
            self.base = base
            self.entries = entries
            self.applied = applied
        }

        /// A replica that has nothing but this state: that of the group's birth, or none.
        package init(_ state: RaftSnapshot) {
            self.init(
                hardState: HardState(term: state.term, commit: state.index),
                base: state.position,
                applied: state
            )
        }
    }

    /// This replica.
    package let number: ReplicaNumber
    package let settings: RaftSettings
    /// The latest time that was told.
    package internal(set) var now: Duration

    // MARK: Durable state

    package internal(set) var term: Term
    var vote: ReplicaNumber?
    var log: RaftLog
    var configurations: ConfigurationHistory
    var persistence: PersistenceQueue

    // MARK: Volatile state

    package internal(set) var role = RaftRole.follower
    package internal(set) var leader: ReplicaNumber?
    package internal(set) var halt: RaftHalt?
    /// The highest index known to be committed.
    package internal(set) var commit: LogIndex
    /// The highest index that the shell reported as applied.
    package internal(set) var applied: LogIndex
    /// The highest index that was handed out to be applied.
    var handedToApply: LogIndex
    /// The snapshot that the shell installs; nothing is handed out to be applied meanwhile.
    var installing: RaftSnapshot?
    var election = Election()
    /// Not nil while this replica leads.
    var leadership: Leadership?
    /// Members that the shell knows to be dead: a group rests without them.
    var silentReplicas: Set<ReplicaNumber> = []
    /// Members whose death the shell would not notice: with them the group does not rest.
    var unwatchedReplicas: Set<ReplicaNumber> = []
    /// Whether this replica rests as a follower: it does not campaign.
    var isResting = false
    /// When a leader was heard of last. For an election timeout from there its voters stay loyal.
    var leaderContact: Duration?
    var electionDeadline: Duration?
    private var generator: SeededGenerator

    // MARK: Output

    var outbox: [RaftMessage] = []
    var directives: [RaftDirective] = []
    private var reportedStatus: RaftStatus
    private var reportedConfiguration: RaftConfiguration
    private var wasReportedQuiet = false
    private var isHaltReported = false

    /// A replica with what it found on its disk.
    ///
    /// - Throws: `invalidSettings`; `corrupted` where the parts of the stored state contradict each other,
    ///   as after a part was restored from an old copy.
    package init(
        number: ReplicaNumber,
        restored: Restored,
        settings: RaftSettings,
        seed: UInt64,
        now: Duration
    ) throws(StoreError) {
        try settings.validate()
        let state = restored.applied
        var hardState = restored.hardState
        // A snapshot became durable with the state; the term in which it came may not have.
        if hardState.term < state.term { hardState = HardState(term: state.term) }
        self.number = number
        self.settings = settings
        self.now = now
        term = hardState.term
        vote = hardState.vote
        log = try RaftLog(restored, term: hardState.term)
        configurations = ConfigurationHistory(base: state)
        persistence = PersistenceQueue(hardState: restored.hardState, last: log.last.index)
        if !log.contains(state.position) {
            // The state comes from a snapshot, and the replica stopped before the log was replaced too.
            guard state.index >= log.base.index, state.index >= hardState.commit else {
                throw StoreError(
                    .corrupted,
                    "the log begins after \(log.base) with entries up to \(hardState.commit) "
                        + "committed, but the state ends at \(state.position): a part of the data was "
                        + "restored from an old copy; remove the replica and let it be made anew"
                )
            }
            log = RaftLog(base: state.position)
            persistence.reset(to: state.position)
        }
        guard hardState.commit <= log.last.index else {
            throw StoreError(
                .corrupted,
                "the log ends at \(log.last), but \(hardState.commit) is committed: a part of the data "
                    + "was restored from an old copy; remove the replica and let it be made anew"
            )
        }
        applied = state.index
        handedToApply = applied
        commit = max(hardState.commit, applied)
        generator = SeededGenerator(seed: seed)
        reportedStatus = RaftStatus(role: .follower, term: term, leader: nil)
        reportedConfiguration = configurations.current
        // Before the restart this replica may have promised a leader with a lease to be loyal.
        let isLoyal = settings.isLoyalAfterRestart || settings.leaseDuration != nil
        if isLoyal, !restored.isNew { leaderContact = now }
        for entry in log.entries(after: applied, through: log.last.index, limit: .max)
        where entry.kind == .configuration {
            let configuration = try RaftConfiguration(encoded: entry.payload)
            configurations.append(configuration, at: entry.index)
        }
        reportedConfiguration = configurations.current
        resetElectionTimer()
    }

    // MARK: What it is

    /// Role, term and leader.
    package var status: RaftStatus { RaftStatus(role: role, term: term, leader: leader) }

    /// The configuration in force, committed or not.
    package var configuration: RaftConfiguration { configurations.current }

    /// The end of the log.
    package var last: LogPosition { log.last }

    /// What the entries in the log follow.
    package var base: LogPosition { log.base }

    /// Whether this replica rests, as a leader or as a follower.
    package var isQuiet: Bool { leadership.map { $0.rest == .quiet } ?? isResting }

    /// The term of an entry that the log holds; nil where it does not.
    package func term(at index: LogIndex) -> Term? { log.term(at: index) }

    var hardState: HardState { HardState(term: term, vote: vote, commit: commit) }

    // MARK: Output

    /// What is to be done since the last call. The shell begins all of it, in this order, before it feeds
    /// anything back.
    package mutating func takeDirectives() -> [RaftDirective] {
        if halt == nil {
            replicate()
            handOutPersistence()
            handOutEntriesToApply()
        }
        report()
        defer {
            directives = []
            outbox = []
        }
        return directives + outbox.map { .send($0) }
    }

    mutating func handOutPersistence() {
        let (persistence, messages) = self.persistence.handOut(hardState, log: log)
        if let persistence { directives.append(.persist(persistence)) }
        outbox += messages
    }

    private mutating func report() {
        if let halt {
            if !isHaltReported { directives.append(.halted(halt)) }
            outbox = []
            isHaltReported = true
            return
        }
        if status != reportedStatus {
            directives.append(.statusChanged(status))
            reportedStatus = status
        }
        if configuration != reportedConfiguration {
            directives.append(.configurationChanged(configuration))
            reportedConfiguration = configuration
        }
        if isQuiet != wasReportedQuiet {
            directives.append(.quietChanged(isQuiet))
            wasReportedQuiet = isQuiet
        }
    }

    // MARK: Means

    mutating func send(_ body: RaftMessage.Body, to replica: ReplicaNumber, term: Term? = nil) {
        outbox.append(message(body, to: replica, term: term))
    }

    /// Sends once everything that this replica holds now is durable.
    mutating func sendWhenPersisted(_ body: RaftMessage.Body, to replica: ReplicaNumber) {
        persistence.hold(message(body, to: replica))
    }

    private func message(
        _ body: RaftMessage.Body,
        to replica: ReplicaNumber,
        term: Term? = nil
    ) -> RaftMessage {
        RaftMessage(from: number, to: replica, term: term ?? self.term, body: body)
    }

    /// Stops for good: nothing that this replica still said could be trusted.
    mutating func stop(_ reason: RaftHalt) {
        guard halt == nil else { return }
        becomeFollower(term: term, leader: nil)
        halt = reason
    }

    /// A time between the two, drawn anew.
    mutating func random(from lower: Duration, to upper: Duration) -> Duration {
        // In microseconds, which fit: settings bound the times to an hour.
        let span = (upper - lower) / .microseconds(1)
        return lower + .microseconds(Int64(generator.below(UInt64(max(1, span)))))
    }
}
