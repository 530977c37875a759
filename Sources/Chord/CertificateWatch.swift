// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordRuntime
import ChordTLS
import Logging
import Metrics
import NIOConcurrencyHelpers

/// Warns operators before the node's certificates and revocation lists expire. The log gets a line
/// at a third and at a tenth of their lifetime, and at expiry. Metrics always show the remaining
/// time.
final class CertificateWatch: Sendable {
    /// The time between two checks of the clock. The clock may be set at any time, so one timer
    /// until the expiry would be wrong.
    static let interval = Duration.seconds(60)

    private struct State {
        var countdown = CertificateCountdown([])
        var timer: ScheduledWork?
        var isStopped = true
    }

    private let executor: any NodeExecutor
    private let logger: Logger
    private let node: String
    private let gauges: [CertificateValidity.Kind: Gauge]
    private let state = NIOLockedValueBox(State())

    init(node: String, executor: any NodeExecutor, logger: Logger) {
        self.node = node
        self.executor = executor
        self.logger = logger
        // `chord_certificate_expiry_seconds`: seconds until the first expiry of each kind, negative
        // after it.
        gauges = Dictionary(
            uniqueKeysWithValues: CertificateValidity.Kind.allCases.map { kind in
                (
                    kind,
                    Gauge(
                        label: "chord_certificate_expiry_seconds",
                        dimensions: [("node", node), ("kind", kind.rawValue)]
                    )
                )
            }
        )
    }

    /// Watches these from now on, instead of the previous ones.
    func watch(_ validities: [CertificateValidity]) {
        state.withLockedValue { state in
            state.countdown = CertificateCountdown(validities)
            state.isStopped = false
        }
        look()
    }

    /// Logs which certificates are in use, and watches their expiry.
    ///
    /// - Parameter optionalList: Where a revocation list would be read.
    func watch(_ context: TLSContext, optionalList: String?, saying what: String) {
        let list = context.configuration.files.revocationList
        logger.info(
            "\(what)",
            metadata: [
                LogKeys.node: "\(node)",
                LogKeys.serial: "\(context.certificate.serial)",
                LogKeys.ends:
                    "\(PeerCertificate.timestamp(secondsSince1970: context.certificate.notAfter))",
                LogKeys.revocation: "\(list ?? "none")",
            ]
        )
        if list == nil {
            let place = optionalList.map { " at \($0)" } ?? ""
            logger.notice(
                "there is no revocation list\(place): revoked certificates are accepted",
                metadata: [LogKeys.node: "\(node)"]
            )
        }
        for warning in context.warnings {
            logger.warning("\(warning)", metadata: [LogKeys.node: "\(node)"])
        }
        watch(context.validities)
    }

    func stop() {
        let timer = state.withLockedValue { state in
            state.isStopped = true
            defer { state.timer = nil }
            return state.timer
        }
        timer?.cancel()
    }

    private func look() {
        let now = Int64(clamping: executor.wallClockMilliseconds / 1_000)
        let (notices, left) = state.withLockedValue { state in
            (state.countdown.notices(at: now), state.countdown.left(at: now))
        }
        for notice in notices { log(notice) }
        for (kind, seconds) in left { gauges[kind]?.record(seconds) }
        let next = executor.schedule(after: Self.interval) { [weak self] in self?.look() }
        let former = state.withLockedValue { state -> ScheduledWork? in
            guard !state.isStopped else { return next }
            defer { state.timer = next }
            return state.timer
        }
        former?.cancel()
    }

    private func log(_ notice: CertificateCountdown.Notice) {
        var metadata: Logger.Metadata = [
            LogKeys.node: "\(node)",
            LogKeys.certificate: "\(notice.validity.name)",
            LogKeys.ends: "\(PeerCertificate.timestamp(secondsSince1970: notice.validity.to))",
            LogKeys.left: "\(Self.text(notice.left))",
        ]
        if !notice.validity.serial.isEmpty {
            metadata[LogKeys.serial] = "\(notice.validity.serial)"
        }
        logger.log(
            level: notice.isError ? .error : .warning,
            "\(notice.message)",
            metadata: metadata
        )
    }

    /// A remaining time in a suitable unit.
    static func text(_ seconds: Int64) -> String {
        let (sign, length) = seconds < 0 ? ("-", 0 &- seconds) : ("", seconds)
        switch length {
        case 172_800...: return "\(sign)\(length / 86_400) days"
        case 7_200...: return "\(sign)\(length / 3_600) hours"
        case 120...: return "\(sign)\(length / 60) minutes"
        default: return "\(sign)\(length) seconds"
        }
    }
}
