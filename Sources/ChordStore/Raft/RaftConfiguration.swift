// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

// The configuration of a group [Ongaro 4]. Changes of the voters go through joint consensus [Ongaro 4.3].
//
// Where this differs from the dissertation, and why:
// - A change that leaves the voters as they are needs no joint configuration: no majority changes.
// - A change of a single voter [Ongaro 4.1] goes through a joint configuration too: one way for all changes.

/// Which replicas of a group vote, and which only receive the log.
package struct RaftConfiguration: Hashable, Sendable, CustomStringConvertible {
    /// The replicas of the majority that decides; in a joint configuration those of C_new. In order.
    package private(set) var voters: [ReplicaNumber]
    /// The replicas of C_old, whose majority must agree too; empty unless the configuration is joint.
    package private(set) var outgoing: [ReplicaNumber]
    /// Replicas that receive the log and do not count. One of `outgoing` may be among them: it votes until
    /// the joint configuration is left.
    package private(set) var learners: [ReplicaNumber]

    /// The most replicas that one configuration may name.
    package static let replicaLimit = 64

    /// What a replica without any data knows: nothing. Such a replica never campaigns.
    package static let empty = Self(voters: [], outgoing: [], learners: [])

    private init(
        voters: [ReplicaNumber],
        outgoing: [ReplicaNumber],
        learners: [ReplicaNumber]
    ) {
        self.voters = voters
        self.outgoing = outgoing
        self.learners = learners
    }

    /// A configuration that is not joint.
    ///
    /// - Throws: `invalidConfiguration` where there is no voter, a replica is named twice, or there are more
    ///   than ``replicaLimit``.
    package init(
        voters: some Sequence<ReplicaNumber>,
        learners: some Sequence<ReplicaNumber> = []
    ) throws(StoreError) {
        try self.init(checking: Array(voters), outgoing: [], learners: Array(learners))
    }

    /// A configuration from its parts, checked.
    init(
        checking voters: [ReplicaNumber],
        outgoing: [ReplicaNumber],
        learners: [ReplicaNumber]
    ) throws(StoreError) {
        self.init(
            voters: voters.sorted(),
            outgoing: outgoing.sorted(),
            learners: learners.sorted()
        )
        func reject(_ message: String) throws(StoreError) {
            throw StoreError(.invalidConfiguration, message)
        }
        if voters.isEmpty { try reject("a configuration needs a voter") }
        if voters.count + outgoing.count + learners.count > Self.replicaLimit {
            try reject("a configuration names at most \(Self.replicaLimit) replicas")
        }
        for list in [self.voters + self.learners, self.outgoing]
        where Set(list).count != list.count {
            try reject("a replica is named twice in \(self)")
        }
    }

    /// Whether majorities of two sets of voters are needed.
    package var isJoint: Bool { !outgoing.isEmpty }

    /// Whether the replica counts in an election.
    package func isVoter(_ replica: ReplicaNumber) -> Bool {
        voters.contains(replica) || outgoing.contains(replica)
    }

    /// Whether the configuration names the replica.
    package func contains(_ replica: ReplicaNumber) -> Bool {
        isVoter(replica) || learners.contains(replica)
    }

    /// All replicas that it names, in order.
    package var members: [ReplicaNumber] {
        if outgoing.isEmpty, learners.isEmpty { return voters }
        return Set(voters + outgoing + learners).sorted()
    }

    /// All replicas that count in an election, in order.
    package var allVoters: [ReplicaNumber] {
        outgoing.isEmpty ? voters : Set(voters + outgoing).sorted()
    }

    /// The first step to `target`: C_old,new, or `target` itself where the voters stay the same.
    func firstStep(to target: Self) -> Self {
        if target.voters == voters { return target }
        return Self(voters: target.voters, outgoing: voters, learners: target.learners)
    }

    /// The configuration after a joint one: C_new.
    var afterJoint: Self { Self(voters: voters, outgoing: [], learners: learners) }

    /// For instance `(1 2 4)&(1 2 3) learners (5)`.
    package var description: String {
        func list(_ numbers: [ReplicaNumber]) -> String {
            "(" + numbers.map(\.description).joined(separator: " ") + ")"
        }
        return list(voters) + (outgoing.isEmpty ? "" : "&" + list(outgoing))
            + (learners.isEmpty ? "" : " learners " + list(learners))
    }
}

// MARK: Bytes

extension RaftConfiguration {
    private static let version: UInt8 = 1

    /// The payload of a configuration entry: version, then voters, outgoing voters and learners, each as a
    /// count of one byte and numbers of eight bytes, the least significant first.
    package var encoded: [UInt8] {
        var bytes = [Self.version]
        for list in [voters, outgoing, learners] {
            bytes.append(UInt8(list.count))
            for replica in list {
                for shift in stride(from: 0, to: 64, by: 8) {
                    bytes.append(UInt8(truncatingIfNeeded: replica.number >> UInt64(shift)))
                }
            }
        }
        return bytes
    }

    /// Reads the payload of a configuration entry.
    ///
    /// - Throws: `unknownVersion`, `corrupted` where the bytes are no configuration, `invalidConfiguration`.
    package init(encoded bytes: [UInt8]) throws(StoreError) {
        guard let version = bytes.first else {
            throw StoreError(.corrupted, "a configuration entry without payload")
        }
        guard version == Self.version else {
            throw StoreError(
                .unknownVersion,
                "a configuration entry of version \(version): this release knows \(Self.version)"
            )
        }
        var rest = bytes.dropFirst()
        var lists: [[ReplicaNumber]] = []
        for _ in 0..<3 {
            guard let count = rest.popFirst(), rest.count >= Int(count) * 8 else {
                throw StoreError(.corrupted, "a configuration entry ends too early")
            }
            var list: [ReplicaNumber] = []
            for _ in 0..<count {
                let number = rest.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
                list.append(ReplicaNumber(number))
                rest.removeFirst(8)
            }
            lists.append(list)
        }
        guard rest.isEmpty else {
            throw StoreError(.corrupted, "a configuration entry has \(rest.count) bytes too many")
        }
        try self.init(checking: lists[0], outgoing: lists[1], learners: lists[2])
    }
}
