// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import ChordRuntime

extension StoreServer {
    /// The store members at or after a place, once the ring is sure of them; nil before. Asks the place's owner
    /// now and then.
    func wantedMembers(at place: Identifier) -> [StoreMember]? {
        let settling = setup.settings.settleTime
        if survey.shouldAsk(place, settling: settling, now: now) {
            Task(executorPreference: executor) { await self.ask(place) }
        }
        return survey.members(at: place, settling: settling, now: now)
    }

    private func ask(_ place: Identifier) async {
        let nodes = await nodes(at: place)
        survey.note(
            nodes.map(Self.members),
            positions: nodes.map(Self.positions),
            at: place,
            now: now
        )
    }

    /// What the owner of a place says: its predecessor, itself and its successors.
    private func nodes(
        at place: Identifier
    ) async -> (predecessor: NodeReference, others: [NodeReference])? {
        guard let owner = try? await context.lookup(place).owner else { return nil }
        let view = context.view
        if owner.id == view.node.id { return (view.predecessor, [view.node] + view.successors) }
        guard let state = await context.state(of: owner, timeout: .seconds(2)) else { return nil }
        return (state.predecessor, [state.node] + state.successors)
    }

    /// The owner and its successors, as far as they hold data.
    private static func members(
        _ nodes: (predecessor: NodeReference, others: [NodeReference])
    ) -> [StoreMember] {
        var seen: Set<DiskID> = []
        return nodes.others.compactMap { node in
            guard let disk = node.disk, seen.insert(disk).inserted else { return nil }
            return StoreMember(node: node.name, address: node.address, disk: disk)
        }
    }

    /// Where members are that hold data. Those that a range has beyond the owner's predecessor are found when the
    /// lower part of the range is a range of its own.
    private static func positions(
        _ nodes: (predecessor: NodeReference, others: [NodeReference])
    ) -> Set<Identifier> {
        Set(([nodes.predecessor] + nodes.others).filter { $0.disk != nil }.map(\.id))
    }

    /// Gives leaderships to other replicas before the node leaves.
    func handOver(within allowance: Duration) async {
        relays.stop()
        guard let node else { return }
        await node.setWantedMembers { _ in nil }
        let deadline = executor.now + min(allowance, setup.settings.raft.electionTimeoutMaximum)
        while executor.now < deadline, !Task.isCancelled, await node.giveAwayLeaderships() {
            await withCheckedContinuation { continuation in
                _ = executor.schedule(after: .milliseconds(20)) { continuation.resume() }
            }
        }
        await node.stopWatches()
    }
}
