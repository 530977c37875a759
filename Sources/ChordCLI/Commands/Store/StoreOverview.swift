// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine

/// The store of a ring, put together from what its members say.
struct StoreOverview: Sendable {
    /// What one member says.
    struct Member: Sendable {
        var node: NodeReference
        var answer: Answer
    }

    enum Answer: Sendable {
        case status(StoreNodeStatus)
        case noStore
        case failed(String)
    }

    /// A range, as its leader describes it, else as the replica does that knows the newest epoch.
    struct Range: Sendable {
        var status: StoreRangeStatus
        /// Whether a member says that it leads the range.
        var hasLeader: Bool
        /// How many entries the slowest replica is behind its leader; nil without a leader.
        var lag: UInt64?
    }

    var members: [Member]
    /// By the positions at which they end.
    let ranges: [Range]

    init(_ members: [Member]) {
        self.members = members
        var reports: [String: [StoreRangeStatus]] = [:]
        for member in members {
            guard case .status(let status) = member.answer else { continue }
            for range in status.ranges { reports[range.range, default: []].append(range) }
        }
        ranges = reports.values.compactMap { Range($0) }
            .sorted { $0.status.bounds.upperBound < $1.status.bounds.upperBound }
    }

    /// What is wrong, one sentence each.
    var problems: [String] {
        members.compactMap(\.problem) + ranges.flatMap(\.problems) + lostCopies + gaps
    }

    /// Copies on disks that their nodes do not have any more. Their leaders notice only when the copies are silent for
    /// long enough.
    private var lostCopies: [String] {
        var disks: [String: String] = [:]
        for case (let node, .status(let status)) in members.map({ ($0.node.name, $0.answer) }) {
            disks[node] = status.disk
        }
        return ranges.flatMap { range in
            range.status.replicas.filter { replica in
                disks[replica.node].map { $0 != replica.disk && !replica.disk.isEmpty } ?? false
            }.map { replica in
                "range \(range.shortName): the copy of \(replica.node) was on another disk than it has"
                    + " now"
            }
        }
    }

    /// Arcs that no range has. They are there for a moment while a range is split.
    var gaps: [String] {
        guard let last = ranges.last else {
            return members.contains { $0.hasStore } ? ["no member has a range"] : []
        }
        var gaps: [String] = []
        var end = last.status.bounds.upperBound
        for range in ranges {
            let bounds = range.status.bounds
            if bounds.lowerBound != end, !bounds.isWholeCircle {
                gaps.append("no range that answers begins after \(end)")
            }
            end = bounds.upperBound
        }
        return gaps
    }
}

extension StoreOverview.Member {
    fileprivate var hasStore: Bool {
        if case .status = answer { true } else { false }
    }

    fileprivate var problem: String? {
        switch answer {
        case .noStore: return nil
        case .failed(let reason): return "\(node.name) does not answer: \(reason)"
        case .status(let status):
            if status.state == .serving, status.isQuotaReached, let quota = status.quotaBytes {
                return
                    "\(node.name) has reached its quota of \(quota.inBytes): delete keys, add nodes, or raise "
                    + "--store-quota"
            }
            guard status.state != .serving || !status.reason.isEmpty else { return nil }
            let reason = status.reason.isEmpty ? "" : ": \(status.reason)"
            return "\(node.name) is \(status.state.rawValue)\(reason)"
        }
    }
}

extension StoreOverview.Range {
    /// - Parameter reports: what each of the range's replicas says.
    init?(_ reports: [StoreRangeStatus]) {
        let leader = reports.filter(\.isLedHere).max { $0.term < $1.term }
        let newest = reports.max {
            ($0.boundsEpoch, $0.configurationEpoch) < ($1.boundsEpoch, $1.configurationEpoch)
        }
        guard let status = leader ?? newest else { return nil }
        self.status = status
        hasLeader = leader != nil
        lag = leader.flatMap { leader in
            leader.replicas.compactMap { replica in
                replica.acknowledged.map { leader.commit - min(leader.commit, $0) }
            }.max()
        }
    }

    /// The first digits of the identifier, which tell a store's ranges apart in practice.
    var shortName: String { String(status.range.prefix(8)) }

    fileprivate var problems: [String] {
        let named = status.issues.map { "range \(shortName): \($0.detail)" }
        guard !hasLeader, !status.issues.contains(where: { $0.kind == .noLeader }) else {
            return named
        }
        return named + ["range \(shortName): no member says that it leads it"]
    }
}
