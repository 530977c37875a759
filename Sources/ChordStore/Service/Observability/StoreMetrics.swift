// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import Metrics
import NIOConcurrencyHelpers

/// The metrics of the store: name, unit and labels of each in one place. docs/metrics.md tells operators what they
/// mean. Each has the label `node` besides.
final class StoreMetrics: Sendable {
    /// Calls of clients that this node has ended, those that it passed on among them. Unit: calls. Labels: call.
    private let calls: [String: Counter]
    /// From the arrival of a call to its end here. Unit: nanoseconds. Labels: call.
    private let callTimes: [String: Timer]
    /// Calls that ended with a failure. Unit: calls. Labels: kind.
    private let failures: [Failure: Counter]
    /// Calls that ended with the place of another node. Unit: calls.
    private let redirects: Counter

    /// Ranges of this node, as of the last second. Unit: ranges. Labels: kind.
    private let held: Meter
    private let led: Meter
    private let troubled: Meter
    private let damaged: Meter
    /// Keys, and bytes of keys and values, in all copies on this node.
    private let rows: Meter
    private let bytes: Meter
    /// Writes that this node has proposed and that are not applied yet. Unit: writes.
    private let proposals: Meter
    /// Bytes of the log's files. Unit: bytes.
    private let logBytes: Meter
    /// 1 while the condition holds, else 0.
    private let diskFull: Meter
    private let quotaReached: Meter
    /// Entries that were applied, of all ranges. Unit: entries.
    private let entriesApplied: Counter
    /// Syncs of the log, each for all ranges that have something to write; and bytes written. Labels: none.
    private let logSyncs: Counter
    private let logBytesWritten: Counter
    /// Bytes of snapshots. Unit: bytes. Labels: direction.
    private let snapshotBytesSent: Counter
    private let snapshotBytesReceived: Counter

    /// Who watches rows that this node leads, and gaps that they were told of. Unit: watchers, gaps.
    private let watchers: Meter
    private let watchGaps: Counter

    /// What was counted before, by things that only tell sums.
    private let last = NIOLockedValueBox(StoreFigures.Sums())

    /// Why a call failed.
    enum Failure: String, CaseIterable {
        /// No leader or no majority was found in time, or the node does not serve.
        case unavailable
        /// A write that may have happened.
        case inDoubt = "in_doubt"
        /// A limit: of bytes, of a full disk, of the quota, of writes under way.
        case limit
        /// The rows of a list have changed.
        case pageGone = "page_gone"
        /// The caller may not do it, or asks for something impossible.
        case refused
        /// The caller waits no longer.
        case abandoned

        init(_ status: Status) {
            switch status.code {
            case _ where status.reason == .mayHaveHappened: self = .inDoubt
            case .resourceExhausted: self = .limit
            case .aborted: self = .pageGone
            case .invalidArgument, .permissionDenied, .unauthenticated, .failedPrecondition:
                self = .refused
            case .cancelled: self = .abandoned
            default: self = .unavailable
            }
        }
    }

    init(node: String) {
        let own = [("node", node)]
        func made<Metric>(
            _ make: ([(String, String)]) -> Metric
        ) -> [String: Metric] {
            Dictionary(
                uniqueKeysWithValues: StoreMethods.routed.map { method in
                    (method.name, make([("call", method.name)] + own))
                }
            )
        }
        calls = made { Counter(label: "chord_store_calls_total", dimensions: $0) }
        callTimes = made { Timer(label: "chord_store_call_nanoseconds", dimensions: $0) }
        failures = Dictionary(
            uniqueKeysWithValues: Failure.allCases.map { kind in
                let labels = [("kind", kind.rawValue)] + own
                return (kind, Counter(label: "chord_store_failures_total", dimensions: labels))
            }
        )
        redirects = Counter(label: "chord_store_redirects_total", dimensions: own)
        func ranges(_ kind: String) -> Meter {
            Meter(label: "chord_store_ranges", dimensions: [("kind", kind)] + own)
        }
        held = ranges("held")
        led = ranges("led")
        troubled = ranges("with_issues")
        damaged = ranges("damaged")
        rows = Meter(label: "chord_store_keys", dimensions: own)
        bytes = Meter(label: "chord_store_bytes", dimensions: own)
        proposals = Meter(label: "chord_store_proposals_in_flight", dimensions: own)
        logBytes = Meter(label: "chord_store_log_bytes", dimensions: own)
        diskFull = Meter(label: "chord_store_disk_full", dimensions: own)
        quotaReached = Meter(label: "chord_store_quota_reached", dimensions: own)
        entriesApplied = Counter(label: "chord_store_entries_applied_total", dimensions: own)
        logSyncs = Counter(label: "chord_store_log_syncs_total", dimensions: own)
        logBytesWritten = Counter(label: "chord_store_log_bytes_written_total", dimensions: own)
        func snapshots(_ direction: String) -> Counter {
            Counter(
                label: "chord_store_snapshot_bytes_total",
                dimensions: [("direction", direction)] + own
            )
        }
        snapshotBytesSent = snapshots("sent")
        snapshotBytesReceived = snapshots("received")
        watchers = Meter(label: "chord_store_watchers", dimensions: own)
        watchGaps = Counter(label: "chord_store_watch_gaps_total", dimensions: own)
    }

