// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
package import ChordCore

/// Counts the changes of a range's descriptor. A message or a request with an old epoch is answered with
/// the newer descriptor.
package struct RangeEpoch: Hashable, Sendable, CustomStringConvertible {
    /// Changes of the replicas.
    package var configuration: UInt64
    /// Changes of the bounds.
    package var bounds: UInt64

    package init(configuration: UInt64 = 1, bounds: UInt64 = 1) {
        self.configuration = configuration
        self.bounds = bounds
    }

    /// Whether a descriptor with this epoch replaces one with the other. Both numbers only grow, so of two
    /// descriptors of one range one is at least as new in both.
    package func isNewer(than other: Self) -> Bool {
        bounds > other.bounds || bounds == other.bounds && configuration > other.configuration
    }

    /// `bounds.configuration`.
    package var description: String { "\(bounds).\(configuration)" }
}

/// A copy of a range on a node.
package struct ReplicaDescriptor: Hashable, Sendable {
    /// What a replica counts for.
    package enum Role: UInt8, Hashable, Sendable {
        case voter = 0
        /// Receives the log and does not count.
        case learner = 1
        /// Has a number, and is not in the configuration yet.
        case prepared = 2
    }

    package var number: ReplicaNumber
    /// Name of the node, as in its certificate.
    package var node: String
    /// Last known address of the node.
    package var address: String
    package var disk: DiskID
    package var role: Role

    package init(
        number: ReplicaNumber,
        node: String,
        address: String,
        disk: DiskID,
        role: Role
    ) {
        self.number = number
        self.node = node
        self.address = address
        self.disk = disk
        self.role = role
    }
}

/// What a range is and where its replicas are. Part of the range's replicated state.
package struct RangeDescriptor: Hashable, Sendable {
    package var id: RangeID
    package var epoch: RangeEpoch
    package var bounds: IdentifierRange
    /// Ordered by number.
    package var replicas: [ReplicaDescriptor]
    /// The number of the next replica. Numbers are never used again.
    package var nextNumber: ReplicaNumber
    /// Wanted voters: 1, 3, 5 or 7.
    package var replication: Int

    package init(
        id: RangeID,
        epoch: RangeEpoch = RangeEpoch(),
        bounds: IdentifierRange,
        replicas: [ReplicaDescriptor],
        nextNumber: ReplicaNumber,
        replication: Int
    ) {
        self.id = id
        self.epoch = epoch
        self.bounds = bounds
        self.replicas = replicas
        self.nextNumber = nextNumber
        self.replication = replication
    }

    /// The replica with a number; nil if it was removed or never was.
    package func replica(_ number: ReplicaNumber) -> ReplicaDescriptor? {
        replicas.first { $0.number == number }
    }

    /// The replica on a disk.
    package func replica(on disk: DiskID) -> ReplicaDescriptor? {
        replicas.first { $0.disk == disk }
    }
}

// MARK: - Changes

extension RangeDescriptor {
    /// Gives a member the next replica number. A disk that has one keeps it, with the member's present
    /// address.
    package mutating func prepare(_ member: StoreMember) {
        if let place = replicas.firstIndex(where: { $0.disk == member.disk }) {
            epoch.configuration += 1
            replicas[place].address = member.address
            return
        }
        retractPrepared()
        replicas.append(
            ReplicaDescriptor(
                number: nextNumber,
                node: member.node,
                address: member.address,
                disk: member.disk,
                role: .prepared
            )
        )
        nextNumber = ReplicaNumber(nextNumber.number + 1)
    }

    /// Takes back the numbers that no configuration has named: the step that was to do so was overtaken.
    package mutating func retractPrepared() {
        epoch.configuration += 1
        replicas.removeAll { $0.role == .prepared }
    }

    /// The numbers of voters that a range may want.
    package static let replications: Set<Int> = [1, 3, 5, 7]

    /// Sets the wanted number of voters. Any other number than those of ``replications`` was refused
    /// before it was proposed, and changes nothing.
    mutating func setReplication(_ count: Int) {
        guard Self.replications.contains(count) else { return }
        epoch.configuration += 1
        replication = count
    }

