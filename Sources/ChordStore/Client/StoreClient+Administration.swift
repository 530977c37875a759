// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
public import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire

// What single nodes say about their part of the store.

extension StoreClient {
    /// The state of one node's part of the store, with all its replicas.
    ///
    /// - Parameters:
    ///   - node: the node; nil for the first of the client's nodes that answers.
    ///   - timeout: the time for each page of ranges; nil stands for ``StoreClientLimits/deadline``.
    /// - Throws: `StoreClientError` with `noContact`, `noStore`, `refused`, `deadlineExceeded`, `unavailable`,
    ///   `invalidAnswer`, `cancelled` or `stopped`.
    public func status(
        of node: NodeReference? = nil,
        timeout: Duration? = nil
    ) async throws(StoreClientError) -> StoreNodeStatus {
        try await core.run { () throws(StoreClientError) in
            var status: StoreNodeStatus?
            var targets = node.map { [PeerTarget($0)] } ?? core.network.contacts
            var token: [UInt8] = []
            repeat {
                let request = StoreStatusRequest(limit: WireLimits.statusRanges, token: token)
                let page: (reply: StoreStatusReply, target: PeerTarget) = try await core.first(
                    of: targets,
                    StoreMethods.status,
                    request,
                    timeout
                )
                // The further pages are those of the node that answered first.
                targets = [page.target]
                token = page.reply.token
                let ranges = page.reply.ranges.map(StoreRangeStatus.init)
                if status == nil { status = StoreNodeStatus(page.reply) }
                status?.ranges += ranges
            } while !token.isEmpty
            guard let status else { throw StoreClientError(.callFailed, "no page was read") }
            return status
        }
    }

    /// Reads the rows that one node holds in its own replicas, as they have been applied there. It needs a
    /// certificate of role `admin`.
    ///
    /// - Parameters:
    ///   - node: the node; nil for the first of the client's nodes that answers.
    ///   - range: only rows of this range, by its identifier of 32 hexadecimal digits; nil for all.
    ///   - keysOnly: whether to leave the values out.
    ///   - pageRows: rows per page, 1 to 10,000; nil for the node's choice.
    ///   - timeout: the time for each page; nil stands for ``StoreClientLimits/deadline``.
    public func scan(
        _ node: NodeReference? = nil,
        range: String? = nil,
        keysOnly: Bool = false,
        pageRows: Int? = nil,
        timeout: Duration? = nil
    ) -> StoreRows {
        let core = core
        // All pages are those of one node.
        let targets = node.map { [PeerTarget($0)] } ?? Array(core.network.contacts.prefix(1))
        return StoreRows(
            pages: StorePages { token throws(StoreClientError) in
                try StoreBounds.check(pageRows: pageRows)
                let wanted = try range.map { text throws(StoreClientError) in
                    guard let id = RangeID(text) else {
                        throw StoreBounds.refuse(
                            "\"\(text)\" is no range: it has 32 hexadecimal digits"
                        )
                    }
                    return id
                }
                let request = ScanRequest(
                    range: wanted.map { $0.bits.wire },
                    limit: pageRows,
                    token: token,
                    keysOnly: keysOnly
                )
                return try await core.run { () throws(StoreClientError) in
                    let page: (reply: ScanReply, target: PeerTarget) = try await core.first(
                        of: targets,
                        StoreMethods.scan,
                        request,
                        timeout
                    )
                    return (StorePage(page.reply), page.reply.token)
                }
            }
        )
    }
}

extension StoreClientCore {
    /// Asks one node after the other until one can be reached.
    fileprivate func first<Reply: WireMessage>(
        of targets: [PeerTarget],
        _ method: RPCMethod,
        _ request: some WireMessage,
        _ timeout: Duration?
    ) async throws(StoreClientError) -> (reply: Reply, target: PeerTarget) {
        let space = try await keyHash().space
        var attempts = StoreAttempts(isWrite: false)
        for target in targets {
            let result = await network.call(
                method,
                at: target,
                request.encoded(in: space),
                timeout: timeout ?? limits.deadline
            )
            guard result.status.isOK else {
                switch attempts.judge(result, at: target.address) {
                case .unreachable: continue
                case .unable:
                    throw attempts.areWithoutStore ? attempts.noStore : attempts.deadlinePassed
                case .final(let error): throw error
                }
            }
            do throws(WireError) {
                return (try Reply(decoding: result.message, space: space), target)
            } catch {
                throw attempts.invalidAnswer(at: target.address, error)
            }
        }
        throw attempts.nobodyReached
    }
}

