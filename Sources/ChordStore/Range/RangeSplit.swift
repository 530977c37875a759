// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// Divides a range in two: a new range, the child, takes the lower part of the arc.
///
/// The child is born at the entry that carries this command, on every replica of the parent and under the
/// numbers that they have there. Its state is the parent's at that entry: rows, request table and time.
package struct RangeSplit: Hashable, Sendable {
    /// The identifier of the child.
    package var child: RangeID
    /// The last position of the child. All rows of one position stay in one range.
    package var position: Identifier
    /// The epoch of the descriptor for which the split was decided. It does nothing to another one.
    package var epoch: RangeEpoch
    /// The numbers of the child's replicas: those of the parent's voters and learners, in order.
    package var replicas: [ReplicaNumber]
    /// The child's part of the range's size, as the leader counted it.
    package var size: RangeSize

    package init(
        child: RangeID,
        position: Identifier,
        epoch: RangeEpoch,
        replicas: [ReplicaNumber],
        size: RangeSize
    ) {
        self.child = child
        self.position = position
        self.epoch = epoch
        self.replicas = replicas
        self.size = size
    }
}

// MARK: - Bytes

extension RangeSplit {
    func encode(in space: IdentifierSpace, to writer: inout ByteWriter) {
        writer.bits(child.bits)
        writer.fixed(space.bytes(of: position))
        writer.number(epoch.configuration)
        writer.number(epoch.bounds)
        writer.list(replicas) { $0.number($1.number) }
        size.encode(to: &writer)
    }

    init(decoding reader: inout ByteReader, in space: IdentifierSpace) throws(StoreError) {
        child = RangeID(try reader.bits())
        position = try reader.position(in: space)
        epoch = RangeEpoch(configuration: try reader.number(), bounds: try reader.number())
        replicas = try reader.list { reader throws(StoreError) in
            ReplicaNumber(try reader.number())
        }
        size = try RangeSize(decoding: &reader)
    }
}

extension ByteReader {
    /// An identifier of the ring.
    mutating func position(in space: IdentifierSpace) throws(StoreError) -> Identifier {
        let bytes = try fixed(space.byteCount)
        do {
            return try space.identifier(bigEndian: bytes)
        } catch {
            throw failure("has a position that does not fit the ring")
        }
    }
}
