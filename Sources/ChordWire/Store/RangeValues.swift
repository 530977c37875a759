// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// How often a range's configuration and its bounds have changed.
package struct WireRangeEpoch: Hashable, Sendable {
    package var configuration: UInt64
    package var bounds: UInt64

    package init(configuration: UInt64, bounds: UInt64) {
        self.configuration = configuration
        self.bounds = bounds
    }
}

/// A copy of a range on one disk.
package struct WireReplica: Hashable, Sendable {
    package enum Kind: Hashable, Sendable, CaseIterable {
        case voter, learner
        /// Has a number and is not in the configuration yet.
        case prepared
    }

    /// 1 or more.
    package var number: UInt64
    /// The name of the node.
    package var node: String
    /// The node's last known address as `host:port`.
    package var address: String
    package var disk: UInt128
    package var kind: Kind

    package init(
        number: UInt64,
        node: String,
        address: String,
        disk: UInt128,
        kind: Kind = .voter
    ) {
        self.number = number
        self.node = node
        self.address = address
        self.disk = disk
        self.kind = kind
    }
}

/// An arc of the ring and the nodes that hold its rows.
package struct WireRangeDescriptor: Hashable, Sendable {
    package var range: UInt128
    package var epoch: WireRangeEpoch
    /// The positions of the range: (after, through].
    package var bounds: IdentifierRange
    /// 1 to 16 replicas, each with another number.
    package var replicas: [WireReplica]
    /// The number of the next replica, higher than all.
    package var nextReplica: UInt64
    /// The number of voters that the store wants.
    package var wantedVoters: Int

    package init(
        range: UInt128,
        epoch: WireRangeEpoch,
        bounds: IdentifierRange,
        replicas: [WireReplica],
        nextReplica: UInt64,
        wantedVoters: Int
    ) {
        self.range = range
        self.epoch = epoch
        self.bounds = bounds
        self.replicas = replicas
        self.nextReplica = nextReplica
        self.wantedVoters = wantedVoters
    }
}

/// A range and the replica that leads it, as the sender knows them.
package struct WireRangeHint: Hashable, Sendable {
    package var descriptor: WireRangeDescriptor
    /// The leader's replica number, one of the descriptor's; nil if unknown.
    package var leader: UInt64?
    /// The leader's term.
    package var term: UInt64

    package init(_ descriptor: WireRangeDescriptor, leader: UInt64?, term: UInt64) {
        self.descriptor = descriptor
        self.leader = leader
        self.term = term
    }
}

// MARK: - Decoding

extension WireRangeEpoch {
    init(_ packed: Chord__V1__RangeEpoch) throws(WireError) {
        configuration = try packed.configuration.checked(.field("configuration"))
        bounds = try packed.bounds.checked(.field("bounds"))
    }
}

extension WireReplica.Kind: WireEnumeration {
    var packed: Chord__V1__ReplicaKind {
        switch self {
        case .voter: CHORD__V1__REPLICA_KIND__REPLICA_KIND_VOTER
        case .learner: CHORD__V1__REPLICA_KIND__REPLICA_KIND_LEARNER
        case .prepared: CHORD__V1__REPLICA_KIND__REPLICA_KIND_PREPARED
        }
    }
}

extension WireReplica {
    init(_ packed: Chord__V1__RangeReplica) throws(WireError) {
        number = try packed.number.counted(.field("number"))
        node = try packed.node.text(WireLimits.nameBytes, .field("node"))
        address = try packed.address.text(WireLimits.addressBytes, .field("address"))
        disk = try packed.disk.bits(.field("disk"))
        kind = try Kind(packed.kind, .field("kind"), "kind of replica")
    }
}

