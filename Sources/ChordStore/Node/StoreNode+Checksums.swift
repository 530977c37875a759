// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore
import ChordRPC
package import ChordWire
import NIOConcurrencyHelpers

// Replicas apply at different speeds, so their checksums can be compared only if each is made after the same entry. The
// caller chooses an entry a little ahead of the leader's log and prepares all replicas before any of them reaches it.
// A replica that reaches the entry holds back the entries after it until the read of its rows has begun, which takes
// the time of one commit. The read itself goes on beside the writer.

/// A checksum that a replica makes once it has applied an entry.
struct ReplicaChecksum {
    let index: LogIndex
    let buckets: Set<UInt8>
    /// Whether entries after `index` wait for the beginning of the read.
    var isHolding = false
    var heldBack: [LogEntry] = []
    var reply: ChecksumReply?
    var waiting: [@Sendable (ChecksumReply) -> Void] = []

    init(after index: LogIndex, naming buckets: Set<UInt8>) {
        self.index = index
        self.buckets = buckets
    }

    mutating func end(_ reply: ChecksumReply) {
        self.reply = reply
        for completion in waiting { completion(reply) }
        waiting = []
    }
}

extension StoreNode {
    /// Entries that a leader appends at once to reach the entry of a checksum.
    private static let fillingEntries = 256

    /// Answers one step of an administrator's comparison of replicas.
    package func checksum(
        _ request: ChecksumRequest,
        _ completion: @escaping @Sendable (ChecksumReply) -> Void
    ) {
        let range = RangeID(RandomBits(wire: request.range))
        guard let replica = replicas[range], failure == nil else {
            guard damaged[range] != nil else { return completion(ChecksumReply(.absent)) }
            return completion(
                .damaged("the replica has stopped, because its data on this disk are damaged")
            )
        }
        if let halt = replica.machine.halt { return completion(.damaged("\(halt)")) }
        guard replica.view.hasData else { return completion(ChecksumReply(.absent)) }
        switch request.step {
        case .choose:
            guard replica.isLeader else { return completion(ChecksumReply(.notLed)) }
            let margin = Int(clamping: max(1, request.margin))
            guard let index = replica.machine.last.index.adding(margin) else {
                return completion(.abandoned("the log has no room for another entry"))
            }
            completion(prepare(replica, after: index, naming: Set(request.buckets)))
        case .prepare:
            let index = LogIndex(request.index)
            completion(prepare(replica, after: index, naming: Set(request.buckets)))
        case .collect: collect(from: replica, after: LogIndex(request.index), completion)
        }
    }

    private func prepare(
        _ replica: Replica,
        after index: LogIndex,
        naming buckets: Set<UInt8>
    ) -> ChecksumReply {
        guard index > replica.machine.handedToApply else { return ChecksumReply(.passed) }
        replica.endChecksum("another administrator compares the replicas, too")
        releaseHeldEntries(of: replica)
        replica.checksum = ReplicaChecksum(after: index, naming: buckets)
        var reply = ChecksumReply(.prepared)
        reply.index = index.number
        return reply
    }

    private func collect(
        from replica: Replica,
        after index: LogIndex,
        _ completion: @escaping @Sendable (ChecksumReply) -> Void
    ) {
        guard let checksum = replica.checksum, checksum.index == index else {
            return completion(.abandoned("the replica was not prepared, or has started anew"))
        }
        if let reply = checksum.reply { return completion(reply) }
        replica.checksum?.waiting.append(completion)
        fill(replica.range, through: index)
    }

    /// Lets a leader's log grow up to an entry, by entries that change nothing.
    private func fill(_ range: RangeID, through index: LogIndex) {
        guard failure == nil, let replica = replicas[range], replica.isLeader,
            replica.checksum?.index == index, replica.checksum?.reply == nil
        else { return }
        let missing = index.entries(after: replica.machine.last.index)
        guard missing > 0 else { return }
        for _ in 0..<min(missing, Self.fillingEntries) {
            propose(.advance, at: replica) { _ in }
        }
        _ = executor.schedule(after: .milliseconds(5)) { [weak self] in
            self?.assumeIsolated { $0.fill(range, through: index) }
        }
    }

    // MARK: - Reading

