// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What only a leader has.
struct Leadership: Hashable, Sendable {
    /// A transfer of the leadership under way [Ongaro 3.10].
    struct Transfer: Hashable, Sendable {
        var target: ReplicaNumber
        var deadline: Duration
        /// Whether the target was told to campaign.
        var isTold = false
    }

    /// How far the group is on its way into silence.
    enum Rest: Hashable, Sendable {
        case awake
        /// The members are being asked; these have agreed.
        case agreeing(Set<ReplicaNumber>)
        case quiet
    }

    /// The first entry of the leader's own term. Nothing is decided before it is committed.
    let firstIndex: LogIndex
    /// When the leadership, or the time after its last rest, began.
    var awakeSince: Duration
    /// All other members, in order.
    var peers: [ReplicaProgress] = []
    /// The bytes of proposals that are not committed.
    var uncommittedBytes: Int
    var heartbeatDeadline: Duration
    var rounds = ConfirmationRounds()
    var transfer: Transfer?
    /// Once the target of a transfer may campaign, voters may leave this leader at any moment of its term.
    var isLeaseForfeited = false
    var rest = Rest.awake
    /// The latest proposal, read or change.
    var lastActivity: Duration

    init(firstIndex: LogIndex, uncommittedBytes: Int, now: Duration, heartbeat: Duration) {
        self.firstIndex = firstIndex
        self.uncommittedBytes = uncommittedBytes
        awakeSince = now
        // The first entry serves as the first heartbeat.
        heartbeatDeadline = now + heartbeat
        lastActivity = now
    }

    func place(of replica: ReplicaNumber) -> Int? {
        peers.firstIndex { $0.replica == replica }
    }

    func progress(of replica: ReplicaNumber) -> ReplicaProgress? {
        peers.first { $0.replica == replica }
    }

    /// Keeps the progress of those that stay, and begins that of new members.
    mutating func setPeers(_ replicas: [ReplicaNumber], next: LogIndex) {
        peers = replicas.map { progress(of: $0) ?? ReplicaProgress($0, next: next) }
    }
}
