// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import ChordWire

/// Sends one snapshot: the offer, its bytes in chunks, and the end. What the receiver has lost is sent again.
///
/// Unchecked: confined to the executor of the node, on which all calls complete.
final class SnapshotSender: @unchecked Sendable {
    private let snapshot: RangeSnapshot
    private let bytes: [UInt8]
    private let id: UInt128
    private let member: StoreMember
    private let header: WirePeerHeader
    private let calls: StoreCalls
    private let completion: @Sendable (Bool) -> Void
    private var offersLeft = 20

    private static let chunkBytes = 1 << 20
    private static let timeout: Duration = .seconds(30)

    init(
        _ snapshot: RangeSnapshot,
        to member: StoreMember,
        header: WirePeerHeader,
        calls: StoreCalls,
        _ completion: @escaping @Sendable (Bool) -> Void
    ) {
        self.snapshot = snapshot
        bytes = snapshot.encoded(in: calls.space)
        id = UInt128(calls.executor.random()) << 64 | UInt128(calls.executor.random())
        self.member = member
        self.header = header
        self.calls = calls
        self.completion = completion
    }

    func offer() {
        guard offersLeft > 0 else { return completion(false) }
        offersLeft -= 1
        let state = snapshot.state
        let message = SnapshotOffer(
            header: header,
            snapshot: id,
            descriptor: WireRangeDescriptor(state.descriptor),
            from: snapshot.from.number,
            to: snapshot.to.number,
            term: snapshot.term.number,
            position: WireLogPosition(index: state.applied.number, term: state.appliedTerm.number),
            configuration: WireRaftConfiguration(state.configuration),
            format: RangeSnapshot.format,
            bytes: UInt64(bytes.count),
            rows: UInt64(snapshot.rows.count),
            isForVoter: state.descriptor.replica(snapshot.to)?.role == .voter
        )
        calls.ask(StorePeerMethods.offerSnapshot, of: member, message, timeout: Self.timeout) {
            [self] (reply: SnapshotOfferReply?) in
            switch reply {
            case .accepted(let offset): send(from: offset)
            case .busy(let wait):
                _ = calls.executor.schedule(after: min(wait, .seconds(30))) { [self] in offer() }
            case .notNeeded: completion(true)
            case .overlaps, .noRoom, .removed, .unknownFormat, nil: completion(false)
            }
        }
    }

    private func send(from offset: UInt64) {
        guard offset < UInt64(bytes.count) else { return finish() }
        let start = Int(offset)
        let part = Array(bytes[start..<min(bytes.count, start + Self.chunkBytes)])
        let chunk = SnapshotChunk(
            header: header,
            snapshot: id,
            offset: offset,
            bytes: part,
            checksum: Checksum.crc32(part)
        )
        calls.ask(StorePeerMethods.sendChunk, of: member, chunk, timeout: Self.timeout) {
            [self] (reply: SnapshotChunkReply?) in
            // A receiver that has lost its bytes, or a lost answer: the offer tells where to go on.
            guard let reply, reply.nextOffset > offset else { return offer() }
            guard reply.wait > .zero else { return send(from: reply.nextOffset) }
            _ = calls.executor.schedule(after: min(reply.wait, .seconds(30))) { [self] in
                send(from: reply.nextOffset)
            }
        }
    }

    private func finish() {
        let end = SnapshotFinish(
            header: header,
            snapshot: id,
            bytes: UInt64(bytes.count),
            checksum: Checksum.crc32(bytes)
        )
        calls.ask(StorePeerMethods.finishSnapshot, of: member, end, timeout: Self.timeout) {
            [completion] (reply: SnapshotFinishReply?) in completion(reply == .installed)
        }
    }
}
