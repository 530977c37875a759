// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore

// How the state is stored beside the rows, by the same transaction: a header per range, which is rewritten with
// each batch of entries, and a record per client, which is written when the client's answers change.

/// A replica as its disk has it.
package struct StoredReplica: Hashable, Sendable {
    /// The number of this disk's replica.
    package var number: ReplicaNumber
    package var state: RangeState

    package init(number: ReplicaNumber, state: RangeState) {
        self.number = number
        self.state = state
    }
}

extension StoredReplica {
    private static let formatVersion: UInt8 = 1
    private static let headerPrefix = "range/"
    private static let clientPrefix = "client/"

    private static func header(of range: RangeID) -> RowMetadataName {
        RowMetadataName(.store, headerPrefix + range.description)
    }

    private func record(of client: ClientID) -> RowMetadataName {
        RowMetadataName(.slot(state.slot), clientPrefix + client.description)
    }

    /// What the names of the records of the replica's clients begin with. The halves of a split share their slot,
    /// and have request tables of their own.
    private var clientPrefix: String {
        Self.clientPrefix + state.descriptor.id.description + "/"
    }

    /// Writes what has changed since the last call.
    package mutating func save(
        into transaction: inout some RowEngineTransaction
    ) throws(StoreError) {
        try transaction.setMetadata(encodedHeader, for: Self.header(of: state.descriptor.id))
        for client in state.takeChangedClients() {
            let record = state.requests.records[client]
            try transaction.setMetadata(record?.encoded, for: self.record(of: client))
        }
    }

    /// The ranges of which this disk has a replica.
    package static func ranges(
        in transaction: inout some RowRecordReader
    ) throws(StoreError) -> [RangeID] {
        try transaction.metadataNames(in: .store).compactMap { name in
            name.name.hasPrefix(headerPrefix)
                ? RangeID(name.name.dropFirst(headerPrefix.count)) : nil
        }
    }

    /// Reads a replica; nil if this disk has none of the range.
    package static func load(
        _ range: RangeID,
        in space: IdentifierSpace,
        from transaction: inout some RowRecordReader
    ) throws(StoreError) -> Self? {
        guard var replica = try loadHeader(range, in: space, from: &transaction) else { return nil }
        let prefix = replica.clientPrefix
        let slot = RowMetadataName.Scope.slot(replica.state.slot)
        for name in try transaction.metadataNames(in: slot) where name.name.hasPrefix(prefix) {
            guard let bits = RandomBits(name.name.dropFirst(prefix.count)),
                let record = try transaction.metadata(name)
            else { continue }
            replica.state.restore(
                try RequestTable.Record(decoding: record),
                of: ClientID(bits)
            )
        }
        return replica
    }

    /// Reads a replica without its request table.
    package static func loadHeader(
        _ range: RangeID,
        in space: IdentifierSpace,
        from transaction: inout some RowRecordReader
    ) throws(StoreError) -> Self? {
        guard let bytes = try transaction.metadata(header(of: range)) else { return nil }
        let replica = try Self(decodingHeader: bytes, in: space)
        guard replica.state.descriptor.id == range else {
            throw StoreError(
                .corrupted,
                "the record of range \(range) is about range \(replica.state.descriptor.id)"
            )
        }
        return replica
    }

    /// The other ranges of this disk whose data overlap a range.
    package static func ranges(
        overlapping descriptor: RangeDescriptor,
        in space: IdentifierSpace,
        from transaction: inout some RowEngineTransaction
    ) throws(StoreError) -> [RangeID] {
        var found: [RangeID] = []
        for range in try ranges(in: &transaction) where range != descriptor.id {
            guard let other = try loadHeader(range, in: space, from: &transaction),
                other.state.hasData, other.state.descriptor.bounds.overlaps(descriptor.bounds)
            else { continue }
            found.append(range)
        }
        return found
    }

    /// Removes the records of a replica. Its rows are cleared by works of their own.
    package func erase(from transaction: inout some RowEngineTransaction) throws(StoreError) {
        try transaction.setMetadata(nil, for: Self.header(of: state.descriptor.id))
        for name in try transaction.metadataNames(in: .slot(state.slot))
        where name.name.hasPrefix(clientPrefix) {
            try transaction.setMetadata(nil, for: name)
        }
    }

    /// Everything but rows and request table.
    var encodedHeader: [UInt8] {
        var writer = ByteWriter(reserving: 256)
        writer.byte(Self.formatVersion)
        writer.number(number.number)
        writer.number(state.slot.number)
        state.encodeHeader(to: &writer)
        return writer.bytes
    }

    init(decodingHeader bytes: [UInt8], in space: IdentifierSpace) throws(StoreError) {
        var reader = ByteReader(bytes, what: "the record of a range")
        try reader.checkVersion(Self.formatVersion)
        number = ReplicaNumber(try reader.number())
        let slot = Slot(try reader.number())
        state = try RangeState(decodingHeader: &reader, slot: slot, in: space)
        try reader.end()
    }
}

extension RangeState {
    /// Clients whose answers changed since the last call.
    fileprivate mutating func takeChangedClients() -> [ClientID] { requests.takeChanges() }

    /// All records are written by the next `save`.
    mutating func markAllClientsChanged() { requests.markAllChanged() }

    mutating func restore(_ record: RequestTable.Record, of client: ClientID) {
        requests.restore(record, of: client)
    }

    /// Everything but the request table.
    fileprivate func encodeHeader(to writer: inout ByteWriter) {
        descriptor.encode(to: &writer)
        writer.number(applied.number)
        writer.number(appliedTerm.number)
        writer.string(configuration.encoded)
        writer.number(time.milliseconds)
        size.encode(to: &writer)
        writer.number(deletions.latest.number)
        // Earlier programs can read what has no offset, so that nodes are updated one by one.
        if versionOffset > 0 { writer.number(versionOffset) }
    }

    fileprivate init(
        decodingHeader reader: inout ByteReader,
        slot: Slot,
        in space: IdentifierSpace
    ) throws(StoreError) {
        let descriptor = try RangeDescriptor(decoding: &reader)
        let applied = LogIndex(try reader.number())
        let term = Term(try reader.number())
        // A replica without data knows no configuration.
        let stored = try reader.string()
        let configuration =
            stored == RaftConfiguration.empty.encoded
            ? .empty : try RaftConfiguration(encoded: stored)
        self.init(
            descriptor: descriptor,
            slot: slot,
            space: space,
            birth: RaftSnapshot(index: applied, term: term, configuration: configuration)
        )
        time = RangeTime(milliseconds: try reader.number())
        size = try RangeSize(decoding: &reader)
        // Records of earlier programs end here. All their entries may have deleted rows.
        if reader.remaining > 0 {
            deletions = RecentDeletions(after: LogIndex(try reader.number()))
        }
        // Records of programs that know no offset end here.
        if reader.remaining > 0 {
            versionOffset = try reader.number()
            guard LogIndex(versionOffset).isPlausible else {
                throw reader.failure("has versions that are \(versionOffset) above their entries")
            }
        }
        guard space.contains(descriptor.bounds.lowerBound),
            space.contains(descriptor.bounds.upperBound)
        else {
            throw reader.failure("has bounds that do not fit identifiers of \(space.width) bits")
        }
    }
}
