// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordWire

// What operators see of a node's replicas.

extension StoreNode {
    /// Fills in state, sums and a page of ranges.
    func fill(
        _ reply: inout StoreStatusReply,
        after: RangeID?,
        limit: Int,
        _ space: IdentifierSpace
    ) {
        reply.state = failure == nil ? (isDiskFull ? .full : .serving) : .failed
        reply.reason = failure?.message ?? ""
        if reply.state == .full, let fullSince {
            reply.reason =
                "the disk has been full for \((now - fullSince).inSeconds) s: reads and deletes go on"
        }
        if failure == nil, !damaged.isEmpty {
            let ranges = damaged.keys.sorted().map(\.description).joined(separator: ", ")
            reply.reason += (reply.reason.isEmpty ? "" : "; ") + "damaged on this disk: \(ranges)"
        }
        if failure == nil, !promised.isEmpty {
            let ranges = promised.keys.sorted().map(\.description).joined(separator: ", ")
            reply.reason += (reply.reason.isEmpty ? "" : "; ") + "being recovered: \(ranges)"
        }
        reply.totals.quotaBytes = quota.limit ?? 0
        reply.totals.isQuotaReached = quota.reached != nil
        reply.totals.rows = heldSize.rows
        reply.totals.bytes = heldSize.bytes
        for replica in replicas.values {
            reply.totals.replicas += 1
            guard replica.isLeader else { continue }
            reply.totals.leaders += 1
            if !issues(of: replica).isEmpty { reply.totals.rangesWithIssues += 1 }
        }
        let ids = replicas.keys.sorted().filter { id in after.map { id > $0 } ?? true }
        reply.ranges = ids.prefix(limit).compactMap { replicas[$0].map(status) }
        if ids.count > limit, let last = reply.ranges.last {
            reply.token = PageToken(range: last.descriptor.range).encoded(in: space)
        }
    }

    private func status(of replica: Replica) -> WireRangeStatus {
        let machine = replica.machine
        return WireRangeStatus(
            descriptor: WireRangeDescriptor(replica.view.descriptor),
            replica: replica.number.number,
            leader: machine.leader?.number,
            term: machine.term.number,
            commit: machine.commit.number,
            applied: replica.view.applied.number,
            rows: replica.view.size.rows,
            bytes: replica.view.size.bytes,
            lag: lag(of: replica),
            isQuiet: machine.isQuiet,
            progress: progress(of: replica),
            issues: issues(of: replica),
            move: move(of: replica)
        )
    }

    private func progress(of replica: Replica) -> [WireReplicaProgress] {
        guard let leadership = replica.machine.leadership else { return [] }
        let progress = peerProgress(of: replica)
        return leadership.peers.map { peer in
            WireReplicaProgress(
                number: peer.replica.number,
                acknowledged: peer.match.number,
                silence: progress[peer.replica]?.silence ?? .zero
            )
        }
    }

    func issues(of replica: Replica) -> [WireRangeIssue] {
        var issues: [WireRangeIssue] = []
        let descriptor = replica.view.descriptor
        func name(_ number: ReplicaNumber) -> String {
            descriptor.replica(number).map { "\($0.node)" } ?? "replica \(number)"
        }
        if let halt = replica.machine.halt {
            issues.append(WireRangeIssue(.replicaLost, "\(halt)"))
        }
        guard replica.isLeader else {
            if replica.machine.leader == nil {
                issues.append(WireRangeIssue(.noLeader, "no leader is known here"))
            }
            return issues
        }
        let progress = peerProgress(of: replica)
        for (number, state) in progress.sorted(by: { $0.key < $1.key }) {
            if state.silence >= replica.machine.settings.electionTimeoutMaximum * 2 {
                issues.append(
                    WireRangeIssue(
                        .silentReplica,
                        "\(name(number)) has not answered for \(state.silence.inSeconds) s"
                    )
                )
            } else if !state.isCaughtUp {
                issues.append(WireRangeIssue(.catchingUp, "\(name(number)) is catching up"))
            }
        }
        let voters = replica.view.configuration.voters.count
        if voters < descriptor.replication {
            issues.append(
                WireRangeIssue(
                    .fewMembers,
                    "\(voters) of \(descriptor.replication) voters: "
                        + (voters == 1
                            ? "the loss of this disk loses the range"
                            : "\((voters - 1) / 2) of them may fail")
                )
            )
        }
        if voters > descriptor.replication {
            issues.append(
                WireRangeIssue(
                    .misplaced,
                    "\(voters) voters, and \(descriptor.replication) are wanted: one after the other is removed"
                )
            )
        }
        return issues
    }

