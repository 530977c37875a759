// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
package import ChordWire

/// Carries Raft messages and snapshots between the stores of a ring.
package struct RingStoreTransport: StoreTransport {
    private let calls: StoreCalls
    private let identity: StoreIdentity
    private let timeout: Duration

    /// - Parameter timeout: how long a call with messages may take. A longer one waits for what Raft repeats
    ///   anyway.
    package init(_ calls: StoreCalls, identity: StoreIdentity, timeout: Duration) {
        self.calls = calls
        self.identity = identity
        self.timeout = timeout
    }

    package func send(
        _ call: PeerCall,
        to member: StoreMember,
        _ completion: @escaping @Sendable (PeerAnswer?) -> Void
    ) {
        let request = RaftRequest(header: WirePeerHeader(identity, to: member.disk), call)
        calls.ask(StorePeerMethods.raft, of: member, request, timeout: timeout) {
            (reply: RaftReply?) in
            completion(reply?.answer)
        }
    }

    package func describe(
        _ range: RangeID,
        isConfirmed: Bool,
        to member: StoreMember,
        _ completion: @escaping @Sendable (RangeDescription?) -> Void
    ) {
        let request = DescribeRangeRequest(
            header: WirePeerHeader(identity, to: member.disk),
            range: range.bits.wire,
            epoch: nil,
            mustBeConfirmed: isConfirmed
        )
        calls.ask(StorePeerMethods.describe, of: member, request, timeout: timeout) {
            (reply: DescribeRangeReply?) in
            completion(reply.map { RangeDescription($0) })
        }
    }

    package func offer(
        _ offer: SnapshotOffer,
        to member: StoreMember,
        timeout: Duration,
        _ completion: @escaping @Sendable (SnapshotOfferReply?) -> Void
    ) {
        calls.ask(StorePeerMethods.offerSnapshot, of: member, offer, timeout: timeout, completion)
    }

    package func send(
        _ chunk: SnapshotChunk,
        to member: StoreMember,
        timeout: Duration,
        _ completion: @escaping @Sendable (SnapshotChunkReply?) -> Void
    ) {
        calls.ask(StorePeerMethods.sendChunk, of: member, chunk, timeout: timeout, completion)
    }

    package func finish(
        _ end: SnapshotFinish,
        to member: StoreMember,
        timeout: Duration,
        _ completion: @escaping @Sendable (SnapshotFinishReply?) -> Void
    ) {
        calls.ask(StorePeerMethods.finishSnapshot, of: member, end, timeout: timeout, completion)
    }
}

extension RangeDescription {
    init(_ wire: DescribeRangeReply) {
        self.init(
            hint: wire.hint.map { RangeHint($0) },
            isConfirmed: wire.isConfirmed,
            lowestNumber: wire.nextReplica.map { ReplicaNumber($0) }
        )
    }
}

extension DescribeRangeReply {
    init(_ description: RangeDescription) {
        self.init(
            hint: description.hint.map { WireRangeHint($0) },
            isConfirmed: description.isConfirmed,
            nextReplica: description.lowestNumber?.number
        )
    }
}
