// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

extension RaftConfiguration {
    /// The state of an election.
    enum VoteResult: Hashable, Sendable {
        case won, lost, open
    }

    /// The greatest value that a majority has reached; in a joint configuration both majorities
    /// [Ongaro 4.3]. Nil where there are no voters.
    func majority<Value: Comparable>(_ value: (ReplicaNumber) -> Value) -> Value? {
        guard let first = Self.majority(of: voters, value) else { return nil }
        guard let second = Self.majority(of: outgoing, value) else { return first }
        return min(first, second)
    }

    private static func majority<Value: Comparable>(
        of replicas: [ReplicaNumber],
        _ value: (ReplicaNumber) -> Value
    ) -> Value? {
        guard !replicas.isEmpty else { return nil }
        let values = replicas.map(value).sorted(by: >)
        return values[values.count / 2]
    }

    /// Whether the replicas for which the predicate holds form a majority.
    func isMajority(_ predicate: (ReplicaNumber) -> Bool) -> Bool {
        majority { predicate($0) ? 1 : 0 } == 1
    }

    /// The result of an election with these answers; a replica without an answer has none here.
    func result(of votes: [ReplicaNumber: Bool]) -> VoteResult {
        // 2: granted, 1: no answer yet, 0: refused.
        let reached = majority { replica in
            switch votes[replica] {
            case true?: 2
            case nil: 1
            case false?: 0
            }
        }
        switch reached {
        case 2?: return .won
        case 1?: return .open
        default: return .lost
        }
    }
}