extension WireRangeDescriptor {
    init(_ packed: Chord__V1__RangeDescriptor, _ space: IdentifierSpace) throws(WireError) {
        range = try packed.range.bits(.field("range"))
        epoch = try packed.epoch.value(.field("epoch"), WireRangeEpoch.init)
        bounds = IdentifierRange(
            after: try packed.after.identifier(space, .field("after")),
            through: try packed.through.identifier(space, .field("through"))
        )
        replicas = try packed.replicas.list(
            count: packed.n_replicas,
            of: WireLimits.rangeReplicas,
            "replicas",
            .field("replicas"),
            WireReplica.init
        )
        nextReplica = try packed.next_replica.counted(.field("next_replica"))
        wantedVoters = Int(packed.wanted_voters)
        guard WireLimits.wantedVoters.contains(wantedVoters) else {
            throw FieldPath.field("wanted_voters").error(
                .outOfBounds,
                "\(packed.wanted_voters), a range has 1, 3, 5 or 7 voters"
            )
        }
        try checkNumbers()
    }

    private func checkNumbers() throws(WireError) {
        for (index, replica) in replicas.enumerated() {
            let path = FieldPath.field("replicas").element(index).appending("number")
            guard replica.number < nextReplica else {
                throw path.error(
                    .contradictory,
                    "\(replica.number), and the next number is \(nextReplica)"
                )
            }
            guard !replicas[..<index].contains(where: { $0.number == replica.number }) else {
                throw path.error(.contradictory, "\(replica.number) is there twice")
            }
        }
    }
}

extension WireRangeHint {
    init(_ packed: Chord__V1__RangeHint, _ space: IdentifierSpace) throws(WireError) {
        descriptor = try packed.range.value(.field("range")) { range throws(WireError) in
            try WireRangeDescriptor(range, space)
        }
        leader = try packed.leader.ifSet(.field("leader"))
        term = try packed.term.checked(.field("term"))
        if let leader, !descriptor.replicas.contains(where: { $0.number == leader }) {
            throw FieldPath.field("leader").error(
                .contradictory,
                "\(leader) is no replica of the range"
            )
        }
    }
}

// MARK: - Encoding

extension EncodingArena {
    mutating func epoch(_ epoch: WireRangeEpoch) -> UnsafeMutablePointer<Chord__V1__RangeEpoch> {
        let message = message(chord__v1__range_epoch__init)
        message.pointee.configuration = epoch.configuration
        message.pointee.bounds = epoch.bounds
        return message
    }

    private mutating func replica(
        _ replica: WireReplica
    ) -> UnsafeMutablePointer<Chord__V1__RangeReplica> {
        let message = message(chord__v1__range_replica__init)
        message.pointee.number = replica.number
        message.pointee.node = text(replica.node)
        message.pointee.address = text(replica.address)
        message.pointee.disk = bits(replica.disk)
        message.pointee.kind = replica.kind.packed
        return message
    }

    mutating func descriptor(
        _ descriptor: WireRangeDescriptor,
        _ space: IdentifierSpace
    ) -> UnsafeMutablePointer<Chord__V1__RangeDescriptor> {
        let message = message(chord__v1__range_descriptor__init)
        message.pointee.range = bits(descriptor.range)
        message.pointee.epoch = epoch(descriptor.epoch)
        message.pointee.after = identifier(descriptor.bounds.lowerBound, space)
        message.pointee.through = identifier(descriptor.bounds.upperBound, space)
        (message.pointee.n_replicas, message.pointee.replicas) = messages(
            descriptor.replicas.prefix(WireLimits.rangeReplicas.upperBound)
        ) { $0.replica($1) }
        message.pointee.next_replica = descriptor.nextReplica
        message.pointee.wanted_voters = UInt32(clamping: descriptor.wantedVoters)
        return message
    }

    mutating func hint(
        _ hint: WireRangeHint,
        _ space: IdentifierSpace
    ) -> UnsafeMutablePointer<Chord__V1__RangeHint> {
        let message = message(chord__v1__range_hint__init)
        message.pointee.range = descriptor(hint.descriptor, space)
        message.pointee.leader = hint.leader ?? 0
        message.pointee.term = hint.term
        return message
    }
}
