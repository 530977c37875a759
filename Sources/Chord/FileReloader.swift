// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordRuntime
import Logging
import Metrics
import NIOConcurrencyHelpers
import NIOPosix

/// Reads a set of files again: when asked to, and by itself when they have changed.
///
/// A set that cannot be used is refused, and the present one stays in use.
final class FileReloader: Sendable {
    /// What the files are, for metrics and the log.
    struct Kind: Sendable {
        /// In the names of metrics.
        var name: String
        /// The log line about files that cannot be used.
        var refusal: String

        static let certificates = Kind(
            name: "certificate",
            refusal:
                "the certificate files have changed and cannot be used; the former ones stay in use"
        )
        static let policy = Kind(
            name: "policy",
            refusal: "the policy has changed and cannot be used; the former one stays in use"
        )
    }

    private struct State {
        var changes: FileChanges
        var timer: ScheduledWork?
        var isStopped = true
        /// Whether the files on the disk are refused.
        var isRefused = false
    }

    private let kind: Kind
    private let executor: any NodeExecutor
    private let logger: Logger
    private let metrics: Reloads
    private let seeFiles: @Sendable () -> FileChanges.Seen
    private let use: @Sendable () throws -> Void
    private let state: NIOLockedValueBox<State>
    /// One reading at a time.
    private let reading = NIOLock()

    /// - Parameters:
    ///   - first: The files just before they were read first.
    ///   - node: The node's name, for metrics; nil for a client.
    ///   - seeFiles: The present state of the files.
    ///   - use: Reads the files and puts them into use.
    init(
        _ kind: Kind,
        first: FileChanges.Seen,
        executor: any NodeExecutor,
        logger: Logger,
        node: String? = nil,
        seeFiles: @escaping @Sendable () -> FileChanges.Seen,
        use: @escaping @Sendable () throws -> Void
    ) {
        self.kind = kind
        self.executor = executor
        self.logger = logger
        self.seeFiles = seeFiles
        self.use = use
        metrics = Reloads(of: kind, node: node)
        state = NIOLockedValueBox(State(changes: FileChanges(used: first)))
    }

    // MARK: Reading

    /// Reads the files and puts them into use.
    ///
    /// - Throws: why they cannot be used; the present ones stay in use.
    func reload() throws {
        let seen = seeFiles()
        do {
            try read(seen)
        } catch {
            refused(seen, isReported: true)
            throw error
        }
    }

    private func read(_ seen: FileChanges.Seen) throws {
        try reading.withLock { try use() }
        state.withLockedValue { state in
            state.changes.taken(seen)
            state.isRefused = false
        }
        metrics.taken()
    }

    private func refused(_ seen: FileChanges.Seen, isReported: Bool) {
        let isNew = state.withLockedValue { state in
            state.changes.refused(seen, at: executor.now, isReported: isReported)
            guard isReported, !state.isRefused else { return false }
            state.isRefused = true
            return true
        }
        if isNew { metrics.refused() }
    }

    // MARK: Watching

    /// Looks at the files from now on.
    func start() {
        state.withLockedValue { $0.isStopped = false }
        metrics.start()
        scheduleLook()
    }

    func stop() {
        let timer = state.withLockedValue { state in
            state.isStopped = true
            return state.timer.take()
        }
        timer?.cancel()
    }

    /// Whether these files were refused without a report, because the rest may still come.
    func isIncomplete(_ seen: FileChanges.Seen) -> Bool {
        state.withLockedValue { $0.changes.isIncomplete(seen) }
    }

    private func scheduleLook() {
        state.withLockedValue { state in
            // Under the lock: after `stop()` the executor may have ended.
            guard !state.isStopped else { return }
            state.timer = executor.schedule(after: state.changes.pause) { [weak self] in
                // Disks can be slow, so files are examined beside the event loop.
                NIOThreadPool.singleton.submit { _ in self?.look() }
            }
        }
    }

    private func look() {
        let seen = seeFiles()
        let step = state.withLockedValue { $0.changes.look(seen, at: executor.now) }
        if case .read(let reports) = step { readChanged(seen, reports: reports) }
        endRefusalIfUndone(seen)
        scheduleLook()
    }

    private func readChanged(_ seen: FileChanges.Seen, reports: Bool) {
        do {
            try read(seen)
        } catch {
            refused(seen, isReported: reports)
            guard reports else { return }
            logger.error(
                "\(kind.refusal)",
                metadata: [LogKeys.error: "\(error)"]
            )
        }
    }

    /// A refused set of files may have been replaced by the one in use.
    private func endRefusalIfUndone(_ seen: FileChanges.Seen) {
        let isUndone = state.withLockedValue { state in
            guard state.isRefused, state.changes.areUsed(seen) else { return false }
            state.isRefused = false
            return true
        }
        if isUndone { metrics.undone() }
    }
}

/// The metrics of reading files again.
private struct Reloads {
    private let takenCount: Counter
    private let refusedCount: Counter
    private let refusedNow: Gauge

    init(of kind: FileReloader.Kind, node: String?) {
        let labels = node.map { [("node", $0)] } ?? []
        let name = "chord_\(kind.name)_reloads_total"
        takenCount = Counter(label: name, dimensions: labels + [("outcome", "taken")])
        refusedCount = Counter(label: name, dimensions: labels + [("outcome", "refused")])
        refusedNow = Gauge(label: "chord_\(kind.name)_files_refused", dimensions: labels)
    }

    func start() { refusedNow.record(0) }

    func taken() {
        takenCount.increment()
        refusedNow.record(0)
    }

    func refused() {
        refusedCount.increment()
        refusedNow.record(1)
    }

    func undone() { refusedNow.record(0) }
}
