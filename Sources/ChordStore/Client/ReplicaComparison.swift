// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordWire

/// Compares what the replicas of a range have answered about one entry of its log.
package struct ReplicaComparison: Sendable {
    /// What came of asking a replica.
    package enum Answer: Hashable, Sendable {
        case reply(ChecksumReply)
        /// The node did not answer, or refused; why.
        case none(String)
    }

    /// Buckets whose rows are asked for by one more comparison.
    private static let bucketsNamed = 16
    /// Rows that a report names.
    private static let mostRows = 100

    private let answers: [(replica: WireReplica, answer: Answer)]
    private let done: [(number: UInt64, reply: ChecksumReply)]
    /// The answer of most replicas; of as many the one of the lowest number.
    private let reference: ChecksumReply?

    package init(_ answers: [(replica: WireReplica, answer: Answer)]) {
        self.answers = answers.sorted { $0.replica.number < $1.replica.number }
        done = self.answers.compactMap { replica, answer in
            guard case .reply(let reply) = answer, reply.state == .done else { return nil }
            return (replica.number, reply)
        }
        var votes: [Content: Int] = [:]
        for (_, reply) in done { votes[Content(reply), default: 0] += 1 }
        let most = votes.values.max() ?? 0
        reference = done.first { votes[Content($0.reply)] == most }?.reply
    }

    /// What two replicas must have in common.
    private struct Content: Hashable {
        let index: UInt64
        let term: UInt64
        let records: UInt32
        let buckets: [ChecksumReply.Bucket]

        init(_ reply: ChecksumReply) {
            (index, term, records, buckets) = (
                reply.index, reply.term, reply.records, reply.buckets
            )
        }
    }

    /// Buckets in which replicas differ, as many as are worth another comparison.
    package var differingBuckets: [UInt8] {
        guard let reference else { return [] }
        let differing = reference.buckets.indices.filter { bucket in
            done.contains {
                $0.reply.buckets.count > bucket
                    && $0.reply.buckets[bucket] != reference.buckets[bucket]
            }
        }
        return differing.prefix(Self.bucketsNamed).map { UInt8($0) }
    }

    package var replicas: [StoreRangeVerification.Replica] {
        answers.map { replica, answer in
            var found = StoreRangeVerification.Replica(
                number: replica.number,
                node: replica.node,
                disk: "\(RandomBits(wire: replica.disk))",
                outcome: .notCompared("")
            )
            switch answer {
            case .none(let reason): found.outcome = .notCompared(reason)
            case .reply(let reply):
                switch reply.state {
                case .done:
                    found.rows = reply.rows
                    found.bytes = reply.bytes
                    let isEqual = reference.map { Content($0) == Content(reply) } ?? true
                    found.outcome = isEqual ? .equal : .different
                case .damaged: found.outcome = .damaged(reply.reason)
                case .absent: found.outcome = .notCompared("the node has no data of it yet")
                case .passed, .prepared, .notLed:
                    found.outcome = .notCompared("it was at another entry than the others")
                case .abandoned: found.outcome = .notCompared(reply.reason)
                }
            }
            return found
        }
    }

    package var index: UInt64? { reference?.index }

    /// Whether replicas differ in what they keep besides their rows.
    package var recordsDiffer: Bool {
        guard let reference else { return false }
        return done.contains { $0.reply.records != reference.records }
    }

    /// The rows in which the replicas differ, of those that they have named.
    package var rows: (rows: [StoreRangeVerification.RowDifference], hasMore: Bool) {
        struct Place: Hashable {
            var partition: [UInt8]
            var key: [UInt8]
        }
        var known: [Place: StoreRangeVerification.RowDifference] = [:]
        var order: [Place] = []
        for (_, reply) in done {
            for row in reply.named {
                let place = Place(partition: row.partition, key: row.key)
                guard known[place] == nil else { continue }
                order.append(place)
                known[place] = StoreRangeVerification.RowDifference(
                    position: row.position,
                    partition: row.partition,
                    key: row.key,
                    holdings: []
                )
            }
        }
        for (number, reply) in done {
            let rows = Dictionary(
                reply.named.map { (Place(partition: $0.partition, key: $0.key), $0) },
                uniquingKeysWith: { first, _ in first }
            )
            for place in order {
                let row = rows[place]
                known[place]?.holdings.append(
                    .init(replica: number, version: row?.version, checksum: row?.checksum)
                )
            }
        }
        // A list that was cut says nothing about the rows after its end.
        let isCut = done.contains { $0.reply.hasMore }
        let differing = order.compactMap { known[$0] }.filter { row in
            guard Set(row.holdings.map(\.checksum)).count > 1 else { return false }
            return !isCut || row.holdings.allSatisfy { $0.version != nil }
        }.sorted { ($0.position, $0.key.count) < ($1.position, $1.key.count) }
        return (Array(differing.prefix(Self.mostRows)), isCut || differing.count > Self.mostRows)
    }
}
