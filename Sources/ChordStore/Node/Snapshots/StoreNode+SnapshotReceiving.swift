// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
package import ChordWire
import Logging

/// A snapshot of which parts come. Confined to the executor of its ``StoreNode``.
final class IncomingSnapshot {
    let range: RangeID
    let to: ReplicaNumber
    let byteCount: UInt64
    /// Where its rows go. Nobody reads them before the snapshot is installed.
    let slot: Slot
    var decoder: RangeSnapshotDecoder
    /// When the sender was heard of last.
    var touched: Duration
    /// Whether rows of the last part are being written.
    var isWriting = false
    /// Whether the rows have a record of the slot.
    var isRecorded = false

    init(_ offer: SnapshotOffer, into slot: Slot, now: Duration) {
        range = RangeID(RandomBits(wire: offer.descriptor.range))
        to = ReplicaNumber(offer.to)
        byteCount = offer.bytes
        self.slot = slot
        decoder = RangeSnapshotDecoder(into: slot)
        touched = now
    }
}

/// A snapshot whose rows are all in their slot.
struct ReceivedSnapshot: Sendable {
    var snapshot: RangeSnapshot
    var slot: Slot
}

extension StoreNode {
    /// How long a sender waits before it offers a snapshot again, or sends a part again.
    private static let offerPause: Duration = .seconds(1)
    private static let partPause: Duration = .milliseconds(50)

    /// Another node offers a snapshot.
    package func judge(_ offer: SnapshotOffer) -> SnapshotOfferReply {
        let descriptor = RangeDescriptor(offer.descriptor)
        guard failure == nil, let replica = replicas[descriptor.id],
            replica.number.number == offer.to
        else { return .removed }
        guard offer.format == RangeSnapshot.format else { return .unknownFormat }
        if let other = overlapping(descriptor) {
            return .overlaps(WireRangeDescriptor(other))
        }
        if replica.machine.commit.number >= offer.position.index { return .notNeeded }
        if isDiskFull { return .noRoom }
        guard replica.received == nil else { return .busy(wait: Self.offerPause) }
        if let known = incoming[offer.snapshot], known.range == descriptor.id,
            known.byteCount == offer.bytes
        {
            known.touched = now
            return known.isWriting
                ? .busy(wait: Self.partPause) : .accepted(resumeOffset: known.decoder.byteCount)
        }
        // A range has one leader: what a former one has begun is not completed.
        abandonSnapshots(of: descriptor.id)
        guard incoming.count < settings.snapshots.receivedAtOnce else {
            return .busy(wait: Self.offerPause)
        }
        incoming[offer.snapshot] = IncomingSnapshot(offer, into: takeSlot(), now: now)
        return .accepted(resumeOffset: 0)
    }

    /// A part of a snapshot has come. It is answered when its rows are written, so a sender is never far ahead.
    package func receive(
        _ chunk: SnapshotChunk,
        _ completion: @escaping @Sendable (SnapshotChunkReply) -> Void
    ) {
        let id = chunk.snapshot
        guard failure == nil, let snapshot = incoming[id] else {
            return completion(SnapshotChunkReply(nextOffset: 0))
        }
        snapshot.touched = now
        let next = snapshot.decoder.byteCount
        guard !snapshot.isWriting else {
            return completion(SnapshotChunkReply(nextOffset: next, wait: Self.partPause))
        }
        guard chunk.offset == next, next + UInt64(chunk.bytes.count) <= snapshot.byteCount,
            Checksum.crc32(chunk.bytes) == chunk.checksum
        else { return completion(SnapshotChunkReply(nextOffset: next)) }
        do throws(StoreError) {
            let blocks = try snapshot.decoder.append(chunk.bytes)
            write(blocks[...], of: id, completion)
        } catch {
            logger.warning("a snapshot cannot be read: \(error)")
            abandon(id)
            completion(SnapshotChunkReply(nextOffset: 0))
        }
    }

