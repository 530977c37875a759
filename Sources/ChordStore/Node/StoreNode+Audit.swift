// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

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

extension RangeState {
    /// Whether two replicas have applied the same, apart from the slots of their disks.
    package func holdsSame(as other: Self) -> Bool {
        applied == other.applied && appliedTerm == other.appliedTerm
            && configuration == other.configuration && descriptor == other.descriptor
            && time == other.time && size == other.size
            && requests.records == other.requests.records
    }
}

extension StoreNode {
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
                for state in states {
                    try state.refresh(in: &transaction)
                    guard state.state.hasData else {
                        audit.waiting.append(state.state.descriptor.id)
                        continue
                    }
                    audit.replicas.append(
                        ReplicaAudit(
                            number: state.stored.number,
                            isLeader: leaders.contains(state.state.descriptor.id),
                            state: state.state,
                            rows: try transaction.rows(of: state.state)
                        )
                    )
                }
                audit.damaged = damaged
                audit.halted = halted
                audit.isClearing = try !DiscardedRows.all(in: &transaction).isEmpty
                var all = 0
                for slot in try transaction.slots() {
                    all += try transaction.count(RowInterval(slot: slot), atMost: .max)
                }
                audit.strayRows = all - audit.replicas.reduce(0) { $0 + $1.rows.count }
                return audit
            },
            completion
        )
    }
}
