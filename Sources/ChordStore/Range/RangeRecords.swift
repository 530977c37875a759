// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

// Records of the store besides those of its replicas. They change by the same transaction as the replicas that they
// are about.

/// Says that this disk had a replica of a range that was deleted.
package enum Tombstone {
    private static let formatVersion: UInt8 = 1
    private static let prefix = "tombstone/"

    private static func name(_ range: RangeID) -> RowMetadataName {
        RowMetadataName(.store, prefix + range.description)
    }

    /// The lowest number that a replica of the range may have on this disk; nil if none was deleted.
    package static func lowestNumber(
        of range: RangeID,
        in transaction: inout some RowEngineTransaction
    ) throws(StoreError) -> ReplicaNumber? {
        guard let bytes = try transaction.metadata(name(range)) else { return nil }
        var reader = ByteReader(bytes, what: "the record of a deleted replica")
        try reader.checkVersion(formatVersion)
        let number = ReplicaNumber(try reader.number())
        try reader.end()
        return number
    }

    /// Notes that numbers below `lowest` are used up. A lower number than before changes nothing.
    package static func bury(
        _ range: RangeID,
        lowestNumber lowest: ReplicaNumber,
        in transaction: inout some RowEngineTransaction
    ) throws(StoreError) {
        if let known = try lowestNumber(of: range, in: &transaction), known >= lowest { return }
        var writer = ByteWriter()
        writer.byte(formatVersion)
        writer.number(lowest.number)
        try transaction.setMetadata(writer.bytes, for: name(range))
    }

    /// All of them.
    package static func all(
        in transaction: inout some RowEngineTransaction
    ) throws(StoreError) -> [RangeID: ReplicaNumber] {
        var numbers: [RangeID: ReplicaNumber] = [:]
        for name in try transaction.metadataNames(in: .store) where name.name.hasPrefix(prefix) {
            guard let range = RangeID(name.name.dropFirst(prefix.count)) else { continue }
            numbers[range] = try lowestNumber(of: range, in: &transaction)
        }
        return numbers
    }
}

/// Rows that belong to no replica any more. They are deleted in batches, and a restart goes on with it.
package struct DiscardedRows: Hashable, Sendable {
    private static let formatVersion: UInt8 = 1
    private static let prefix = "discard/"

    package let slot: Slot
    /// The bytes of the bounds between which the rows lie. The rest of the slot may be another replica's.
    private let after: [UInt8]
    private let through: [UInt8]
    private let name: RowMetadataName

    /// The rows of a state. No replica of this disk has them.
    package init(of state: RangeState) {
        slot = state.slot
        after = state.space.bytes(of: state.descriptor.bounds.lowerBound)
        through = state.space.bytes(of: state.descriptor.bounds.upperBound)
        // Parts of one slot never overlap, so the lower bound names a part.
        let bound = state.descriptor.bounds.lowerBound
        let digits = bound.hexadecimal(width: state.space.width)
        name = RowMetadataName(.store, Self.prefix + slot.description + "/" + digits)
    }

    /// All rows of a slot.
    init(all slot: Slot) {
        self.slot = slot
        after = []
        through = []
        name = RowMetadataName(.store, Self.prefix + slot.description + "/all")
    }

    package var bounds: RowBounds { RowBounds(after: after, through: through) }

    /// Notes that the rows are to be deleted.
    package func record(in transaction: inout some RowEngineTransaction) throws(StoreError) {
        var writer = ByteWriter()
        writer.byte(Self.formatVersion)
        writer.number(slot.number)
        writer.string(after)
        writer.string(through)
        try transaction.setMetadata(writer.bytes, for: name)
    }

    /// Deletes some of the rows that are to be deleted.
    ///
    /// - Returns: whether there are more.
    package static func clearSome(
        atMost limit: Int,
        in transaction: inout some RowEngineTransaction
    ) throws(StoreError) -> Bool {
        guard let discarded = try all(in: &transaction).first else { return false }
        let cleared = try transaction.clear(
            discarded.slot,
            within: discarded.bounds,
            atMost: limit
        )
        if cleared == 0 { try transaction.setMetadata(nil, for: discarded.name) }
        return true
    }

    /// All of them.
    package static func all(
        in transaction: inout some RowEngineTransaction
    ) throws(StoreError) -> [Self] {
        var found: [Self] = []
        for name in try transaction.metadataNames(in: .store) where name.name.hasPrefix(prefix) {
            guard let bytes = try transaction.metadata(name) else { continue }
            found.append(try Self(decoding: bytes, name: name))
        }
        return found
    }

    private init(decoding bytes: [UInt8], name: RowMetadataName) throws(StoreError) {
        var reader = ByteReader(bytes, what: "the record of discarded rows")
        try reader.checkVersion(Self.formatVersion)
        self.name = name
        slot = Slot(try reader.number())
        after = try reader.string()
        through = try reader.string()
        try reader.end()
    }
}

/// Slots into which snapshots are received. Their rows belong to no replica until one is installed.
package enum IncomingRows {
    private static let prefix = "incoming/"

    private static func name(_ slot: Slot) -> RowMetadataName {
        RowMetadataName(.store, prefix + slot.description)
    }

    /// Notes that rows come, by the same work as the first of them.
    package static func record(
        _ slot: Slot,
        in transaction: inout some RowEngineTransaction
    ) throws(StoreError) {
        try transaction.setMetadata([], for: name(slot))
    }

    /// The rows have become those of a replica.
    package static func forget(
        _ slot: Slot,
        in transaction: inout some RowEngineTransaction
    ) throws(StoreError) {
        try transaction.setMetadata(nil, for: name(slot))
    }

    /// Nobody needs the rows: they are deleted like those of a former replica.
    package static func discard(
        _ slot: Slot,
        in transaction: inout some RowEngineTransaction
    ) throws(StoreError) {
        try forget(slot, in: &transaction)
        try DiscardedRows(all: slot).record(in: &transaction)
    }

    package static func slots(
        in transaction: inout some RowEngineTransaction
    ) throws(StoreError) -> [Slot] {
        try transaction.metadataNames(in: .store).compactMap { name in
            guard name.name.hasPrefix(prefix) else { return nil }
            return UInt64(name.name.dropFirst(prefix.count)).map { Slot($0) }
        }
    }
}
