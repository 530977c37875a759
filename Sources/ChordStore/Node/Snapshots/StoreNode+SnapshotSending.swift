// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordRPC
import ChordWire
import Logging
import NIOConcurrencyHelpers

// The Raft message of a snapshot does not travel by itself: the receiver makes it of the snapshot's head when all
// bytes have come. So a receiver never waits for data that do not come.

/// A snapshot that is being sent. Confined to the executor of its ``StoreNode``.
final class OutgoingSnapshot {
    let range: RangeID
    let receiver: ReplicaNumber
    let member: StoreMember
    let snapshot: RangeSnapshot
    let copy: any RowSnapshot
    var transfer: SnapshotTransfer

    init(_ snapshot: RangeSnapshot, to member: StoreMember, _ copy: any RowSnapshot) {
        range = snapshot.state.descriptor.id
        receiver = snapshot.to
        self.member = member
        self.snapshot = snapshot
        self.copy = copy
        transfer = SnapshotTransfer(byteCount: UInt64(copy.byteCount))
    }
}

/// The snapshots that a node sends, and those that wait until others are sent.
struct SnapshotsSent {
    var underWay: [UInt128: OutgoingSnapshot] = [:]
    /// Snapshots that are being copied.
    var beingCopied = 0
    var waiting: [(range: RangeID, receiver: ReplicaNumber)] = []
    var rate = SnapshotRate(bytesPerSecond: nil)

    var count: Int { underWay.count + beingCopied }

    /// The first entry of a range's log that a receiver may still need after its snapshot; nil if none is being
    /// sent.
    func position(of range: RangeID) -> LogIndex? {
        underWay.values.lazy.filter { $0.range == range }.map(\.snapshot.state.applied).min()
    }
}

extension StoreNode {
    /// How long an attempt that has failed is remembered, so that a range is not copied again and again for a
    /// receiver that cannot take it.
    private static let pauseAfterFailure: Duration = .seconds(1)
    private static let callTimeout: Duration = .seconds(30)

    /// A follower needs what the log does not have any more.
    func sendSnapshot(of replica: Replica, to receiver: ReplicaNumber) {
        guard sent.count < settings.snapshots.sentAtOnce else {
            return sent.waiting.append((replica.range, receiver))
        }
        copy(replica, for: receiver)
    }

    private func startWaiting() {
        while failure == nil, !sent.waiting.isEmpty,
            sent.count < settings.snapshots.sentAtOnce
        {
            let next = sent.waiting.removeFirst()
            guard let replica = replicas[next.range], replica.isLeader else { continue }
            copy(replica, for: next.receiver)
        }
    }

    /// Copies the range to a file, by a connection that does not hold up the writer.
    private func copy(_ replica: Replica, for receiver: ReplicaNumber) {
        sent.beingCopied += 1
        let range = replica.range
        let number = replica.number
        let term = replica.machine.term
        let space = space
        let blockBytes = min(settings.snapshots.partBytes, 64 << 10)
        let copied = NIOLockedValueBox<RangeSnapshot?>(nil)
        rows.snapshot(
            { records throws(StoreError) in
                guard let stored = try StoredReplica.load(range, in: space, from: &records),
                    stored.number == number
                else { throw StoreError(.closed, "range \(range) was removed from this disk") }
                let snapshot = RangeSnapshot(
                    state: stored.state,
                    term: term,
                    from: number,
                    to: receiver
                )
                copied.withLockedValue { $0 = snapshot }
                return snapshot.selection(blockBytes: blockBytes)
            },
            { [weak self] result in
                let snapshot = copied.withLockedValue { $0 }
                self?.assumeIsolated { node in
                    node.sent.beingCopied -= 1
                    switch result {
                    case .success(let copy):
                        if let snapshot { node.begin(snapshot, copy) }
                    case .failure(let error):
                        node.couldNotCopy(range, for: receiver, in: term, error)
                    }
                    node.startWaiting()
                }
            }
        )
    }