    private func move(of replica: Replica) -> WireRangeMove? {
        guard replica.isLeader else { return nil }
        switch replica.placement {
        case .prepare(let member): return WireRangeMove(.add, node: member.node)
        case .change: return WireRangeMove(.exchange, node: "")
        case .transfer(let heir):
            let node = replica.view.descriptor.replica(heir)?.node ?? ""
            return WireRangeMove(.transferLeadership, node: node)
        case .settled, .wait, .retract: return nil
        }
    }

    /// Begins to give away the ranges that this node leads.
    ///
    /// - Returns: whether it still leads one that another could lead.
    @discardableResult
    func giveAwayLeaderships() -> Bool {
        var isWaiting = false
        for replica in replicas.values.sorted(by: { $0.range < $1.range }) where replica.isLeader {
            let progress = peerProgress(of: replica)
            let heir = replica.view.configuration.voters.first { voter in
                voter != replica.number && progress[voter]?.isCaughtUp == true
            }
            guard let heir else { continue }
            isWaiting = true
            drive(replica) { try? $0.transferLeadership(to: heir) }
        }
        return isWaiting
    }

    /// A page of this node's rows.
    struct ScannedPage: Sendable {
        var view: RangeView
        var rows: [RowPage.Element]
        var token: PageToken?
    }

    /// Reads a page of this node's rows, range after range.
    func scan(
        after token: PageToken?,
        only wanted: RangeID?,
        limit: RowLimit,
        _ hash: @escaping @Sendable ([UInt8]) -> Identifier,
        _ completion: @escaping @Sendable (Result<ScannedPage?, StoreError>) -> Void
    ) {
        if let failure { return completion(.failure(failure)) }
        let first = token.map { RangeID(RandomBits(wire: $0.range)) }
        let ids = replicas.keys.sorted().filter { id in
            (wanted.map { $0 == id } ?? true) && (first.map { id >= $0 } ?? true)
        }
        guard let id = ids.first, let replica = replicas[id] else {
            return completion(.success(nil))
        }
        let start: RowPlace? =
            first == id
            ? token.flatMap { token in
                token.partition.isEmpty
                    ? nil
                    : RowPlace(
                        position: space.bytes(of: hash(token.partition)),
                        partition: token.partition,
                        key: token.key + [0]
                    )
            } : nil
        let following = ids.dropFirst().first
        let state = replica.state
        rows.submit(
            { transaction throws(StoreError) -> ScannedPage in
                try state.refresh(in: &transaction)
                return try state.state.page(
                    from: start,
                    limit: limit,
                    then: following,
                    &transaction
                )
            },
            { [weak self] result in
                if case .failure(let error) = result {
                    self?.assumeIsolated { $0.failed(error, of: id) }
                }
                completion(result.map { .some($0) })
            }
        )
    }
}

extension RangeState {
    /// A page of the range's rows from a place on. The token leads to the next page, or to the next range.
    fileprivate func page(
        from start: RowPlace?,
        limit: RowLimit,
        then following: RangeID?,
        _ transaction: inout any RowEngineTransaction
    ) throws(StoreError) -> StoreNode.ScannedPage {
        var page = StoreNode.ScannedPage(view: RangeView(self), rows: [], token: nil)
        // The place of a token lies in one of the intervals; those before it are done.
        var isStarted = start == nil
        for interval in bounds.intervals {
            var rows = interval.rows(of: slot)
            if let start, !isStarted {
                guard interval.contains(start.position) else { continue }
                rows.first = start
                isStarted = true
            }
            let found = try transaction.scan(rows, limit: limit)
            guard !found.rows.isEmpty else { continue }
            page.rows = found.rows
            if let last = found.rows.last {
                page.token = PageToken(
                    range: descriptor.id.bits.wire,
                    partition: last.key.partition,
                    key: last.key.key
                )
            }
            return page
        }
        page.token = following.map { PageToken(range: $0.bits.wire) }
        return page
    }
}

extension Duration {
    /// Whole seconds, for people.
    fileprivate var inSeconds: Int64 { components.seconds }
}
