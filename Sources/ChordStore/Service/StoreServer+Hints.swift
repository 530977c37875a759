// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire

// A leader tells the owners of its range's first and last position where the range is. So a node that owns a position
// without holding it, as after many joins or as a member without a store, answers at once, and nobody walks the ring.
// The nodes of replicas that it has removed are told once: they hear of no leader, and callers wait there.

extension StoreServer {
    private static let hintInterval: Duration = .seconds(1)
    private static let hintTimeout: Duration = .seconds(2)

    /// Begins to tell of the ranges that this node leads, every second of those that are due.
    func scheduleHints() {
        guard !isClosed else { return }
        hintTimer?.cancel()
        hintTimer = executor.schedule(after: Self.hintInterval) { [weak self] in
            self?.assumeIsolated { server in
                guard let node = server.node, !server.isClosed else { return }
                let due = server.hintSchedule.due(
                    node.assumeIsolated { $0.ledRanges },
                    now: server.now
                )
                // Lookups of a ring that heals take a while: the next round waits for them.
                guard !due.isEmpty else { return server.scheduleHints() }
                Task(executorPreference: server.executor) {
                    await server.tell(of: due)
                    await server.scheduleHints()
                }
            }
        }
    }

    private func tell(of ranges: [HintSchedule.Due]) async {
        guard let identity else { return }
        for range in ranges {
            for replica in range.former where replica.disk != identity.member.disk {
                send(
                    [range.hint],
                    to: replica.node,
                    at: replica.address,
                    replica.disk,
                    as: identity
                )
            }
        }
        var calls: [NodeReference: [RangeHint]] = [:]
        for hint in ranges.map(\.hint) {
            let bounds = hint.descriptor.bounds
            let first = space.adding(bounds.lowerBound, Identifier(1))
            for position in Set([first, bounds.upperBound]) {
                guard let owner = try? await context.lookup(position).owner,
                    // A replica knows its range, and so does this node.
                    owner.name != name,
                    owner.disk.map({ hint.descriptor.replica(on: $0) == nil }) ?? true
                else { continue }
                if calls[owner]?.contains(hint) != true { calls[owner, default: []].append(hint) }
            }
        }
        for (owner, hints) in calls.sorted(by: { $0.key.id < $1.key.id }) {
            send(hints, to: owner.name, at: owner.address, owner.disk, as: identity)
        }
    }

    private func send(
        _ hints: [RangeHint],
        to node: String,
        at address: String,
        _ disk: DiskID?,
        as identity: StoreIdentity
    ) {
        let request = HintRequest(
            header: WirePeerHeader(identity, to: disk),
            hints: hints.prefix(WireLimits.hints.upperBound).map { WireRangeHint($0) }
        )
        calls.call(
            StorePeerMethods.hint,
            of: node,
            at: address,
            request.encoded(in: space),
            deadline: executor.now + Self.hintTimeout
        ) { _, _ in }
    }
}

extension StoreNode {
    /// What a leader says of its range: a replica that it does not name asks at once whether it was removed.
    func note(_ hint: RangeHint) {
        guard let replica = replicas[hint.descriptor.id],
            hint.descriptor.replica(replica.number) == nil,
            hint.descriptor.epoch.isNewer(than: replica.view.descriptor.epoch)
        else { return }
        askAtOnce(about: replica)
    }

    /// Whether a replica of this node has not heard of a leader for so long that others may know more of its range.
    func doubts(_ range: RangeID) -> Bool {
        guard let replica = replicas[range], !replica.isLeader, !replica.machine.isQuiet else {
            return false
        }
        let contact = max(replica.machine.leaderContact ?? .zero, replica.doubtsSince)
        return now - contact >= settings.raft.electionTimeoutMaximum
    }

    /// The ranges that this node leads.
    var ledRanges: [RangeHint] {
        replicas.values.filter { $0.isLeader && $0.view.hasData }.map(hint)
    }
}