    // MARK: Calls

    func answered(_ method: RPCMethod, after time: Duration, isRedirect: Bool = false) {
        if isRedirect { redirects.increment() }
        ended(method, after: time)
    }

    func failed(_ method: RPCMethod, after time: Duration, _ failure: Failure) {
        failures[failure]?.increment()
        ended(method, after: time)
    }

    private func ended(_ method: RPCMethod, after time: Duration) {
        calls[method.name]?.increment()
        callTimes[method.name]?.recordNanoseconds(time.clampedNanoseconds)
    }

    // MARK: Snapshots

    func sentSnapshot(bytes: Int) { snapshotBytesSent.increment(by: bytes) }
    func receivedSnapshot(bytes: Int) { snapshotBytesReceived.increment(by: bytes) }

    // MARK: Figures

    /// Takes over what a node's part of the store is like now.
    func record(_ figures: StoreFigures) {
        held.set(figures.held)
        led.set(figures.led)
        troubled.set(figures.withIssues)
        damaged.set(figures.damaged)
        rows.set(figures.rows)
        bytes.set(figures.bytes)
        proposals.set(figures.proposals)
        logBytes.set(figures.logBytes)
        diskFull.set(figures.isDiskFull ? 1 : 0)
        watchers.set(figures.watchers)
        quotaReached.set(figures.isQuotaReached ? 1 : 0)
        let former = last.withLockedValue { last in
            defer { last = figures.sums }
            return last
        }
        let new = figures.sums
        entriesApplied.increment(by: new.entriesApplied &- former.entriesApplied)
        logSyncs.increment(by: new.logSyncs &- former.logSyncs)
        watchGaps.increment(by: new.watchGaps &- former.watchGaps)
        logBytesWritten.increment(by: new.logBytesWritten &- former.logBytesWritten)
    }
}

/// What a node's part of the store is like at one moment.
struct StoreFigures: Hashable, Sendable {
    /// Numbers that only grow while the node runs.
    struct Sums: Hashable, Sendable {
        var entriesApplied: UInt64 = 0
        var logSyncs: UInt64 = 0
        var logBytesWritten: UInt64 = 0
        var watchGaps: UInt64 = 0
    }

    var held = 0
    var led = 0
    var withIssues = 0
    var damaged = 0
    var rows: UInt64 = 0
    var bytes: UInt64 = 0
    var proposals = 0
    var logBytes = 0
    var watchers = 0
    var isDiskFull = false
    var isQuotaReached = false
    var sums = Sums()
}

extension StoreNode {
    func setFiguresReport(_ report: @escaping @Sendable (StoreFigures) -> Void) {
        reportFigures = report
    }

    /// Counts what operators watch.
    var figures: StoreFigures {
        var figures = StoreFigures(held: replicas.count, damaged: damaged.count)
        figures.rows = heldSize.rows
        figures.bytes = heldSize.bytes
        for replica in replicas.values {
            figures.proposals += replica.writes.count
            guard replica.isLeader else { continue }
            figures.led += 1
            if !issues(of: replica).isEmpty { figures.withIssues += 1 }
        }
        let log = log.statistics
        figures.logBytes = log.bytesStored
        figures.watchers = watches.count
        figures.isDiskFull = isDiskFull
        figures.isQuotaReached = quota.reached != nil
        figures.sums = StoreFigures.Sums(
            entriesApplied: entriesApplied,
            logSyncs: log.commits.count,
            logBytesWritten: log.bytesWritten,
            watchGaps: watchGaps
        )
        return figures
    }
}
