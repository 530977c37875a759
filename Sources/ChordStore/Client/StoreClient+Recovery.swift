// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
public import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire

extension StoreClient {
    /// What a recovery of the ranges without a leader would do. It changes nothing. It needs a certificate of role
    /// `admin`, and calls every member itself.
    ///
    /// - Parameters:
    ///   - lost: names of nodes, or identifiers of disks (32 hexadecimal digits), that are lost for good. A name stands
    ///     for all disks that a node of this name had and does not answer with.
    ///   - members: all members of the ring.
    /// - Throws: `StoreClientError` with `impossible` if a member does not answer: what it holds must be known.
    public func planRecovery(
        givingUp lost: [String],
        members: [NodeReference]
    ) async throws(StoreClientError) -> [StoreRecoveryPlan] {
        try await core.run { () throws(StoreClientError) in
            try await core.recoveries(givingUp: lost, members).map(\.plan)
        }
    }

    /// Recovers the ranges without a leader: the replica with the most complete log becomes the first one of a new
    /// range, and the disks that are given up may not come back. What only they held is lost. If it throws, run it
    /// again: a step that was done is not done twice.
    ///
    /// - Parameters:
    ///   - lost: as for planRecovery(givingUp:members:).
    ///   - members: all members of the ring.
    ///   - progress: called for each range that was recovered.
    /// - Throws: `StoreClientError` with `impossible` if a range cannot be recovered so; the message says why.
    @discardableResult
    public func recover(
        givingUp lost: [String],
        members: [NodeReference],
        progress: (StoreRecoveryResult) -> Void = { _ in }
    ) async throws(StoreClientError) -> [StoreRecoveryResult] {
        try await core.run { () throws(StoreClientError) in
            try await core.recover(givingUp: lost, members, progress)
        }
    }
}

/// A range without a leader, of which every member has said what it holds.
private struct OpenRecovery {
    var run: RecoveryRun
    /// What follows from the answers.
    var step: RecoveryRun.Step
    var plan: StoreRecoveryPlan
}

extension StoreClientCore {
    private static let recoveryTimeout: Duration = .seconds(30)

    fileprivate func recover(
        givingUp lost: [String],
        _ members: [NodeReference],
        _ progress: (StoreRecoveryResult) -> Void
    ) async throws(StoreClientError) -> [StoreRecoveryResult] {
        let targets = Self.targets(of: members)
        var results: [StoreRecoveryResult] = []
        for recovery in try await recoveries(givingUp: lost, members) {
            var (run, step) = (recovery.run, recovery.step)
            steps: while true {
                switch step {
                case .ask(let disks, let request):
                    step = run.answered(try await ask(disks, request, targets))
                case .failed(let reason): throw StoreClientError(.impossible, reason)
                case .done(let successor, let founder):
                    let result = StoreRecoveryResult(
                        range: "\(run.range)",
                        successor: "\(successor)",
                        disk: "\(founder)"
                    )
                    results.append(result)
                    progress(result)
                    break steps
                }
            }
        }
        return results
    }

    /// Asks all members for the ranges without a leader.
    fileprivate func recoveries(
        givingUp lost: [String],
        _ members: [NodeReference]
    ) async throws(StoreClientError) -> [OpenRecovery] {
        var targets = Self.targets(of: members)
        let all = try await ask(
            targets.keys.sorted(),
            RecoverRequest(.inspect, range: nil),
            targets
        )
        // The ring may go on naming a dead member for a while.
        targets = targets.filter { disk, node in
            all[disk] != nil || !lost.contains(node.name) && !lost.contains("\(disk)")
        }
        let disks = Set(targets.keys)
        if let silent = disks.subtracting(all.keys).sorted().first, let node = targets[silent] {
            throw StoreClientError(
                .impossible,
                "\(node.name) does not say what it holds: start it, or let it leave the ring if it is lost for good"
            )
        }
        var led: Set<RangeID> = []
        var open: Set<RangeID> = []
        for holding in all.values.flatMap(\.replicas)
        where holding.state == .promised || holding.state == .lost {
            open.insert(RangeID(RandomBits(wire: holding.range)))
        }
        for node in targets.values {
            for range in try await rangeStatus(of: node) {
                let id = RangeID(RandomBits(wire: range.descriptor.range))
                if range.leader == range.replica { led.insert(id) } else { open.insert(id) }
            }
        }
        var recoveries: [OpenRecovery] = []
        for range in open.subtracting(led).sorted() {
            let known = try await ask(
                disks.sorted(),
                RecoverRequest(.inspect, range: range.bits.wire),
                targets
            )
            let names = known.values.flatMap(\.replicas).compactMap(\.descriptor)
                .flatMap(\.replicas)
            let givenUp = names.filter { replica in
                let disk = DiskID(RandomBits(wire: replica.disk))
                return lost.contains("\(disk)")
                    || lost.contains(replica.node) && !disks.contains(disk)
            }.map { DiskID(RandomBits(wire: $0.disk)) }
            var run = RecoveryRun(of: range, givingUp: Set(givenUp), members: disks)
            let step = run.answered(known)
            recoveries.append(
                OpenRecovery(run: run, step: step, plan: StoreRecoveryPlan(run, step, targets))
            )
        }
        return recoveries
    }

