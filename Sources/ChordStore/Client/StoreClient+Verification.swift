// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire

extension StoreClient {
    /// Compares all replicas of one range by the checksums of what they hold after one entry of the range's log. It
    /// needs a certificate of role `admin`, and calls the replicas' nodes themselves.
    ///
    /// Every row is read, so damage is found, too. Writes go on meanwhile.
    ///
    /// - Parameters:
    ///   - range: the range as one of its replicas has described it.
    ///   - timeout: the time in which all replicas must come to the entry and read their rows.
    /// - Throws: `StoreClientError` with `refused` for other certificates, `noContact`, `parametersDiffer`,
    ///   `cancelled` or `stopped`. Replicas that do not answer are part of the result.
    public func verify(
        _ range: StoreRangeStatus,
        timeout: Duration = .seconds(60)
    ) async throws(StoreClientError) -> StoreRangeVerification {
        try await core.run { () throws(StoreClientError) in
            try await core.verify(range, timeout)
        }
    }
}

extension StoreClientCore {
    /// Entries ahead of the leader's log at which the first comparison is tried. Busy ranges need more.
    private static let firstMargin: UInt64 = 32
    private static let comparisonAttempts = 8
    /// Time for the answer of a step that does not wait for the log.
    private static let stepTimeout: Duration = .seconds(5)

    fileprivate func verify(
        _ range: StoreRangeStatus,
        _ timeout: Duration
    ) async throws(StoreClientError) -> StoreRangeVerification {
        let space = try await keyHash().space
        var comparison = try await compare(range, naming: [], timeout, space)
        var result = StoreRangeVerification(
            range: range.range,
            bounds: range.bounds,
            index: comparison.index,
            replicas: comparison.replicas,
            recordsDiffer: comparison.recordsDiffer
        )
        let buckets = comparison.differingBuckets
        guard !buckets.isEmpty else { return result }
        // The rows are named by a second comparison, after a later entry.
        comparison = try await compare(range, naming: buckets, timeout, space)
        (result.rows, result.hasMoreRows) = comparison.rows
        if buckets.count < comparison.differingBuckets.count { result.hasMoreRows = true }
        return result
    }

    private func compare(
        _ range: StoreRangeStatus,
        naming buckets: [UInt8],
        _ timeout: Duration,
        _ space: IdentifierSpace
    ) async throws(StoreClientError) -> ReplicaComparison {
        guard let id = RangeID(range.range) else {
            throw StoreBounds.refuse("\"\(range.range)\" is no range: it has 32 hexadecimal digits")
        }
        let replicas = range.replicas.filter { $0.kind != .prepared }.compactMap(\.wire)
        var margin = Self.firstMargin
        var answers: [(replica: WireReplica, answer: ReplicaComparison.Answer)] = []
        for _ in 0..<Self.comparisonAttempts {
            var request = ChecksumRequest(
                range: id.bits.wire,
                step: .choose,
                margin: margin,
                buckets: buckets
            )
            answers = try await ask(replicas, request, Self.stepTimeout, space)
            guard let chosen = answers.first(where: { $0.answer.state == .prepared }) else {
                return ReplicaComparison(answers.map { ($0.replica, $0.answer.withoutLeader) })
            }
            request.step = .prepare
            request.index = chosen.answer.index
            let others = answers.filter { $0.answer.state == .notLed }.map(\.replica)
            let prepared = try await ask(others, request, Self.stepTimeout, space)
            answers = answers.filter { $0.answer.state != .notLed } + prepared
            margin = min(margin * 4, WireLimits.checksumMargin.upperBound)
            if prepared.contains(where: { $0.answer.state == .passed }) { continue }
            request.step = .collect
            let ready = answers.filter { $0.answer.state == .prepared }.map(\.replica)
            let collected = try await ask(ready, request, timeout, space)
            answers = answers.filter { $0.answer.state != .prepared } + collected
            if !collected.contains(where: { $0.answer.state == .abandoned }) { break }
        }
        return ReplicaComparison(answers)
    }

    /// Asks the nodes of replicas at the same time.
    private func ask(
        _ replicas: [WireReplica],
        _ request: ChecksumRequest,
        _ timeout: Duration,
        _ space: IdentifierSpace
    ) async throws(StoreClientError) -> [(replica: WireReplica, answer: ReplicaComparison.Answer)] {
        let bytes = request.encoded(in: space)
        let network = network
        let results = await withTaskGroup(of: (WireReplica, ClientResult).self) { tasks in
            for replica in replicas {
                tasks.addTask {
                    let target = PeerTarget(storeNode: replica.node, address: replica.address)
                    let result = await network.call(
                        StoreAdminMethods.checksum,
                        at: target,
                        bytes,
                        timeout: timeout
                    )
                    return (replica, result)
                }
            }
            return await tasks.reduce(into: []) { $0.append($1) }
        }
        var answers: [(replica: WireReplica, answer: ReplicaComparison.Answer)] = []
        for (replica, result) in results {
            answers.append((replica, try answer(result, of: replica, space)))
        }
        return answers
    }

    private func answer(
        _ result: ClientResult,
        of replica: WireReplica,
        _ space: IdentifierSpace
    ) throws(StoreClientError) -> ReplicaComparison.Answer {
        if Task.isCancelled { throw StoreClientError(.cancelled, "the task was cancelled") }
        let status = result.status
        guard status.isOK else {
            switch (status.origin, status.code) {
            case (.peer, .permissionDenied), (.peer, .unauthenticated):
                throw StoreClientError(status, at: replica.address, mayHaveHappened: false)
            case (.peer, .unimplemented):
                return .none("its program is of a version that cannot compare replicas")
            default: return .none("no answer: \(status.message)")
            }
        }
        do throws(WireError) {
            return .reply(try ChecksumReply(decoding: result.message, space: space))
        } catch {
            throw StoreClientError(.invalidAnswer, "\(replica.address): \(error)")
        }
    }
}

extension ReplicaComparison.Answer {
    fileprivate var state: ChecksumReply.State? {
        if case .reply(let reply) = self { reply.state } else { nil }
    }

    fileprivate var index: UInt64 {
        if case .reply(let reply) = self { reply.index } else { 0 }
    }

    /// What it means where no replica leads.
    fileprivate var withoutLeader: Self {
        state == .notLed ? .none("the range has no leader, which must choose the entry") : self
    }
}

extension StoreRangeStatus.Replica {
    /// Nil where the disk is not known.
    fileprivate var wire: WireReplica? {
        guard let disk = RandomBits(disk[...]) else { return nil }
        return WireReplica(number: number, node: node, address: address, disk: disk.wire)
    }
}