    private func couldNotCopy(
        _ range: RangeID,
        for receiver: ReplicaNumber,
        in term: Term,
        _ error: StoreError
    ) {
        guard failure == nil else { return }
        guard error.code != .corrupted else { return failed(error, of: range) }
        logger.warning(
            "a snapshot could not be made: \(error)",
            metadata: [StoreLogKeys.range: "\(range)"]
        )
        endSending(of: range, to: receiver, in: term, isComplete: false)
    }

    private func begin(_ snapshot: RangeSnapshot, _ copy: any RowSnapshot) {
        let range = snapshot.state.descriptor.id
        guard failure == nil, let replica = replicas[range] else { return }
        guard replica.isLeader, replica.machine.term == snapshot.term,
            let member = replica.descriptor(of: snapshot.to)?.member
        else { return endSending(of: range, to: snapshot.to, in: snapshot.term, isComplete: false) }
        var isNeeded = true
        drive(replica) { machine in
            do throws(RaftRefusal) {
                try machine.sendSnapshot(to: snapshot.to, at: snapshot.state.applied)
            } catch {
                isNeeded = false
            }
        }
        guard isNeeded else {
            return endSending(of: range, to: snapshot.to, in: snapshot.term, isComplete: false)
        }
        replaceSnapshots(of: range, to: snapshot.to)
        let id = UInt128(executor.random()) << 64 | UInt128(executor.random())
        sent.underWay[id] = OutgoingSnapshot(snapshot, to: member, copy)
        logger.debug(
            "sending a snapshot",
            metadata: [StoreLogKeys.range: "\(range)", StoreLogKeys.peer: "\(member.node)"]
        )
        carryOut(.offer(after: .zero), of: id)
    }

    // MARK: - Steps

    /// Does something for a snapshot after a time, if it is still to be sent.
    private func carryOut(_ step: SnapshotTransfer.Step, of id: UInt128) {
        guard failure == nil, let outgoing = sent.underWay[id] else { return }
        switch step {
        case .offer(let wait): after(wait, id) { $0.offer(id, $1) }
        case .part(let offset, let wait):
            let count = min(
                UInt64(settings.snapshots.partBytes),
                outgoing.transfer.byteCount - offset
            )
            let delay = sent.rate.delay(before: Int(count), now: now + wait) + wait
            after(delay, id) { $0.readPart(at: offset, count: Int(count), of: id, $1) }
        case .finish: finish(id, outgoing)
        case .end(let isComplete):
            sent.underWay[id] = nil
            outgoing.copy.discard()
            endSending(
                of: outgoing.range,
                to: outgoing.receiver,
                in: outgoing.snapshot.term,
                isComplete: isComplete
            )
            startWaiting()
        }
    }

    private func after(
        _ wait: Duration,
        _ id: UInt128,
        _ work: @escaping @Sendable (isolated StoreNode, OutgoingSnapshot) -> Void
    ) {
        let start: @Sendable () -> Void = { [weak self] in
            self?.assumeIsolated { node in
                guard node.failure == nil, let outgoing = node.sent.underWay[id] else { return }
                // A leader of a later term finds out anew what the receiver needs.
                guard let replica = node.replicas[outgoing.range], replica.isLeader,
                    replica.machine.term == outgoing.snapshot.term
                else { return node.carryOut(.end(isComplete: false), of: id) }
                work(node, outgoing)
            }
        }
        guard wait > .zero else { return executor.execute(start) }
        _ = executor.schedule(after: wait, start)
    }

