// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRuntime
import ChordWire
import Logging

extension StoreServer {
    /// How long one node may take to answer where a position is.
    private static let patience: Duration = .seconds(2)
    /// Members that the walk around the ring asks at most. A larger ring is walked by later attempts from
    /// other places.
    private static let longestWalk = 10_000

    /// Finds the range with a position: asks the position's owner, the owner's neighbours, which hold the range as
    /// a rule, and then every member of the ring in turn.
    ///
    /// - Returns: nil if nobody who answers knows the range.
    func find(_ position: Identifier) async -> RangeHint? {
        guard let identity else { return nil }
        let owner: NodeReference
        do throws(ChordError) {
            owner = try await context.lookup(position).owner
        } catch {
            logger.debug("no owner of a position was found: \(error)")
            var asked: Set<DiskID> = [identity.member.disk]
            return await locate(position, among: neighbours, as: identity, besides: &asked)
        }
        var asked: Set<DiskID> = [identity.member.disk]
        var state = await ringState(of: owner)
        let first =
            (state.map { [$0.node] + $0.successors + [$0.predecessor] } ?? [owner]) + neighbours
        if let hint = await locate(position, among: first, as: identity, besides: &asked) {
            return hint
        }
        // Replicas can lie elsewhere after many nodes have joined at once.
        var walked = 0
        var seen: Set<Identifier> = [owner.id]
        while let present = state, walked < Self.longestWalk {
            if let hint = await locate(
                position,
                among: present.successors,
                as: identity,
                besides: &asked
            ) {
                return hint
            }
            walked += present.successors.count
            guard let last = present.successors.last, seen.insert(last.id).inserted else {
                return nil
            }
            state = await ringState(of: last)
        }
        return nil
    }

    private var neighbours: [NodeReference] {
        let view = context.view
        return [view.predecessor] + view.successors
    }

    private func ringState(of node: NodeReference) async -> RingState? {
        let view = context.view
        if node.id == view.node.id {
            return RingState(
                node: view.node,
                predecessor: view.predecessor,
                successors: view.successors
            )
        }
        return await context.state(of: node, timeout: Self.patience)
    }

    /// Asks store members at the same time where a position is. The newest hint counts.
    private func locate(
        _ position: Identifier,
        among members: [NodeReference],
        as identity: StoreIdentity,
        besides asked: inout Set<DiskID>
    ) async -> RangeHint? {
        var receivers: [StoreMember] = []
        for member in members {
            guard let disk = member.disk, asked.insert(disk).inserted else { continue }
            receivers.append(StoreMember(node: member.name, address: member.address, disk: disk))
        }
        guard !receivers.isEmpty else { return nil }
        let replies = await withCheckedContinuation {
            (continuation: CheckedContinuation<[LocateReply?], Never>) in
            let answers = Answers<LocateReply>(count: receivers.count) {
                continuation.resume(returning: $0)
            }
            for receiver in receivers {
                let request = LocateRequest(
                    header: WirePeerHeader(identity, to: receiver.disk),
                    position: position
                )
                calls.ask(StorePeerMethods.locate, of: receiver, request, timeout: Self.patience) {
                    answers.add($0)
                }
            }
        }
        var best: RangeHint?
        for case .some(let reply) in replies {
            let hint: RangeHint
            switch reply {
            case .here(let known), .ask(let known): hint = RangeHint(known)
            case .unknown: continue
            }
            guard hint.descriptor.bounds.contains(position) else { continue }
            if best.map({ hint.isNewer(than: $0) }) ?? true { best = hint }
        }
        if let best { directory.note(best) }
        return best
    }

    // MARK: - For routed calls

    func hasReplica(of range: RangeID) -> Bool {
        node?.assumeIsolated { $0.number(of: range) != nil } ?? false
    }

    /// Whether a replica of this node has not heard of a leader for so long that others may know more of its range.
    func doubts(_ range: RangeID) -> Bool { node?.assumeIsolated { $0.doubts(range) } ?? false }

    /// A range has answered.
    func note(_ answer: WireRangeAnswer?) {
        guard let answer else { return }
        let time = RangeTime(milliseconds: answer.timeMilliseconds)
        directory.note(time, of: RangeID(RandomBits(wire: answer.range)), now: now)
    }

    func missing(of range: RangeID) -> [String] {
        node?.assumeIsolated { $0.missing(of: range) } ?? []
    }
}

/// Collects the answers to questions that were asked at the same time.
///
/// Unchecked: confined to the executor of the node.
private final class Answers<Answer: Sendable>: @unchecked Sendable {
    private var open: Int
    private var answers: [Answer?] = []
    private let completion: @Sendable ([Answer?]) -> Void

    init(count: Int, _ completion: @escaping @Sendable ([Answer?]) -> Void) {
        open = count
        self.completion = completion
    }

    func add(_ answer: Answer?) {
        answers.append(answer)
        open -= 1
        if open == 0 { completion(answers) }
    }
}
