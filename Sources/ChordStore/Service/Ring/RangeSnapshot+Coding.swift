// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore

// The bytes of a snapshot of a range: the replica's records and its rows, as `RowStreamEncoder` writes them.

extension RangeSnapshot {
    /// The format of the bytes, as an offer names it.
    package static let format: UInt32 = 1

    fileprivate static let header = "header"
    fileprivate static let clientPrefix = "client/"

    /// The snapshot as it travels.
    package func encoded(in space: IdentifierSpace) -> [UInt8] {
        var encoder = RowStreamEncoder()
        var bytes = encoder.start()
        var head = ByteWriter(reserving: 512)
        head.number(term.number)
        head.number(from.number)
        head.number(to.number)
        head.string(StoredReplica(number: to, state: state).encodedHeader)
        bytes += encoder.record(Self.header, head.bytes)
        for client in state.requests.records.keys.sorted() {
            guard let record = state.requests.records[client] else { continue }
            bytes += encoder.record(Self.clientPrefix + client.description, record.encoded)
        }
        for element in rows {
            if let block = encoder.row(element.row, at: element.key) { bytes += block }
        }
        return bytes + encoder.finish()
    }

}

/// Reads the bytes of a snapshot as they come.
struct RangeSnapshotDecoder {
    private var decoder = RowStreamDecoder(into: Slot(0))
    private var head: [UInt8]?
    private var clients: [(ClientID, RequestTable.Record)] = []
    private var rows: [RowPage.Element] = []
    private(set) var byteCount = 0
    private(set) var checksum: UInt32 = 0

    /// Takes the next bytes.
    ///
    /// - Throws: `corrupted`, `unknownVersion`. The decoder is of no use then.
    mutating func append(_ bytes: [UInt8]) throws(StoreError) {
        checksum = Checksum.crc32(bytes, continuing: checksum)
        byteCount += bytes.count
        for item in try decoder.append(bytes) {
            switch item {
            case .record(RangeSnapshot.header, let value): head = value
            case .record(let name, let value):
                let prefix = RangeSnapshot.clientPrefix
                guard name.hasPrefix(prefix), let bits = RandomBits(name.dropFirst(prefix.count))
                else { throw StoreError(.corrupted, "a snapshot has a record that is unknown") }
                clients.append((ClientID(bits), try RequestTable.Record(decoding: value)))
            case .rows(let page): rows += page
            }
        }
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
        return RangeSnapshot(state: replica.state, term: term, from: from, to: to, rows: rows)
    }
}
