// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire

// A leader tells the owners of its range's first and last position where the range is. So a node that owns a position
// without holding it, as after many joins or as a member without a store, answers at once, and nobody walks the ring.

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

    private func tell(of hints: [RangeHint]) async {
        guard let identity else { return }
        var calls: [NodeReference: [RangeHint]] = [:]
        for hint in hints {
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
            send(hints, to: owner, as: identity)
        }
    }

    private func send(
        _ hints: [RangeHint],
        to owner: NodeReference,
        as identity: StoreIdentity
    ) {
        let request = HintRequest(
            header: WirePeerHeader(identity, to: owner.disk),
            hints: hints.prefix(WireLimits.hints.upperBound).map { WireRangeHint($0) }
        )
        calls.call(
            StorePeerMethods.hint,
            of: owner.name,
            at: owner.address,
            request.encoded(in: space),
            deadline: executor.now + Self.hintTimeout
        ) { _, _ in }
    }
}

extension StoreNode {
    /// The ranges that this node leads.
    var ledRanges: [RangeHint] {
        replicas.values.filter { $0.isLeader && $0.view.hasData }.map(hint)
    }
}
