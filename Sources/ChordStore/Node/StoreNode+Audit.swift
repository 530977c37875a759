// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore

/// What one replica holds, for the check that all replicas of a range are equal.
package struct ReplicaAudit: Sendable {
    package var number: ReplicaNumber
    package var isLeader: Bool
    package var state: RangeState
    /// All rows of the range, in order; their slot is this disk's.
    package var rows: [RowPage.Element]
}

/// What a node's disk holds.
package struct NodeAudit: Sendable {
    /// The replicas with data.
    package var replicas: [ReplicaAudit]
    /// Replicas that wait for their data.
    package var waiting: [RangeID]
    /// Rows that belong to no replica.
    package var strayRows: Int
    /// Rows are still to be deleted.
    package var isClearing: Bool
    /// Ranges whose replicas have stopped because their data are damaged.
    package var damaged: [RangeID] = []
    /// Ranges whose replicas have stopped because their logs contradict what others have seen of them, and why.
    package var halted: [RangeID: RaftHalt] = [:]
}

/// A range of which a node has a replica.
package struct HeldRange: Hashable, Sendable {
    package var range: RangeID
    package var isLed: Bool
    package var isPromised: Bool
}

extension StoreNode {
    /// The ranges whose replicas here do not rest.
    package var awakeReplicas: [RangeID] {
        replicas.values.filter { !$0.machine.isQuiet }.map(\.range).sorted()
    }

    /// The ranges that are led here, and the last position of each.
    package var ledPositions: [(range: RangeID, position: Identifier)] {
        replicas.values.filter(\.isLeader).sorted { $0.range < $1.range }
            .map { ($0.range, $0.view.descriptor.bounds.upperBound) }
    }

    /// The ranges of which this node has data, and those in whose recovery it takes part.
    package var heldRanges: [HeldRange] {
        replicas.values.filter(\.view.hasData).map {
            HeldRange(range: $0.range, isLed: $0.isLeader, isPromised: false)
        } + promised.keys.map { HeldRange(range: $0, isLed: false, isPromised: true) }
    }

    /// Whether the store has ended because its disk was given up.
    package var isGivenUp: Bool { failure?.code == .givenUp }

    /// Reads everything that this node holds. For checks of small stores: all of it is in memory at once.
    package func audit(
        _ completion: @escaping @Sendable (Result<NodeAudit, StoreError>) -> Void
    ) {
        if let failure { return completion(.failure(failure)) }
        let held = replicas.values.sorted { $0.range < $1.range }
        let leaders = Set(held.filter(\.isLeader).map(\.range))
        let states = held.map(\.state)
        let damaged = damaged.keys.sorted()
        let halted = Dictionary(
            uniqueKeysWithValues: held.compactMap { replica in
                replica.machine.halt.map { (replica.range, $0) }
            }
        )
        rows.submit(
            { transaction throws(StoreError) in
                var audit = NodeAudit(replicas: [], waiting: [], strayRows: 0, isClearing: false)
                var damage: [(range: RangeID, error: StoreError)] = []
                for state in states {
                    try state.refresh(in: &transaction)
                    guard state.state.hasData else {
                        audit.waiting.append(state.state.descriptor.id)
                        continue
                    }
                    do throws(StoreError) {
                        audit.replicas.append(
                            ReplicaAudit(
                                number: state.stored.number,
                                isLeader: leaders.contains(state.state.descriptor.id),
                                state: state.state,
                                rows: try transaction.rows(of: state.state)
                            )
                        )
                    } catch {
                        damage.append((state.state.descriptor.id, error))
                    }
                }
                audit.damaged = damaged
                audit.halted = halted
                audit.isClearing = try !DiscardedRows.all(in: &transaction).isEmpty
                var all = 0
                for slot in try transaction.slots() {
                    all += try transaction.count(RowInterval(slot: slot), atMost: .max)
                }
                audit.strayRows = all - audit.replicas.reduce(0) { $0 + $1.rows.count }
                return (audit, damage)
            },
            { [weak self] result in
                if case .success((_, let damage)) = result {
                    self?.assumeIsolated { node in
                        for (range, error) in damage { node.failed(error, of: range) }
                    }
                }
                completion(result.map(\.0))
            }
        )
    }
}

extension RowEngineTransaction {
    /// All rows of a range.
    fileprivate mutating func rows(of state: RangeState) throws(StoreError) -> [RowPage.Element] {
        var rows: [RowPage.Element] = []
        for interval in state.bounds.intervals {
            var next: RowInterval? = interval.rows(of: state.slot)
            while let part = next {
                let page = try scan(part, limit: RowLimit(rows: 4096, bytes: 4 << 20))
                rows += page.rows
                next = page.next.map {
                    RowInterval(slot: state.slot, first: $0, end: part.end)
                }
            }
        }
        return rows
    }
}