    /// Applies entries, up to the one of a checksum first.
    func apply(_ entries: [LogEntry], of replica: Replica) {
        guard let checksum = replica.checksum, let last = entries.last?.index else {
            return applyAtOnce(entries, of: replica)
        }
        if checksum.isHolding {
            replica.checksum?.heldBack += entries
            return
        }
        guard checksum.reply == nil, let first = entries.first?.index,
            first <= checksum.index, checksum.index <= last
        else { return applyAtOnce(entries, of: replica) }
        let count = checksum.index.entries(after: first) + 1
        replica.checksum?.isHolding = true
        replica.checksum?.heldBack = Array(entries.dropFirst(count))
        applyAtOnce(Array(entries.prefix(count)), of: replica)
        readChecksum(of: replica, checksum)
    }

    private func readChecksum(of replica: Replica, _ checksum: ReplicaChecksum) {
        let range = replica.range
        let number = replica.number
        let space = space
        let index = checksum.index
        let executor = executor
        let position = NIOLockedValueBox<RaftSnapshot?>(nil)
        let goOn: @Sendable () -> Void = { [weak self] in
            self?.assumeIsolated { $0.readHasBegun(range, after: index) }
        }
        rows.digest(
            { records throws(StoreError) in
                // The read has begun: what the replica applies from now on is not part of it.
                executor.execute(goOn)
                guard let stored = try StoredReplica.load(range, in: space, from: &records),
                    stored.number == number, stored.state.applied == index
                else {
                    throw StoreError(
                        .closed,
                        "the replica was replaced, or its disk has no room to apply entry \(index)"
                    )
                }
                position.withLockedValue { $0 = stored.state.position }
                return stored.state.comparedSelection
            },
            naming: checksum.buckets,
            { [weak self] result in
                let position = position.withLockedValue { $0 }
                self?.assumeIsolated { node in
                    node.readHasBegun(range, after: index)
                    let reply: ChecksumReply
                    switch result {
                    case .success(let digest):
                        reply = ChecksumReply(digest, at: position, in: space)
                    case .failure(let error) where error.code == .corrupted:
                        reply = .damaged(error.message)
                    case .failure(let error): reply = .abandoned(error.message)
                    }
                    if let replica = node.replicas[range], replica.checksum?.index == index {
                        replica.checksum?.end(reply)
                    }
                    if case .failure(let error) = result, error.code == .corrupted {
                        node.failed(error, of: range)
                    }
                }
            }
        )
    }

    private func readHasBegun(_ range: RangeID, after index: LogIndex) {
        guard let replica = replicas[range], replica.checksum?.index == index else { return }
        releaseHeldEntries(of: replica)
    }

    func releaseHeldEntries(of replica: Replica) {
        guard replica.checksum?.isHolding == true else { return }
        let entries = replica.checksum?.heldBack ?? []
        replica.checksum?.isHolding = false
        replica.checksum?.heldBack = []
        guard failure == nil, !entries.isEmpty else { return }
        applyAtOnce(entries, of: replica)
    }
}

extension Replica {
    /// Ends a checksum that has not come to its end.
    func endChecksum(_ reason: String) {
        guard checksum?.reply == nil else { return }
        checksum?.end(.abandoned(reason))
    }
}

extension ChecksumReply {
    fileprivate static func damaged(_ reason: String) -> Self {
        var reply = Self(.damaged)
        reply.reason = reason
        return reply
    }

    fileprivate static func abandoned(_ reason: String) -> Self {
        var reply = Self(.abandoned)
        reply.reason = reason
        return reply
    }

    fileprivate init(
        _ digest: RowDigest,
        at position: RaftSnapshot?,
        in space: IdentifierSpace
    ) {
        self.init(.done)
        index = position?.index.number ?? 0
        term = position?.term.number ?? 0
        records = digest.records
        rows = digest.rows
        bytes = digest.bytes
        buckets = digest.buckets.map { Bucket(rows: $0.rows, checksum: $0.checksum) }
        named = digest.named.compactMap { row in
            guard let position = try? space.identifier(bigEndian: row.key.position) else {
                return nil
            }
            return Row(
                position: position,
                partition: row.key.partition,
                key: row.key.key,
                version: row.version.number,
                checksum: row.checksum
            )
        }
        hasMore = digest.hasMore
    }
}
