// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordRPC
import ChordWire
import Logging

extension StoreServer {
    /// Time between two requests to the leaders.
    private static let leavingInterval: Duration = .seconds(1)
    /// How long a range may be without a leader, or without a majority on other nodes, before the node stays.
    private static let patience: Duration = .seconds(20)

    /// Moves all replicas of this node to others, before it leaves for good. Cancelling the task keeps the node and
    /// its replicas.
    ///
    /// - Throws: a status that says which range would be lost.
    func moveAway() async throws(Status) {
        guard let node else { return }
        var obstacle: (text: String, since: Duration)?
        var reported = -1
        var told: Set<StoreMember> = []
        while true {
            let remaining = await node.remaining
            guard !remaining.ranges.isEmpty else { return }
            if let range = remaining.onlyHere.first {
                throw Status(
                    .failedPrecondition,
                    "\(name) holds the only copy of range \(range), and no other member can take it: start"
                        + " another node first, or end this one with SIGTERM and keep its data directory"
                )
            }
            let found = self.obstacle(in: remaining)
            if found != obstacle?.text { obstacle = found.map { ($0, now) } }
            if let obstacle, now - obstacle.since >= Self.patience {
                throw Status(.failedPrecondition, obstacle.text)
            }
            if remaining.ranges.count != reported {
                reported = remaining.ranges.count
                logger.info("leaving for good: \(reported) ranges are to move to other nodes")
            }
            await say(remaining.ranges, by: node, to: &told)
            guard await pause(Self.leavingInterval) else {
                throw Status(.cancelled, "\(name) stays: its caller no longer waits")
            }
        }
    }

    /// What prevents that a range moves, as long as nobody does something about it; nil if nothing does.
    private func obstacle(in remaining: StoreNode.Remaining) -> String? {
        if let range = remaining.leaderless.first {
            return
                "range \(range) has no leader, so the replica of \(name) cannot be moved: start the other nodes"
                + " that hold it"
        }
        return remaining.withoutMajority.first.map { range, silent in
            "without \(name) range \(range) would have no majority, because"
                + " \(silent.joined(separator: ", ")) does not answer: start it again, or start another node,"
                + " and let \(name) leave then"
        }
    }

    /// Tells the leaders of ranges that this node leaves. Those that were told before hear it again: they would give
    /// this node a replica anew, as it is a member still.
    private func say(_ ranges: [RangeHint], by node: StoreNode, to told: inout Set<StoreMember>)
        async
    {
        let identity = node.identity
        for hint in ranges {
            guard let leader = hint.leader.flatMap({ hint.descriptor.replica($0) }) else {
                continue
            }
            told.insert(StoreMember(node: leader.node, address: leader.address, disk: leader.disk))
        }
        await node.noteLeaving(identity.member.disk, said: identity.member.node)
        let hints = ranges.prefix(64).map { WireRangeHint($0) }
        for member in told where member.disk != identity.member.disk {
            let request = HintRequest(
                header: WirePeerHeader(identity, to: member.disk),
                hints: hints,
                isLeaving: true
            )
            calls.ask(StorePeerMethods.hint, of: member, request, timeout: Self.leavingInterval) {
                (_: HintReply?) in
            }
        }
    }

    /// Waits; false if the task was cancelled.
    private func pause(_ time: Duration) async -> Bool {
        await withCheckedContinuation { continuation in
            _ = executor.schedule(after: time) { continuation.resume() }
        }
        return !Task.isCancelled
    }
}
