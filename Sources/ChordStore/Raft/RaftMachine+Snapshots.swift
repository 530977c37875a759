// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// Snapshots [Ongaro 5]. A message carries what a snapshot is about; its data go outside of the machine.

extension RaftMachine {
    // MARK: Sending

    /// The entries that a peer needs are gone.
    mutating func askForSnapshot(toPeerAt place: Int) {
        guard let peer = leadership?.peers[place] else { return }
        // Nobody makes a snapshot for a replica that does not answer.
        guard let heard = peer.lastHeard, now < heard + settings.electionTimeoutMinimum else {
            leadership?.peers[place].sentWithoutEntries()
            return
        }
        leadership?.peers[place].awaitSnapshot()
        directives.append(.needsSnapshot(peer.replica))
    }

    /// The shell has made a snapshot of the applied state for a replica, and streams its data once it has
    /// sent the message.
    ///
    /// - Throws: `noSnapshotNeeded` where the replica has no use for it any more.
    package mutating func sendSnapshot(
        to replica: ReplicaNumber,
        at index: LogIndex
    ) throws(RaftRefusal) {
        if let halt { throw .halted(halt) }
        guard let leadership else { throw .notLeader(leader) }
        guard let place = leadership.place(of: replica),
            case .snapshot = leadership.peers[place].state, let term = log.term(at: index),
            let configuration = configurations.configuration(at: index), index <= applied
        else { throw .noSnapshotNeeded(replica) }
        self.leadership?.peers[place].sendSnapshot(at: index)
        let snapshot = RaftSnapshot(index: index, term: term, configuration: configuration)
        send(.snapshot(snapshot), to: replica)
    }

    /// The stream of a snapshot has ended. Where it is not complete, or the snapshot was not made, the leader
    /// finds out again what the replica needs.
    package mutating func snapshotSent(to replica: ReplicaNumber, isComplete: Bool) {
        guard let place = leadership?.place(of: replica) else { return }
        leadership?.peers[place].snapshotSent(isComplete: isComplete)
    }

    // MARK: Receiving

    mutating func receiveSnapshot(_ snapshot: RaftSnapshot, from sender: ReplicaNumber) {
        if snapshot.index <= commit {
            accept(through: commit, from: sender)
        } else if log.contains(snapshot.position) {
            commitAsFollower(through: snapshot.index)
            accept(through: snapshot.index, from: sender)
        } else if installing == nil {
            installing = snapshot
            directives.append(.installSnapshot(snapshot, from: sender))
        }
    }

    /// The state machine holds the snapshot, durably.
    package mutating func snapshotInstalled(_ snapshot: RaftSnapshot) {
        precondition(snapshot == installing, "\(snapshot) was not to be installed")
        installing = nil
        guard halt == nil else { return }
        if log.contains(snapshot.position) {
            // What follows the snapshot stays [Ongaro 5.3]. The queue takes entries from the log.
            handOutPersistence()
            configurations.compact(through: snapshot.index)
            log.compact(through: snapshot.index)
        } else if snapshot.index <= commit || leadership != nil {
            // Whoever commits or leads holds every committed entry.
            stop(.committedEntryDiffers(snapshot.index))
            return
        } else {
            if role != .follower { becomeFollower(term: term, leader: nil) }
            log = RaftLog(base: snapshot.position)
            configurations = ConfigurationHistory(base: snapshot)
            persistence.reset(to: snapshot.position)
        }
        commit = max(commit, snapshot.index)
        applied = max(applied, snapshot.index)
        handedToApply = max(handedToApply, snapshot.index)
        configurationTookEffect()
        if leadership == nil, let leader { accept(through: snapshot.index, from: leader) }
    }

    /// The snapshot did not come whole, or could not be installed: the state is as it was.
    package mutating func snapshotAbandoned() {
        installing = nil
    }
}
