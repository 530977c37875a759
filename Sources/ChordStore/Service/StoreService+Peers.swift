// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire

// The handlers of `chord.v1.StorePeerService`.

extension StoreService {
    var peerMethods: [ServiceMethod] {
        [
            method(StorePeerMethods.raft) { (server, request: RaftRequest, caller, responder) in
                server.receive(request, from: caller.peer, responder)
            },
            method(StorePeerMethods.hint) { (server, request: HintRequest, caller, responder) in
                // A node that holds no data passes calls on, and needs the hints, too.
                if let identity = server.identity,
                    StoreServer.refusal(of: request.header, at: identity) == nil
                {
                    for hint in request.hints { server.directory.note(RangeHint(hint)) }
                    guard server.node != nil else {
                        return responder.succeed(HintReply().encoded(in: server.space))
                    }
                }
                server.answer(request.header, responder) { node in
                    let disk = DiskID(RandomBits(wire: request.header.fromDisk))
                    let known = EmptyCollection<RangeDescriptor>()
                    if request.isLeaving,
                        let name = node.name(of: caller.peer, with: disk, in: known)
                    {
                        node.noteLeaving(disk, said: name)
                    }
                    for hint in request.hints { node.note(RangeHint(hint)) }
                    return HintReply()
                }
            },
            method(StorePeerMethods.locate) { (server, request: LocateRequest, _, responder) in
                let known = server.directory.hint(for: request.position)
                server.answer(request.header, responder) { node -> LocateReply in
                    if let hint = node.locate(request.position) {
                        return .here(WireRangeHint(hint))
                    }
                    return known.map { .ask(WireRangeHint($0)) } ?? .unknown
                }
            },
            method(StorePeerMethods.describe) {
                (server, request: DescribeRangeRequest, _, responder) in
                server.describe(request, responder)
            },
            method(StorePeerMethods.offerSnapshot) {
                (server, request: SnapshotOffer, _, responder) in
                server.answer(request.header, responder) { $0.judge(request) }
            },
            method(StorePeerMethods.sendChunk) { (server, request: SnapshotChunk, _, responder) in
                server.metrics.receivedSnapshot(bytes: request.bytes.count)
                let space = server.space
                let node = server.addressed(by: request.header, responder)
                node?.assumeIsolated { node in
                    node.receive(request) { responder.succeed($0.encoded(in: space)) }
                }
            },
            method(StorePeerMethods.finishSnapshot) {
                (server, request: SnapshotFinish, caller, responder) in
                let disk = DiskID(RandomBits(wire: request.header.fromDisk))
                server.answer(request.header, responder) { node -> SnapshotFinishReply in
                    node.finish(request) { descriptor in
                        node.name(of: caller.peer, with: disk, in: CollectionOfOne(descriptor))
                    }
                }
            },
        ]
    }
}

extension StoreServer {
    /// Answers a call of another node's store, if it is meant for this one.
    func answer<Reply: WireMessage>(
        _ header: WirePeerHeader,
        _ responder: Responder,
        _ body: (isolated StoreNode) -> Reply
    ) {
        guard let node = addressed(by: header, responder) else { return }
        let reply = node.assumeIsolated(body)
        responder.succeed(reply.encoded(in: space))
    }

    /// The store, if a call is meant for it; nil after the call has failed.
    func addressed(by header: WirePeerHeader, _ responder: Responder) -> StoreNode? {
        switch openNode {
        case .failure(let failure): responder.fail(failure.status)
        case .success(let node):
            guard let failure = Self.refusal(of: header, at: node.identity) else { return node }
            responder.fail(failure.status)
        }
        return nil
    }

    static func refusal(
        of header: WirePeerHeader,
        at identity: StoreIdentity
    ) -> StoreFailure? {
        if header.store != identity.store.bits.wire {
            let theirs = StoreID(RandomBits(wire: header.store))
            return .otherStore(theirs: theirs.description, ours: identity.store.description)
        }
        if let disk = header.toDisk, disk != identity.member.disk.bits.wire {
            return .otherDisk(
                theirs: DiskID(RandomBits(wire: disk)).description,
                ours: identity.member.disk.description
            )
        }
        return nil
    }

    /// Takes messages of another node's store, and its sign of life.
    func receive(_ request: RaftRequest, from peer: PeerIdentity, _ responder: Responder) {
        let node: StoreNode
        switch openNode {
        case .failure(let failure): return responder.fail(failure.status)
        case .success(let open): node = open
        }
        if let failure = Self.refusal(of: request.header, at: node.identity) {
            return responder.fail(failure.status)
        }
        let call = request.call
        let process = request.sender
        let answer = node.assumeIsolated { node -> PeerAnswer? in
            if let refusal = node.refusal(of: process) { return refusal }
            let known = call.messages.lazy.compactMap(\.descriptor)
            // A peer that no descriptor names is answered, and counts for nothing.
            guard let name = node.name(of: peer, with: process.disk, in: known) else {
                return PeerAnswer(starts: node.identity.starts)
            }
            return node.receive(call, from: name, process)
        }
        guard let answer else {
            let failure = StoreFailure.closed(node: name, reason: "its log or its rows have failed")
            return responder.fail(failure.status)
        }
        responder.succeed(RaftReply(answer).encoded(in: space))
    }

    /// "Which descriptor of this range do you know?"
    func describe(_ request: DescribeRangeRequest, _ responder: Responder) {
        let space = space
        addressed(by: request.header, responder)?.assumeIsolated { node in
            node.describe(
                RangeID(RandomBits(wire: request.range)),
                isConfirmed: request.mustBeConfirmed
            ) { responder.succeed(DescribeRangeReply($0).encoded(in: space)) }
        }
    }
}