    /// Takes over an applied configuration: replicas that it does not name any more are removed.
    package mutating func adopt(_ configuration: RaftConfiguration) {
        epoch.configuration += 1
        replicas = replicas.compactMap { replica in
            var replica = replica
            if configuration.isVoter(replica.number) {
                replica.role = .voter
            } else if configuration.learners.contains(replica.number) {
                replica.role = .learner
            } else if replica.role != .prepared {
                return nil
            }
            return replica
        }
    }
}

// MARK: - Splits

extension RangeDescriptor {
    /// Gives the lower part of the arc to a new range.
    ///
    /// The parent keeps its upper bound, so the members that it wants stay the same, and a replica with an old
    /// descriptor still asks the right owner.
    ///
    /// - Returns: the descriptor of the new range.
    mutating func split(_ split: RangeSplit) -> Self {
        epoch.bounds += 1
        var child = self
        child.id = split.child
        child.bounds = IdentifierRange(after: bounds.lowerBound, through: split.position)
        // A number that no configuration has named yet is the parent's affair. The child gives its own.
        child.replicas.removeAll { $0.role == .prepared }
        bounds = IdentifierRange(after: split.position, through: bounds.upperBound)
        return child
    }
}

extension IdentifierRange {
    /// Whether the two arcs have an identifier in common.
    package func overlaps(_ other: IdentifierRange) -> Bool {
        contains(other.upperBound) || other.contains(upperBound)
    }

    /// Whether the arc can be divided at an identifier so that neither part is empty.
    package func canSplit(at position: Identifier) -> Bool {
        contains(position) && position != upperBound
    }
}

// MARK: - Bytes

extension RangeDescriptor {
    static let formatVersion: UInt8 = 1
    /// The widest ring has identifiers of 32 bytes, and stored descriptors have room for them, so that they
    /// can be read before the ring's parameters are known.
    private static let identifierBytes = 32

    /// The descriptor as it is stored.
    package func encode(to writer: inout ByteWriter) {
        writer.byte(Self.formatVersion)
        writer.bits(id.bits)
        writer.number(epoch.configuration)
        writer.number(epoch.bounds)
        writer.fixed(Self.widest.bytes(of: bounds.lowerBound))
        writer.fixed(Self.widest.bytes(of: bounds.upperBound))
        writer.list(replicas) { writer, replica in
            writer.number(replica.number.number)
            writer.text(replica.node)
            writer.text(replica.address)
            writer.bits(replica.disk.bits)
            writer.byte(replica.role.rawValue)
        }
        writer.number(nextNumber.number)
        writer.number(replication)
    }

    /// Reads a stored descriptor.
    package init(decoding reader: inout ByteReader) throws(StoreError) {
        try reader.checkVersion(Self.formatVersion)
        id = RangeID(try reader.bits())
        epoch = RangeEpoch(configuration: try reader.number(), bounds: try reader.number())
        let after = try Self.identifier(from: &reader)
        bounds = IdentifierRange(after: after, through: try Self.identifier(from: &reader))
        replicas = try reader.list { reader throws(StoreError) in
            let number = ReplicaNumber(try reader.number())
            let node = try reader.text()
            let address = try reader.text()
            let disk = DiskID(try reader.bits())
            guard let role = ReplicaDescriptor.Role(rawValue: try reader.byte()) else {
                throw reader.failure("has a replica with an unknown role")
            }
            return ReplicaDescriptor(
                number: number,
                node: node,
                address: address,
                disk: disk,
                role: role
            )
        }
        nextNumber = ReplicaNumber(try reader.number())
        replication = Int(clamping: try reader.number())
        guard replicas.allSatisfy({ $0.number < nextNumber }) else {
            throw reader.failure("has a replica with a number that was not given yet")
        }
    }

    private static let widest: IdentifierSpace = {
        do {
            return try IdentifierSpace(width: identifierBytes * 8)
        } catch {
            preconditionFailure("256 is a width: \(error)")
        }
    }()

    private static func identifier(
        from reader: inout ByteReader
    ) throws(StoreError) -> Identifier {
        let bytes = try reader.fixed(identifierBytes)
        guard let identifier = try? widest.identifier(bigEndian: bytes) else {
            throw reader.failure("has an identifier of a wrong length")
        }
        return identifier
    }
}
