// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordStore

/// What has been seen of all replicas, and what must never be seen together.
struct ClusterChecks {
    typealias Violation = RaftCluster.Violation

    private struct Content: Hashable {
        var hash: UInt64
        var previous: Term?
    }

    /// The leader of each term.
    private var leaders: [Term: ReplicaNumber] = [:]
    /// Whom a replica has voted for in a term.
    private var votes: [ReplicaNumber: [Term: ReplicaNumber]] = [:]
    /// What each entry that was ever in a log holds.
    private var contents: [LogPosition: Content] = [:]
    /// The terms of the committed entries.
    var committed: [LogIndex: Term] = [:]
    /// The highest index that was committed in each term.
    var commits: [Term: LogIndex] = [:]
    /// The state after each entry.
    var states: [LogIndex: AppliedState] = [:]
    /// The highest index that any replica knew to be committed.
    var maximumCommit = LogIndex.zero
    /// The highest index whose command was acknowledged to its client.
    var acknowledged = LogIndex.zero
    /// What each read that waits must at least see.
    private var reads: [UInt64: LogIndex] = [:]
    /// Commits since everything works again.
    var committedAfterHealing = 0
    /// How often things happened, so that a run can be told from one without content.
    var tally = Tally()

    struct Tally {
        var leaders = 0
        var reads = 0
        var leaseReads = 0
        var commits = 0
        var snapshots = 0
        var quiet = 0
    }

    // MARK: Elections

    mutating func sent(_ message: RaftMessage) throws {
        switch message.body {
        case .voteReply(isGranted: true): try vote(of: message.from, for: message.to, message.term)
        case .vote: try vote(of: message.from, for: message.from, message.term)
        case .snapshot: tally.snapshots += 1
        default: break
        }
    }

    private mutating func vote(
        of voter: ReplicaNumber,
        for candidate: ReplicaNumber,
        _ term: Term
    ) throws {
        if let former = votes[voter]?[term], former != candidate {
            throw Violation(
                property: "one vote",
                details: "\(voter) votes for \(former) and \(candidate) in term \(term)"
            )
        }
        votes[voter, default: [:]][term] = candidate
    }

    /// A replica leads.
    ///
    /// - Returns: whether that is new.
    mutating func leads(_ machine: RaftMachine) throws -> Bool {
        if let leader = leaders[machine.term] {
            guard leader == machine.number else {
                throw Violation(
                    property: "election safety",
                    details: "\(leader) and \(machine.number) lead in term \(machine.term)"
                )
            }
            return false
        }
        leaders[machine.term] = machine.number
        tally.leaders += 1
        // A leader of an older term may be elected late, when a newer one has committed entries.
        for (term, index) in commits.sorted(by: { $0.key < $1.key })
        where term < machine.term && machine.base.index <= index {
            guard machine.term(at: index) == committed[index] else {
                throw Violation(
                    property: "leader completeness",
                    details:
                        "\(machine.number) leads in term \(machine.term) without entry \(index), "
                        + "which was committed in term \(term)"
                )
            }
        }
        return true
    }

    // MARK: Logs

    mutating func written(_ persistence: RaftPersistence, by machine: RaftMachine?) throws {
        guard let first = persistence.entries.first, let machine else { return }
        var previous = first.index.predecessor.flatMap { machine.term(at: $0) }
        for entry in persistence.entries {
            let position = LogPosition(index: entry.index, term: entry.term)
            let content = Content(hash: contentHash(of: entry), previous: previous)
            if let known = contents[position], known != content {
                throw Violation(
                    property: "log matching",
                    details:
                        "entry \(position) of \(machine.number) differs from that of another log"
                )
            }
            contents[position] = content
            previous = entry.term
        }
    }

    // MARK: Commits

    /// A replica knows that an entry is committed.
    mutating func commits(_ position: LogPosition, at replica: ReplicaNumber) throws {
        if let term = committed[position.index], term != position.term {
            throw Violation(
                property: "state machine safety",
                details:
                    "entry \(position.index) is committed with term \(term), and at \(replica) with "
                    + "term \(position.term)"
            )
        }
        committed[position.index] = position.term
    }

    mutating func applied(_ state: AppliedState) throws {
        if let known = states[state.index], known != state {
            throw Violation(
                property: "state machine safety",
                details: "the states after entry \(state.index) differ"
            )
        }
        states[state.index] = state
    }