    private func rangeStatus(
        of node: NodeReference
    ) async throws(StoreClientError) -> [WireRangeStatus] {
        let space = try await keyHash().space
        var ranges: [WireRangeStatus] = []
        var token: [UInt8] = []
        repeat {
            let request = StoreStatusRequest(limit: WireLimits.statusRanges, token: token)
            let result = await network.call(
                StoreMethods.status,
                at: PeerTarget(node),
                request.encoded(in: space),
                timeout: limits.deadline
            )
            guard result.status.isOK,
                let reply = try? StoreStatusReply(decoding: result.message, space: space)
            else {
                throw StoreClientError(
                    .impossible,
                    "\(node.name) does not say what it holds: \(result.status.message)"
                )
            }
            ranges += reply.ranges
            token = reply.token
        } while !token.isEmpty
        return ranges
    }

    private static func targets(of members: [NodeReference]) -> [DiskID: NodeReference] {
        Dictionary(
            members.compactMap { member in member.disk.map { ($0, member) } },
            uniquingKeysWith: { first, _ in first }
        )
    }

    /// Asks nodes at the same time.
    private func ask(
        _ disks: [DiskID],
        _ request: RecoverRequest,
        _ targets: [DiskID: NodeReference]
    ) async throws(StoreClientError) -> [DiskID: RecoverReply] {
        let space = try await keyHash().space
        let bytes = request.encoded(in: space)
        let network = network
        let results = await withTaskGroup(of: (DiskID, ClientResult).self) { tasks in
            for disk in disks {
                guard let node = targets[disk] else { continue }
                tasks.addTask {
                    let result = await network.call(
                        StoreAdminMethods.recover,
                        at: PeerTarget(node),
                        bytes,
                        timeout: Self.recoveryTimeout
                    )
                    return (disk, result)
                }
            }
            return await tasks.reduce(into: []) { $0.append($1) }
        }
        if Task.isCancelled { throw StoreClientError(.cancelled, "the task was cancelled") }
        var replies: [DiskID: RecoverReply] = [:]
        for (disk, result) in results {
            let status = result.status
            if status.origin == .peer, status.code == .permissionDenied {
                let address = targets[disk]?.address ?? "\(disk)"
                throw StoreClientError(status, at: address, mayHaveHappened: false)
            }
            guard status.isOK else { continue }
            replies[disk] = try? RecoverReply(decoding: result.message, space: space)
        }
        return replies
    }
}

extension StoreRecoveryPlan {
    fileprivate init(
        _ run: RecoveryRun,
        _ step: RecoveryRun.Step,
        _ targets: [DiskID: NodeReference]
    ) {
        range = "\(run.range)"
        survivors = run.holders.compactMap { disk in
            guard let holding = run.holdings[disk] else { return nil }
            return Survivor(
                node: targets[disk]?.name ?? "?",
                disk: "\(disk)",
                term: holding.lastTerm,
                last: holding.lastIndex,
                applied: holding.applied,
                rows: holding.rows,
                isReadable: holding.state != .lost,
                isFounder: disk == run.founder
            )
        }
        let descriptors = run.holdings.values.compactMap(\.descriptor)
        bounds =
            descriptors.max { left, right in
                (left.epoch.bounds, left.epoch.configuration)
                    < (right.epoch.bounds, right.epoch.configuration)
            }?.bounds
        let unexplained = Set(run.unexplained.map(\.disk))
        var seen: Set<UInt128> = []
        lost = descriptors.flatMap(\.replicas).filter { replica in
            let isLost =
                run.givenUp.contains(DiskID(RandomBits(wire: replica.disk)))
                || unexplained.contains(replica.disk)
            return isLost && seen.insert(replica.disk).inserted
        }.sorted { $0.number < $1.number }.map { replica in
            Lost(
                node: replica.node,
                disk: "\(RandomBits(wire: replica.disk))",
                isGivenUp: !unexplained.contains(replica.disk)
            )
        }
        problem = if case .failed(let reason) = step { reason } else { nil }
    }
}
