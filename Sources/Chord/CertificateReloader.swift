// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordRuntime
import ChordTLS
import Logging
import Metrics
import NIOConcurrencyHelpers
import NIOPosix

/// Reads the certificate files of a node or a client again: when asked to, and by itself when they
/// have changed.
///
/// A set of files that does not fit together is refused, and the present one stays in use.
final class CertificateReloader: Sendable {
    private struct State {
        var changes: FileChanges
        var timer: ScheduledWork?
        var isStopped = true
        /// Whether the files on the disk are refused.
        var isRefused = false
    }

    private let certificates: Certificates
    private let tls: TLSContextSource
    private let executor: any NodeExecutor
    private let logger: Logger
    private let metrics: Reloads
    private let onReload: @Sendable (TLSContext) -> Void
    private let state: NIOLockedValueBox<State>
    /// One reading at a time.
    private let reading = NIOLock()

    /// - Parameters:
    ///   - seen: The files just before the present context was loaded.
    ///   - node: The node's name, for metrics; nil for a client.
    ///   - onReload: Called with each context that was put into use later.
    init(
        _ certificates: Certificates,
        seen: FileChanges.Seen,
        tls: TLSContextSource,
        executor: any NodeExecutor,
        logger: Logger,
        node: String? = nil,
        onReload: @escaping @Sendable (TLSContext) -> Void
    ) {
        self.certificates = certificates
        self.tls = tls
        self.executor = executor
        self.logger = logger
        self.onReload = onReload
        metrics = Reloads(node: node)
        state = NIOLockedValueBox(State(changes: FileChanges(used: seen)))
    }

    // MARK: Reading

    /// Reads the files and puts them into use.
    ///
    /// If a revocation list was in use and is missing now, that fails: a lost file must not make
    /// revoked certificates valid.
    ///
    /// - Throws: `ChordError` with `invalidConfiguration`; the present files stay in use.
    func reload() throws(ChordError) {
        let seen = certificates.seen
        do throws(TLSError) {
            try read(seen)
        } catch {
            refused(seen, isReported: true)
            throw ChordError(
                .invalidConfiguration,
                "the present certificates stay in use",
                cause: error
            )
        }
    }

    private func read(_ seen: FileChanges.Seen) throws(TLSError) {
        let result: Result<TLSContext, TLSError> = reading.withLock {
            do throws(TLSError) {
                let context = try loaded()
                tls.replace(with: context)
                return .success(context)
            } catch {
                return .failure(error)
            }
        }
        let context = try result.get()
        state.withLockedValue { state in
            state.changes.taken(seen)
            state.isRefused = false
        }
        metrics.taken()
        onReload(context)
    }

    private func loaded() throws(TLSError) -> TLSContext {
        let former = tls.current.configuration
        let context = try certificates.load(for: former.use)
        guard let list = former.files.revocationList,
            context.configuration.files.revocationList == nil
        else {
            return context
        }
        throw TLSError(
            .revocationListVanished,
            "the revocation list \(list) is missing, and without it revoked certificates would be"
                + " accepted again: restore the file, or restart to run without a list",
            about: TLSError.Subject(file: list)
        )
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
        let seen = certificates.seen
        let step = state.withLockedValue { $0.changes.look(seen, at: executor.now) }
        if case .read(let reports) = step { readChanged(seen, reports: reports) }
        endRefusalIfUndone(seen)
        scheduleLook()
    }

    private func readChanged(_ seen: FileChanges.Seen, reports: Bool) {
        do throws(TLSError) {
            try read(seen)
        } catch {
            refused(seen, isReported: reports)
            guard reports else { return }
            logger.error(
                "the certificate files have changed and cannot be used; the former ones stay in use",
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

/// The metrics of reading certificates again.
private struct Reloads {
    private let takenCount: Counter
    private let refusedCount: Counter
    private let refusedNow: Gauge

    init(node: String?) {
        let labels = node.map { [("node", $0)] } ?? []
        let name = "chord_certificate_reloads_total"
        takenCount = Counter(label: name, dimensions: labels + [("outcome", "taken")])
        refusedCount = Counter(label: name, dimensions: labels + [("outcome", "refused")])
        refusedNow = Gauge(label: "chord_certificate_files_refused", dimensions: labels)
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