    // MARK: Reads

    mutating func asked(_ read: UInt64) {
        reads[read] = maximumCommit
    }

    mutating func failed(_ failed: [UInt64]) {
        for read in failed { reads[read] = nil }
    }

    mutating func ready(_ ready: [UInt64], at index: LogIndex) throws {
        for read in ready {
            guard let floor = reads.removeValue(forKey: read) else {
                throw Violation(property: "reads", details: "read \(read) is answered twice")
            }
            tally.reads += 1
            guard index >= floor else {
                throw Violation(
                    property: "linearizability",
                    details: "a read at \(index) began when \(floor) was committed"
                )
            }
        }
    }

    mutating func leaseRead(seen: LogIndex, floor: LogIndex) throws {
        tally.leaseReads += 1
        guard seen >= floor else {
            throw Violation(
                property: "linearizability",
                details: "a read by lease at \(seen) began when \(floor) was acknowledged"
            )
        }
    }
}

extension RaftCluster {
    /// Checks a replica after an input.
    mutating func check(_ place: Int) throws {
        guard let machine = nodes[place].machine else { return }
        if machine.role == .leader {
            let isNew = try checks.leads(machine)
            if isNew, !isHealed { mayStrike(place, perMille: options.strikesLeaders) }
            if let seen = nodes[place].seenLeading, !isNew, seen.term == machine.term,
                machine.last.index < seen.index
            {
                throw Violation(
                    property: "leader append-only",
                    details:
                        "the log of \(machine.number) shrank from \(seen.index) to \(machine.last)"
                )
            }
            nodes[place].seenLeading = LogPosition(index: machine.last.index, term: machine.term)
            if machine.isQuiet { checks.tally.quiet += 1 }
        }
        if machine.term > nodes[place].seenTerm {
            nodes[place].seenTerm = machine.term
            if !isHealed { mayStrike(place, perMille: options.strikesLeaders / 3) }
        }
        var index = max(nodes[place].seenCommit, machine.base.index)
        while index < machine.commit {
            index = index.successor
            guard let term = machine.term(at: index) else { continue }
            try checks.commits(LogPosition(index: index, term: term), at: machine.number)
        }
        nodes[place].seenCommit = max(nodes[place].seenCommit, machine.commit)
        if machine.commit > checks.maximumCommit {
            checks.maximumCommit = machine.commit
            checks.commits[machine.term] = machine.commit
            checks.tally.commits += 1
            if isHealed { checks.committedAfterHealing += 1 }
            try checkDurability(machine)
        }
    }

    /// What was just committed is durable at a majority, and no voter without it could be elected: the
    /// argument of the proof of leader completeness [Ongaro 3.6.3], taken as a property of the state.
    private func checkDurability(_ machine: RaftMachine) throws {
        guard let term = machine.term(at: machine.commit) else { return }
        let position = LogPosition(index: machine.commit, term: term)
        let isDurable = isMajority(machine.configuration) { nodes[$0].disk.holds(position) }
        guard isDurable else {
            throw Violation(
                property: "durability",
                details:
                    "\(machine.number) commits \(position), which is not durable at a majority of "
                    + "\(machine.configuration)"
            )
        }
        for node in nodes {
            guard let candidate = node.machine, candidate.base.index <= position.index,
                candidate.term(at: position.index) != term,
                candidate.configuration.isVoter(candidate.number)
            else { continue }
            let isElectable = isMajority(candidate.configuration) {
                nodes[$0].disk.last <= candidate.last
            }
            guard !isElectable else {
                throw Violation(
                    property: "leader completeness",
                    details: "\(candidate.number) could be elected without \(position), which "
                        + "\(machine.number) has committed in term \(machine.term)"
                )
            }
        }
    }

    /// Whether the predicate holds for a majority of the voters; of both majorities of a joint configuration.
    private func isMajority(
        _ configuration: RaftConfiguration,
        _ predicate: (Int) -> Bool
    ) -> Bool {
        [configuration.voters, configuration.outgoing].allSatisfy { voters in
            let count = voters.count { predicate(Int($0.number) - 1) }
            return voters.isEmpty || count > voters.count / 2
        }
    }
}