// MARK: - Values

extension StorePage {
    fileprivate init(_ reply: ScanReply) {
        self.init(
            rows: reply.rows.map { row in
                StoreRow(
                    key: StoreKey(row.key, in: row.partition),
                    value: StoreValue(row.value)
                )
            },
            version: reply.answer?.version ?? 0
        )
    }
}

extension StoreNodeStatus {
    /// Without the ranges of the page.
    fileprivate init(_ reply: StoreStatusReply) {
        self.init(
            store: reply.store.map { "\(RandomBits(wire: $0))" },
            disk: reply.disk.map { "\(RandomBits(wire: $0))" },
            node: reply.node,
            state: State(reply.state),
            reason: reply.reason,
            starts: reply.starts,
            replicas: reply.totals.replicas,
            leaders: reply.totals.leaders,
            rangesWithIssues: reply.totals.rangesWithIssues,
            rows: reply.totals.rows,
            bytes: reply.totals.bytes,
            freeBytes: reply.totals.freeBytes,
            quotaBytes: reply.totals.quotaBytes == 0 ? nil : reply.totals.quotaBytes,
            isQuotaReached: reply.totals.isQuotaReached,
            ranges: []
        )
    }
}

extension StoreNodeStatus.State {
    fileprivate init(_ state: WireStoreState) {
        self =
            switch state {
            case .starting: .starting
            case .serving: .serving
            case .full: .full
            case .draining: .draining
            case .leaving: .leaving
            case .failed: .failed
            }
    }
}

extension StoreRangeStatus {
    fileprivate init(_ status: WireRangeStatus) {
        let descriptor = status.descriptor
        self.init(
            range: "\(RandomBits(wire: descriptor.range))",
            configurationEpoch: descriptor.epoch.configuration,
            boundsEpoch: descriptor.epoch.bounds,
            bounds: descriptor.bounds,
            replicas: descriptor.replicas.map { replica in
                let progress = status.progress.first { $0.number == replica.number }
                return Replica(
                    number: replica.number,
                    node: replica.node,
                    address: replica.address,
                    kind: Replica.Kind(replica.kind),
                    acknowledged: progress?.acknowledged,
                    silence: progress?.silence,
                    disk: "\(RandomBits(wire: replica.disk))"
                )
            },
            wantedVoters: descriptor.wantedVoters,
            replica: status.replica,
            leader: status.leader,
            term: status.term,
            commit: status.commit,
            applied: status.applied,
            rows: status.rows,
            bytes: status.bytes,
            lag: StoreLag(status.lag),
            isQuiet: status.isQuiet,
            issues: status.issues.map { Issue(kind: Issue.Kind($0.kind), detail: $0.detail) },
            move: status.move.map {
                Move(
                    kind: Move.Kind($0.kind),
                    node: $0.node,
                    sentBytes: $0.sentBytes,
                    totalBytes: $0.totalBytes
                )
            }
        )
    }
}

extension StoreRangeStatus.Replica.Kind {
    fileprivate init(_ kind: WireReplica.Kind) {
        self =
            switch kind {
            case .voter: .voter
            case .learner: .learner
            case .prepared: .prepared
            }
    }
}

extension StoreRangeStatus.Issue.Kind {
    fileprivate init(_ kind: WireRangeIssue.Kind) {
        self =
            switch kind {
            case .fewMembers: .fewMembers
            case .silentReplica: .silentReplica
            case .catchingUp: .catchingUp
            case .noLeader: .noLeader
            case .replicaLost: .replicaLost
            case .misplaced: .misplaced
            }
    }
}

extension StoreRangeStatus.Move.Kind {
    fileprivate init(_ kind: WireRangeMove.Kind) {
        self =
            switch kind {
            case .add: .add
            case .exchange: .exchange
            case .remove: .remove
            case .transferLeadership: .transferLeadership
            case .split: .split
            }
    }
}
