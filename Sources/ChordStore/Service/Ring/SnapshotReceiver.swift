// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordWire

/// Snapshots that are on their way to this node. The bytes of a snapshot that is not finished are lost with the
/// process, and their sender begins again.
struct SnapshotReceiver {
    private struct Transfer {
        var offer: SnapshotOffer
        var decoder = RangeSnapshotDecoder()
        var touched: Duration
    }

    /// Snapshots that may be under way at once. More fill several ranges at once, and need the memory of all.
    private static let most = 2
    /// The longest snapshot. It is in memory until it is installed.
    private static let mostBytes: UInt64 = 1 << 30
    /// A sender that was silent for so long has given up.
    private static let patience: Duration = .seconds(60)

    private var transfers: [UInt128: Transfer] = [:]

    /// Judges an offer.
    mutating func judge(_ offer: SnapshotOffer, now: Duration) -> SnapshotOfferReply {
        guard offer.format == RangeSnapshot.format else { return .unknownFormat }
        guard offer.bytes <= Self.mostBytes else { return .noRoom }
        if let known = transfers[offer.snapshot], known.offer.bytes == offer.bytes {
            transfers[offer.snapshot]?.touched = now
            return .accepted(resumeOffset: UInt64(known.decoder.byteCount))
        }
        transfers = transfers.filter { entry in
            now - entry.value.touched < Self.patience
                && !(entry.value.offer.descriptor.range == offer.descriptor.range)
        }
        guard transfers.count < Self.most else { return .busy(wait: .seconds(1)) }
        transfers[offer.snapshot] = Transfer(offer: offer, touched: now)
        return .accepted(resumeOffset: 0)
    }

    /// Takes a part. The answer names the byte that is wanted next.
    mutating func receive(_ chunk: SnapshotChunk, now: Duration) -> SnapshotChunkReply {
        guard var transfer = transfers.removeValue(forKey: chunk.snapshot) else {
            return SnapshotChunkReply(nextOffset: 0)
        }
        let expected = UInt64(transfer.decoder.byteCount)
        let isNext =
            chunk.offset == expected && Checksum.crc32(chunk.bytes) == chunk.checksum
            && expected + UInt64(chunk.bytes.count) <= transfer.offer.bytes
        if isNext {
            do throws(StoreError) {
                try transfer.decoder.append(chunk.bytes)
            } catch {
                return SnapshotChunkReply(nextOffset: 0)
            }
        }
        transfer.touched = now
        let next = UInt64(transfer.decoder.byteCount)
        transfers[chunk.snapshot] = transfer
        return SnapshotChunkReply(nextOffset: next)
    }

    /// The snapshot whose parts are all there.
    ///
    /// - Throws: what is missing or wrong; the sender begins again.
    mutating func finish(
        _ end: SnapshotFinish,
        in space: IdentifierSpace
    ) throws(StoreError) -> RangeSnapshot {
        guard let transfer = transfers.removeValue(forKey: end.snapshot),
            UInt64(transfer.decoder.byteCount) == end.bytes,
            transfer.decoder.checksum == end.checksum
        else { throw StoreError(.corrupted, "parts of the snapshot are missing: send it again") }
        return try transfer.decoder.snapshot(in: space)
    }
}
