// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordWire

// Descriptors, hints and operations as values of the wire, and back.

extension WireRangeEpoch {
    package init(_ epoch: RangeEpoch) {
        self.init(configuration: epoch.configuration, bounds: epoch.bounds)
    }
}

extension RangeEpoch {
    package init(_ wire: WireRangeEpoch) {
        self.init(configuration: wire.configuration, bounds: wire.bounds)
    }
}

extension WireRangeDescriptor {
    package init(_ descriptor: RangeDescriptor) {
        self.init(
            range: descriptor.id.bits.wire,
            epoch: WireRangeEpoch(descriptor.epoch),
            bounds: descriptor.bounds,
            replicas: descriptor.replicas.map { replica in
                WireReplica(
                    number: replica.number.number,
                    node: replica.node,
                    address: replica.address,
                    disk: replica.disk.bits.wire,
                    kind: WireReplica.Kind(replica.role)
                )
            },
            nextReplica: descriptor.nextNumber.number,
            wantedVoters: descriptor.replication
        )
    }
}

extension RangeDescriptor {
    /// Reads a descriptor. Decoding has checked its numbers.
    package init(_ wire: WireRangeDescriptor) {
        self.init(
            id: RangeID(RandomBits(wire: wire.range)),
            epoch: RangeEpoch(wire.epoch),
            bounds: wire.bounds,
            replicas: wire.replicas.map { replica in
                ReplicaDescriptor(
                    number: ReplicaNumber(replica.number),
                    node: replica.node,
                    address: replica.address,
                    disk: DiskID(RandomBits(wire: replica.disk)),
                    role: ReplicaDescriptor.Role(replica.kind)
                )
            }.sorted { $0.number < $1.number },
            nextNumber: ReplicaNumber(wire.nextReplica),
            replication: wire.wantedVoters
        )
    }
}

extension WireReplica.Kind {
    fileprivate init(_ role: ReplicaDescriptor.Role) {
        self =
            switch role {
            case .voter: .voter
            case .learner: .learner
            case .prepared: .prepared
            }
    }
}

extension ReplicaDescriptor.Role {
    fileprivate init(_ kind: WireReplica.Kind) {
        self =
            switch kind {
            case .voter: .voter
            case .learner: .learner
            case .prepared: .prepared
            }
    }
}

extension WireRangeHint {
    package init(_ hint: RangeHint) {
        // A leader that the descriptor does not name yet cannot be told.
        let leader = hint.leader.flatMap { hint.descriptor.replica($0)?.number.number }
        self.init(WireRangeDescriptor(hint.descriptor), leader: leader, term: hint.term.number)
    }
}

extension RangeHint {
    package init(_ wire: WireRangeHint) {
        self.init(
            descriptor: RangeDescriptor(wire.descriptor),
            leader: wire.leader.map { ReplicaNumber($0) },
            term: Term(wire.term)
        )
    }
}

// MARK: - Calls

extension WireRangeAnswer {
    init(_ view: RangeView, version: LogIndex) {
        self.init(
            range: view.descriptor.id.bits.wire,
            epoch: WireRangeEpoch(view.descriptor.epoch),
            version: version.number,
            timeMilliseconds: view.time.milliseconds
        )
    }
}

extension WriteOperation {
    init(_ wire: WireOperation) {
        let condition: WriteCondition =
            switch wire.condition {
            case nil: .none
            case .absent: .absent
            case .version(let version): .version(LogIndex(version))
            }
        let action: WriteAction =
            switch wire.action {
            case .put(let value, let timeToLive): .put(value: value, timeToLive: timeToLive)
            case .delete: .delete
            case .touch(let timeToLive): .touch(timeToLive: timeToLive)
            case .check: .check
            }
        self.init(key: wire.key, condition: condition, action: action)
    }
}

extension WireOperationResult {
    init(_ operation: WriteOutcome.Operation) {
        self.init(
            conditionHeld: operation.conditionHeld,
            previousVersion: operation.previousVersion?.number,
            previousValue: operation.previousValue
        )
    }
}

extension WireValue {
    /// A row as its reader sees it at a time of the range. A row whose time is over exists until an entry deletes
    /// it; its remaining time is then the shortest that can be told.
    init(_ row: Row, at time: RangeTime, withBytes: Bool = true) {
        self.init(
            withBytes ? row.value : [],
            version: row.version.number,
            timeToLive: row.expiry.map { max(.milliseconds(1), $0.since(time)) }
        )
    }
}