    private func offer(_ id: UInt128, _ outgoing: OutgoingSnapshot) {
        let snapshot = outgoing.snapshot
        let state = snapshot.state
        let offer = SnapshotOffer(
            header: WirePeerHeader(identity, to: outgoing.member.disk),
            snapshot: id,
            descriptor: WireRangeDescriptor(state.descriptor),
            from: snapshot.from.number,
            to: snapshot.to.number,
            term: snapshot.term.number,
            position: WireLogPosition(index: state.applied.number, term: state.appliedTerm.number),
            configuration: WireRaftConfiguration(state.configuration),
            format: RangeSnapshot.format,
            bytes: UInt64(outgoing.copy.byteCount),
            rows: UInt64(outgoing.copy.rowCount),
            isForVoter: state.descriptor.replica(snapshot.to)?.role == .voter
        )
        transport.offer(offer, to: outgoing.member, timeout: Self.callTimeout) {
            [weak self] reply in
            self?.assumeIsolated { node in
                guard let outgoing = node.sent.underWay[id] else { return }
                node.carryOut(outgoing.transfer.offered(reply), of: id)
            }
        }
    }

    private func readPart(
        at offset: UInt64,
        count: Int,
        of id: UInt128,
        _ outgoing: OutgoingSnapshot
    ) {
        outgoing.copy.read(at: Int(offset), atMost: count) { [weak self] result in
            self?.assumeIsolated { node in
                guard node.failure == nil, let outgoing = node.sent.underWay[id] else { return }
                guard case .success(let bytes) = result, bytes.count == count else {
                    // The copy is of no use any more.
                    return node.carryOut(.end(isComplete: false), of: id)
                }
                node.send(bytes, at: offset, of: id, outgoing)
            }
        }
    }

    private func send(
        _ bytes: [UInt8],
        at offset: UInt64,
        of id: UInt128,
        _ outgoing: OutgoingSnapshot
    ) {
        let chunk = SnapshotChunk(
            header: WirePeerHeader(identity, to: outgoing.member.disk),
            snapshot: id,
            offset: offset,
            bytes: bytes,
            checksum: Checksum.crc32(bytes)
        )
        transport.send(chunk, to: outgoing.member, timeout: Self.callTimeout) { [weak self] reply in
            self?.assumeIsolated { node in
                guard let outgoing = node.sent.underWay[id] else { return }
                node.carryOut(outgoing.transfer.sent(from: offset, reply), of: id)
            }
        }
    }

    private func finish(_ id: UInt128, _ outgoing: OutgoingSnapshot) {
        let end = SnapshotFinish(
            header: WirePeerHeader(identity, to: outgoing.member.disk),
            snapshot: id,
            bytes: UInt64(outgoing.copy.byteCount),
            checksum: outgoing.copy.checksum
        )
        transport.finish(end, to: outgoing.member, timeout: Self.callTimeout) { [weak self] reply in
            self?.assumeIsolated { node in
                guard let outgoing = node.sent.underWay[id] else { return }
                node.carryOut(outgoing.transfer.finished(reply), of: id)
            }
        }
    }

    /// Ends what is still sent to a replica that is about to get a newer snapshot. A receiver takes one at a time: two
    /// would push each other out for ever.
    private func replaceSnapshots(of range: RangeID, to receiver: ReplicaNumber) {
        for (id, outgoing) in sent.underWay.sorted(by: { $0.key < $1.key })
        where outgoing.range == range && outgoing.receiver == receiver {
            sent.underWay[id] = nil
            outgoing.copy.discard()
        }
    }

    /// Tells the machine how a snapshot has ended. It is not told of one of an earlier term, or of one that another
    /// has replaced: it would ask for a further one while that is under way.
    private func endSending(
        of range: RangeID,
        to receiver: ReplicaNumber,
        in term: Term,
        isComplete: Bool
    ) {
        let tell: @Sendable () -> Void = { [weak self] in
            self?.assumeIsolated { node in
                guard let replica = node.replicas[range], replica.machine.term == term,
                    !node.sent.underWay.values.contains(where: {
                        $0.range == range && $0.receiver == receiver
                    })
                else { return }
                node.drive(replica) { $0.snapshotSent(to: receiver, isComplete: isComplete) }
            }
        }
        guard !isComplete else { return tell() }
        _ = executor.schedule(after: Self.pauseAfterFailure, tell)
    }
}
