// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

// Groups that rest send nothing, so a member's death is noticed for all of them together: each node sends a call
// in every heartbeat interval to each node with which it shares a range. CockroachDB calls this store liveness.
//
// - A call proves that the process with its number of starts ran. A process that has restarted has forgotten
//   that its groups rest, so a new number counts as a death and a return.
// - A node may only vouch for itself: the name in the certificate must be that of the replica's node.
// - What is judged is silence on the way here. A node whose calls arrive lives, whether or not ours reach it.

/// What a node knows about the processes of the nodes with which it shares ranges.
struct NodeLiveness: Hashable, Sendable {
    /// What another node can be counted on for.
    enum State: Hashable, Sendable {
        /// It lives, and its death would be noticed.
        case watched
        /// It has not been heard of for ``NodeLiveness/timeout``.
        case missing
        /// It lives, and it does not promise heartbeats: it is of a version that does not know them, or has not
        /// called yet. Its death would not be noticed.
        case unwatched
    }

    private struct Peer: Hashable, Sendable {
        var member: StoreMember
        /// When it was heard of last; before that, when the watch began.
        var heard: Duration
        var wasHeard = false
        /// The number of starts of its process; nil before it was heard of.
        var starts: UInt64?
        var sendsHeartbeats = false
        var isMissing = false
        /// It was given more time since it was heard of, because this process had stood still.
        var wasSpared = false
        /// When the last call to it left.
        var called: Duration?
    }

    /// Time between two calls to a node.
    let interval: Duration
    /// How long a node may be silent before it counts as missing.
    let timeout: Duration
    private var peers: [DiskID: Peer] = [:]
    private var lastTick: Duration?

    init(_ settings: RaftSettings) {
        interval = settings.heartbeatInterval
        timeout = settings.electionTimeoutMinimum
    }

    // MARK: Watched nodes

    /// Sets the nodes that share a range with this one.
    mutating func watch(_ members: [StoreMember], now: Duration) {
        var former = peers
        peers = [:]
        for member in members {
            var peer = former.removeValue(forKey: member.disk) ?? Peer(member: member, heard: now)
            if peer.member.node != member.node { peer = Peer(member: member, heard: now) }
            peer.member = member
            peers[member.disk] = peer
        }
    }

    /// What is known of the node with a disk.
    func state(of disk: DiskID) -> State {
        guard let peer = peers[disk] else { return .unwatched }
        if peer.isMissing { return .missing }
        return peer.sendsHeartbeats ? .watched : .unwatched
    }

    /// When the node with a disk was heard of last; nil if it never was.
    func heard(_ disk: DiskID) -> Duration? {
        peers[disk].flatMap { $0.wasHeard ? $0.heard : nil }
    }

    /// The name of a watched node whose disk this is and that fulfils a condition.
    func name(with disk: DiskID, where isRight: (StoreMember) -> Bool) -> String? {
        peers[disk].flatMap { isRight($0.member) ? $0.member.node : nil }
    }

    // MARK: Inputs

    /// What a sign of life means for the groups shared with a node.
    enum News: Hashable, Sendable {
        case none
        /// The node was missing, or has begun to promise heartbeats.
        case returned
        /// Another process of the node has been heard of than before.
        case restarted
    }

    /// A node has been heard of.
    ///
    /// - Parameters:
    ///   - node: the name that its certificate proves.
    ///   - starts: the number of starts of its process.
    ///   - sendsHeartbeats: whether it promises heartbeats; nil where the message does not say.
    ///   - time: a time at which the process was running.
    mutating func heard(
        _ disk: DiskID,
        node: String,
        starts: UInt64,
        sendsHeartbeats: Bool?,
        at time: Duration
    ) -> News {
        guard var peer = peers[disk], peer.member.node == node else { return .none }
        let former = peer.starts
        if let former, starts < former, !peer.isMissing {
            // A late message of a process that has ended. Where nothing else comes, the number itself went back:
            // the disk was restored.
            return .none
        }
        let isOther = former != nil && former != starts
        if isOther { peer.sendsHeartbeats = false }
        let hadPromised = peer.sendsHeartbeats
        if let sendsHeartbeats { peer.sendsHeartbeats = sendsHeartbeats }
        // An answer to a call that left long ago is no news.
        let isRecent = time >= peer.heard
        let wasMissing = peer.isMissing
        if isRecent {
            peer.heard = time
            peer.isMissing = false
            peer.wasSpared = false
        }
        peer.wasHeard = true
        peer.starts = starts
        peers[disk] = peer
        if isOther { return .restarted }
        return wasMissing && isRecent || hadPromised != peer.sendsHeartbeats ? .returned : .none
    }

    /// A call to a node has left.
    mutating func called(_ disk: DiskID, now: Duration) {
        peers[disk]?.called = now
    }

    /// Time has passed; called once in each interval.
    ///
    /// - Returns: the nodes that are to be called now, and the disks of those that have become missing.
    mutating func tick(now: Duration) -> (due: [StoreMember], missing: [DiskID]) {
        let pause = lastTick.map { now - $0 } ?? .zero
        lastTick = now
        var due: [StoreMember] = []
        var missing: [DiskID] = []
        for disk in peers.keys.sorted() {
            guard var peer = peers[disk] else { continue }
            // Calls that came while this process stood still have not been looked at yet.
            if pause > timeout / 2, !peer.isMissing, !peer.wasSpared {
                peer.heard = max(peer.heard, now - interval)
                peer.wasSpared = true
            }
            if !peer.isMissing, now - peer.heard >= timeout {
                peer.isMissing = true
                missing.append(disk)
            }
            peers[disk] = peer
            // A call of half an interval ago is not old enough for another one.
            if peer.called.map({ now - $0 >= interval / 2 }) ?? true { due.append(peer.member) }
        }
        return (due, missing)
    }
}
