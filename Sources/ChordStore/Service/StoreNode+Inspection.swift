// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire

// What others may know of a node's replicas.

extension StoreNode {
    /// The number of this node's replica of a range.
    func number(of range: RangeID) -> ReplicaNumber? { replicas[range]?.number }

    /// The time of the range with a position, as this leader has it.
    func time(at position: Identifier) -> RangeTime? {
        replica(at: position)?.time(at: executor.now)
    }

    /// The nodes whose replicas of a range do not answer this leader; all other voters if it does not lead.
    func missing(of range: RangeID) -> [String] {
        guard let replica = replicas[range] else { return [] }
        let descriptor = replica.view.descriptor
        let progress = peerProgress(of: replica)
        return descriptor.replicas.filter { other in
            guard other.role == .voter, other.number != replica.number else { return false }
            guard let silence = progress[other.number]?.silence else { return true }
            return silence >= replica.machine.settings.electionTimeoutMinimum
        }.map(\.node)
    }

    /// The name of a peer. A certificate that proves its host only does not have it: then it is the name of the
    /// replica with this disk whose address is at such a host.
    func name(
        of peer: PeerIdentity,
        with disk: DiskID,
        in descriptors: some Sequence<RangeDescriptor>
    ) -> String? {
        if let name = peer.name { return name }
        func name(in descriptor: RangeDescriptor) -> String? {
            guard let replica = descriptor.replica(on: disk),
                peer.holds(forHost: NetworkAddress.host(of: replica.address))
            else { return nil }
            return replica.node
        }
        let known = liveness.name(with: disk) {
            peer.holds(forHost: NetworkAddress.host(of: $0.address))
        }
        if let known { return known }
        for descriptor in descriptors {
            if let name = name(in: descriptor) { return name }
        }
        for replica in replicas.values {
            if let name = name(in: replica.view.descriptor) { return name }
        }
        return nil
    }

    /// How far this node's replica of the range with a position is behind, as far as it knows.
    func lag(at position: Identifier) -> WireReplicaLag? { replica(at: position).map(lag) }

    func lag(of replica: Replica) -> WireReplicaLag {
        let applied = replica.view.applied
        let commit = replica.machine.commit
        // Without a word from a leader: since the node's start. The node of the leader speaks for groups that rest.
        let node = resting.leader(of: replica.range).flatMap { liveness.heard($0) } ?? .zero
        let contact = max(replica.machine.leaderContact ?? .zero, node)
        let silence = replica.isLeader ? .zero : now - contact
        return WireReplicaLag(
            entries: UInt64(commit.entries(after: applied)),
            silence: silence
        )
    }

    /// Reads at this node's replica as it is, without asking the others.
    func readStale<Output: Sendable>(
        at position: Identifier,
        _ run:
            @escaping @Sendable (RangeState, inout any RowEngineTransaction) throws(StoreError) ->
            Output,
        _ completion: @escaping @Sendable (Result<(Output, RangeView), StoreRefusal>) -> Void
    ) {
        if let failure { return completion(.failure(.unavailable(failure))) }
        guard let replica = replica(at: position) else { return completion(.failure(.notHere)) }
        perform(run, at: position, of: replica.range, completion)
    }
}
