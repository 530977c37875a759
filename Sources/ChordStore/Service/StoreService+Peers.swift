// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import ChordWire

// The handlers of `chord.v1.StorePeerService`.

extension StoreService {
    var peerMethods: [ServiceMethod] {
        [
            method(StorePeerMethods.raft) { (server, request: RaftRequest, caller, responder) in
                let messages = request.groupMessages
                server.answer(request.header, responder) { node in
                    let sender = node.name(
                        of: caller.peer,
                        with: DiskID(RandomBits(wire: request.header.fromDisk)),
                        in: messages.lazy.compactMap(\.descriptor)
                    )
                    if let sender { node.receive(messages, from: sender) }
                    return RaftReply(starts: node.identity.starts)
                }
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
                let now = server.now
                var receiver = server.receiver
                server.answer(request.header, responder) { node -> SnapshotOfferReply in
                    let range = RangeID(RandomBits(wire: request.descriptor.range))
                    guard node.number(of: range)?.number == request.to else { return .removed }
                    let descriptor = RangeDescriptor(request.descriptor)
                    if let other = node.overlapping(descriptor) {
                        return .overlaps(WireRangeDescriptor(other))
                    }
                    return receiver.judge(request, now: now)
                }
                server.receiver = receiver
            },
            method(StorePeerMethods.sendChunk) { (server, request: SnapshotChunk, _, responder) in
                server.metrics.receivedSnapshot(bytes: request.bytes.count)
                let reply = server.receiver.receive(request, now: server.now)
                server.answer(request.header, responder) { _ in reply }
            },
            method(StorePeerMethods.finishSnapshot) {
                (server, request: SnapshotFinish, caller, responder) in
                let snapshot: RangeSnapshot
                do throws(StoreError) {
                    snapshot = try server.receiver.finish(request, in: server.space)
                } catch {
                    return server.answer(request.header, responder) { _ in
                        SnapshotFinishReply.failed(reason: error.message)
                    }
                }
                server.answer(request.header, responder) { node -> SnapshotFinishReply in
                    let sender = node.name(
                        of: caller.peer,
                        with: DiskID(RandomBits(wire: request.header.fromDisk)),
                        in: CollectionOfOne(snapshot.state.descriptor)
                    )
                    guard let sender, node.receive(snapshot, from: sender) else {
                        return .failed(reason: "the node has no such replica")
                    }
                    return .installed
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
        switch openNode {
        case .failure(let failure): responder.fail(failure.status)
        case .success(let node):
            if let failure = Self.refusal(of: header, at: node.identity) {
                return responder.fail(failure.status)
            }
            let reply = node.assumeIsolated(body)
            responder.succeed(reply.encoded(in: space))
        }
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

    /// "Which descriptor of this range do you know?"
    func describe(_ request: DescribeRangeRequest, _ responder: Responder) {
        let node: StoreNode
        switch openNode {
        case .failure(let failure): return responder.fail(failure.status)
        case .success(let open): node = open
        }
        if let failure = Self.refusal(of: request.header, at: node.identity) {
            return responder.fail(failure.status)
        }
        let space = space
        node.assumeIsolated { node in
            node.describe(
                RangeID(RandomBits(wire: request.range)),
                isConfirmed: request.mustBeConfirmed
            ) { responder.succeed(DescribeRangeReply($0).encoded(in: space)) }
        }
    }
}
