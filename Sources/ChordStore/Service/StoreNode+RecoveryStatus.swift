// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordWire

extension StoreNode {
    /// What this node has of ranges that are, were or may be recovered.
    func recoveryReply(about ranges: [RangeID]) -> RecoverReply {
        var reply = RecoverReply(disk: identity.member.disk.bits.wire)
        reply.replicas = ranges.prefix(WireLimits.statusRanges).map(recoveryState)
        reply.givenUp = givenUp.sorted().map(\.bits.wire)
        return reply
    }

    private func recoveryState(of range: RangeID) -> RecoverReply.Replica {
        var state = RecoverReply.Replica(.absent, range: range.bits.wire)
        if let record = recoveries[range] {
            state.givenUp = record.recovery.givenUp.sorted().map(\.bits.wire)
            state.successor = record.successor?.bits.wire
            switch record.state {
            case .founded: state.state = .founded
            case .retired: state.state = .retired
            case .promised:
                state.state = record.last == nil ? .lost : .promised
                if let replica = promised[range] { state.fill(replica) }
            }
        } else if let replica = replicas[range] {
            state.state = replica.machine.halt == nil ? .active : .lost
            state.descriptor = WireRangeDescriptor(replica.view.descriptor)
            state.replica = replica.number.number
            state.lastIndex = replica.machine.last.index.number
            state.lastTerm = replica.machine.last.term.number
            state.commit = replica.machine.commit.number
            state.applied = replica.view.applied.number
            state.rows = replica.view.size.rows
            // A leader that died is remembered until the next election.
            state.leader = hearsLeader(replica) ? replica.machine.leader?.number : nil
        } else if let replica = damaged[range] {
            state.state = .lost
            state.descriptor = WireRangeDescriptor(replica.descriptor)
            state.replica = replica.number.number
        } else if let replica = promised[range] {
            // The promise is not durable yet.
            state.state = .active
            state.fill(replica)
        }
        return state
    }
}

extension RecoverReply.Replica {
    fileprivate mutating func fill(_ promised: PromisedReplica) {
        descriptor = WireRangeDescriptor(promised.descriptor)
        replica = promised.number.number
        if promised.last == nil, state == .promised { state = .lost }
        lastIndex = promised.last?.index.number ?? 0
        lastTerm = promised.last?.term.number ?? 0
        commit = promised.commit.number
        applied = promised.applied.number
        rows = promised.rows
    }
}