    /// Writes rows block by block. Each block is a short work, so that others do not wait for long.
    private func write(
        _ blocks: ArraySlice<[RowPage.Element]>,
        of id: UInt128,
        _ completion: @escaping @Sendable (SnapshotChunkReply) -> Void
    ) {
        guard failure == nil, let snapshot = incoming[id] else {
            return completion(SnapshotChunkReply(nextOffset: 0))
        }
        guard let block = blocks.first else {
            guard snapshot.isWriting else {
                return completion(SnapshotChunkReply(nextOffset: snapshot.decoder.byteCount))
            }
            return commit(id, completion)
        }
        snapshot.isWriting = true
        let slot = snapshot.slot
        let isFirst = !snapshot.isRecorded
        snapshot.isRecorded = true
        rows.submit(
            { transaction throws(StoreError) in
                if isFirst { try IncomingRows.record(slot, in: &transaction) }
                for element in block { try transaction.put(element.row, at: element.key) }
            },
            { [weak self] result in
                self?.assumeIsolated { node in
                    switch result {
                    case .success: node.write(blocks.dropFirst(), of: id, completion)
                    case .failure(let error):
                        let range = node.incoming[id]?.range
                        node.abandon(id)
                        if error.code != .diskFull, let range { node.failed(error, of: range) }
                        completion(SnapshotChunkReply(nextOffset: 0))
                    }
                }
            }
        )
    }

    /// Commits the rows of a part. A commit of many parts would hold up other works for longer.
    private func commit(
        _ id: UInt128,
        _ completion: @escaping @Sendable (SnapshotChunkReply) -> Void
    ) {
        rows.commit { [weak self] result in
            self?.assumeIsolated { node in
                guard case .success = result, node.failure == nil, let snapshot = node.incoming[id]
                else { return completion(SnapshotChunkReply(nextOffset: 0)) }
                snapshot.isWriting = false
                completion(SnapshotChunkReply(nextOffset: snapshot.decoder.byteCount))
            }
        }
    }

    /// All parts of a snapshot are sent.
    ///
    /// - Parameter sender: the name of the sender, one of the nodes of a descriptor; nil if it is none of them.
    package func finish(
        _ end: SnapshotFinish,
        from sender: (RangeDescriptor) -> String?
    ) -> SnapshotFinishReply {
        guard failure == nil, let incoming = incoming[end.snapshot], !incoming.isWriting else {
            return .failed(reason: "the node has no such snapshot")
        }
        self.incoming[end.snapshot] = nil
        let snapshot: RangeSnapshot
        do throws(StoreError) {
            guard incoming.decoder.byteCount == end.bytes,
                incoming.decoder.checksum == end.checksum
            else {
                throw StoreError(.corrupted, "parts of the snapshot are missing: send it again")
            }
            snapshot = try incoming.decoder.snapshot(in: space)
            guard snapshot.state.descriptor.id == incoming.range, snapshot.to == incoming.to else {
                throw StoreError(.corrupted, "the snapshot is not the one that was offered")
            }
        } catch {
            discard(incoming)
            return .failed(reason: error.message)
        }
        guard let node = sender(snapshot.state.descriptor) else {
            discard(incoming)
            return .failed(reason: "the caller is no node of the range")
        }
        switch take(ReceivedSnapshot(snapshot: snapshot, slot: incoming.slot), from: node) {
        case .installing: return .installed
        case .notNeeded:
            discard(incoming)
            return .installed
        case .refused:
            discard(incoming)
            return .failed(reason: "the node does not take the snapshot now")
        }
    }

    // MARK: - Giving up

    /// Deletes what has come of snapshots whose senders have been silent for long.
    func abandonSilentSnapshots() {
        let now = now
        for (id, snapshot) in incoming.sorted(by: { $0.key < $1.key })
        where !snapshot.isWriting && now - snapshot.touched > settings.snapshots.patience {
            abandon(id)
        }
    }

    func abandonSnapshots(of range: RangeID) {
        for (id, snapshot) in incoming.sorted(by: { $0.key < $1.key })
        where snapshot.range == range {
            abandon(id)
        }
    }

    private func abandon(_ id: UInt128) {
        guard let snapshot = incoming.removeValue(forKey: id) else { return }
        discard(snapshot)
    }

    /// Deletes the rows of a snapshot that will not be installed.
    private func discard(_ snapshot: IncomingSnapshot) {
        guard snapshot.isRecorded, failure == nil else { return }
        let slot = snapshot.slot
        rows.submit(
            { transaction throws(StoreError) in
                try IncomingRows.discard(slot, in: &transaction)
            },
            { [weak self] result in
                self?.assumeIsolated { node in
                    if case .failure(let error) = result { return node.fail(error) }
                    node.clearDiscardedRows()
                }
            }
        )
    }
}
