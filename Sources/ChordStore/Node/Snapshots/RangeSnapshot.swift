// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// The applied state of a range that travels to another node, without its rows.
struct RangeSnapshot: Sendable {
    var state: RangeState
    /// The sender's term.
    var term: Term
    var from: ReplicaNumber
    var to: ReplicaNumber

    /// The leader's message.
    var message: RaftMessage {
        RaftMessage(from: from, to: to, term: term, body: .snapshot(state.position))
    }
}

// The bytes of a snapshot of a range: the replica's records, then its rows, as `RowStreamEncoder` writes them.

extension RangeSnapshot {
    /// The format of the bytes, as an offer names it.
    static let format: UInt32 = 1

    fileprivate static let header = "header"
    fileprivate static let clientPrefix = "client/"

    /// What an engine copies for the snapshot.
    ///
    /// - Parameter blockBytes: about how many bytes of rows the receiver writes at once.
    func selection(blockBytes: Int) -> RowSelection {
        var head = ByteWriter(reserving: 512)
        head.number(term.number)
        head.number(from.number)
        head.number(to.number)
        head.string(StoredReplica(number: to, state: state).encodedHeader)
        var records = [(name: Self.header, value: head.bytes)]
        for client in state.requests.records.keys.sorted() {
            guard let record = state.requests.records[client] else { continue }
            records.append((Self.clientPrefix + client.description, record.encoded))
        }
        return RowSelection(
            records: records,
            slot: state.slot,
            bounds: state.bounds,
            blockBytes: blockBytes
        )
    }
}

/// Reads the bytes of a snapshot as they come. Rows are handed on, everything else is kept.
struct RangeSnapshotDecoder: Sendable {
    private var decoder: RowStreamDecoder
    private var head: [UInt8]?
    private var clients: [(ClientID, RequestTable.Record)] = []
    private(set) var byteCount: UInt64 = 0
    private(set) var checksum: UInt32 = 0

    /// - Parameter slot: the local slot into which the rows go.
    init(into slot: Slot) {
        decoder = RowStreamDecoder(into: slot)
    }

    /// Takes the next bytes.
    ///
    /// - Returns: rows that are complete by them, in blocks.
    /// - Throws: `corrupted`, `unknownVersion`. The decoder is of no use then.
    mutating func append(_ bytes: [UInt8]) throws(StoreError) -> [[RowPage.Element]] {
        checksum = Checksum.crc32(bytes, continuing: checksum)
        byteCount += UInt64(bytes.count)
        var blocks: [[RowPage.Element]] = []
        for item in try decoder.append(bytes) {
            switch item {
            case .record(RangeSnapshot.header, let value): head = value
            case .record(let name, let value):
                let prefix = RangeSnapshot.clientPrefix
                guard name.hasPrefix(prefix), let bits = RandomBits(name.dropFirst(prefix.count))
                else { throw StoreError(.corrupted, "a snapshot has a record that is unknown") }
                guard clients.count < RequestTable.Limits.clients else {
                    throw StoreError(
                        .corrupted,
                        "a snapshot has more clients than a range may have"
                    )
                }
                clients.append((ClientID(bits), try RequestTable.Record(decoding: value)))
            case .rows(let rows): blocks.append(rows)
            }
        }
        return blocks
    }

    /// The snapshot, once all its bytes have come.
    ///
    /// - Throws: `corrupted`, `unknownVersion`.
    func snapshot(in space: IdentifierSpace) throws(StoreError) -> RangeSnapshot {
        guard decoder.isComplete, let head else {
            throw StoreError(.corrupted, "the end of a snapshot is missing: send it again")
        }
        var reader = ByteReader(head, what: "the head of a snapshot")
        let term = Term(try reader.number())
        let from = ReplicaNumber(try reader.number())
        let to = ReplicaNumber(try reader.number())
        var replica = try StoredReplica(decodingHeader: try reader.string(), in: space)
        try reader.end()
        for (client, record) in clients { replica.state.restore(record, of: client) }
        return RangeSnapshot(state: replica.state, term: term, from: from, to: to)
    }
}
