// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordStore
import ChordWire

/// Messages of one node to the others.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class SimulatedStoreTransport: StoreTransport, @unchecked Sendable {
    private unowned let world: StoreWorld
    private let identity: StoreIdentity
    private let sender: String
    private let executor: SimulatedExecutor

    init(world: StoreWorld, from identity: StoreIdentity, executor: SimulatedExecutor) {
        self.world = world
        self.identity = identity
        sender = identity.member.node
        self.executor = executor
    }

    func send(
        _ content: PeerCall,
        to member: StoreMember,
        _ completion: @escaping @Sendable (PeerAnswer?) -> Void
    ) {
        // The bytes that travel between real nodes, so that nothing arrives here that is lost there.
        let header = WirePeerHeader(identity, to: member.disk)
        let bytes = RaftRequest(header: header, content).encoded(in: .standard)
        call(member, completion, ifLost: nil) { [world, sender] node, answer in
            do throws(WireError) {
                let request = try RaftRequest(decoding: bytes, space: .standard)
                for message in request.groupMessages {
                    world.noteMessage(about: message.range, at: node.identity.member.node)
                }
                let reply = node.receive(request.call, from: sender, request.sender)
                guard let bytes = reply.map({ RaftReply($0).encoded(in: .standard) }) else {
                    return
                }
                answer(try RaftReply(decoding: bytes, space: .standard).answer)
            } catch {
                world.ring.problems.append("messages of \(sender) cannot be read: \(error)")
            }
        }
    }

    func offer(
        _ offer: SnapshotOffer,
        to member: StoreMember,
        timeout: Duration,
        _ completion: @escaping @Sendable (SnapshotOfferReply?) -> Void
    ) {
        guard let offer = travelled(offer) else { return }
        world.snapshotBytes[offer.snapshot] = offer.bytes
        call(member, completion, ifLost: nil) { node, answer in answer(node.judge(offer)) }
    }

    func send(
        _ chunk: SnapshotChunk,
        to member: StoreMember,
        timeout: Duration,
        _ completion: @escaping @Sendable (SnapshotChunkReply?) -> Void
    ) {
        guard let chunk = travelled(chunk) else { return }
        world.parts.append(
            SnapshotPart(
                snapshot: chunk.snapshot,
                offset: chunk.offset,
                sender: sender,
                receiver: member.node
            )
        )
        call(member, completion, ifLost: nil) { node, answer in
            node.receive(chunk) { answer($0) }
        }
    }

    func finish(
        _ end: SnapshotFinish,
        to member: StoreMember,
        timeout: Duration,
        _ completion: @escaping @Sendable (SnapshotFinishReply?) -> Void
    ) {
        guard let end = travelled(end) else { return }
        call(member, completion, ifLost: nil, after: world.snapshotTime()) {
            [world, sender] node, answer in
            answer(node.finish(end) { _ in sender })
            world.spring(.snapshot, at: node.identity.member.node)
        }
    }

    /// A message as the bytes tell it that travel between real nodes.
    private func travelled<Message: WireMessage>(_ message: Message) -> Message? {
        do throws(WireError) {
            return try Message(decoding: message.encoded(in: .standard), space: .standard)
        } catch {
            world.ring.problems.append("a message of \(sender) cannot be read: \(error)")
            return nil
        }
    }

    func describe(
        _ range: RangeID,
        isConfirmed: Bool,
        to member: StoreMember,
        _ completion: @escaping @Sendable (RangeDescription?) -> Void
    ) {
        call(member, completion, ifLost: nil) { node, answer in
            node.describe(range, isConfirmed: isConfirmed) { answer($0) }
        }
    }

    /// A call whose question or answer may be lost.
    private func call<Answer: Sendable>(
        _ member: StoreMember,
        _ completion: @escaping @Sendable (Answer) -> Void,
        ifLost: Answer,
        after time: Int64 = 0,
        _ body:
            @escaping @Sendable (isolated StoreNode, @escaping @Sendable (Answer) -> Void) -> Void
    ) {
        let answered = OneShot(completion, on: executor)
        world.scheduler.schedule(at: world.scheduler.now + 2_000_000_000 + time, for: nil) {
            answered.end(with: ifLost)
        }
        world.network.send(from: sender, to: member.node, after: time) { [world, sender] in
            // A node on another disk refuses calls that are meant for its former one.
            guard let receiver = world.nodes[member.node], receiver.member.disk == member.disk,
                let node = receiver.node, let executor = receiver.executor
            else { return }
            executor.execute {
                node.assumeIsolated { node in
                    body(node) { result in
                        world.network.send(from: member.node, to: sender) {
                            answered.end(with: result)
                        }
                    }
                }
            }
        }
    }
}

/// The answer to a call, or its time limit, whichever comes first.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
private final class OneShot<Answer: Sendable>: @unchecked Sendable {
    private var completion: (@Sendable (Answer) -> Void)?
    private let executor: SimulatedExecutor

    init(_ completion: @escaping @Sendable (Answer) -> Void, on executor: SimulatedExecutor) {
        self.completion = completion
        self.executor = executor
    }

    func end(with result: Answer) {
        guard let completion = completion.take(), !executor.isDead else { return }
        executor.execute { completion(result) }
    }
}
