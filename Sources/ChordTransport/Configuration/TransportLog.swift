// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordTLS
package import Logging
import NIOConcurrencyHelpers

/// The transport's log: the metadata keys, and limits on the lines that strangers can cause.
package struct TransportLog: Sendable {
    /// Metadata keys.
    package enum Key {
        package static let peer = "chord.peer"
        package static let error = "chord.error"
        package static let address = "chord.address"
        package static let limit = "chord.limit"
        package static let help = "chord.help"
        package static let suppressed = "chord.log.suppressed"
        package static let peerName = "chord.peer.name"
        package static let serial = "chord.certificate.serial"
    }

    package let logger: Logger
    private let throttle: LogThrottle
    private let refusals = RefusalThrottle()

    package init(logger: Logger, failuresPerSecond: Int) {
        self.logger = logger
        throttle = LogThrottle(perSecond: failuresPerSecond)
    }

    /// Logs a change of state.
    func change(_ what: String, address: String) {
        logger.info("\(what)", metadata: [Key.address: "\(address)"])
    }

    /// Logs that a resource of the system is exhausted.
    func shortage(_ what: String, limit: String, help: String) {
        logger.warning("\(what)", metadata: [Key.limit: "\(limit)", Key.help: "\(help)"])
    }

    /// Logs a peer's failure, unless enough of them were logged in this second.
    func failure(
        _ what: String,
        peer: String,
        error: any Error,
        isRoutine: Bool = false,
        at now: MonotonicTime
    ) {
        if let error = error as? TLSError, error.isRefusal {
            return refusal(what, peer: peer, error: error, at: now)
        }
        let level: Logger.Level = isRoutine ? .debug : .info
        guard logger.logLevel <= level, let suppressed = throttle.admit(at: now) else { return }
        var metadata: Logger.Metadata = [
            Key.peer: "\(peer)", Key.error: "\(error)",
        ]
        if suppressed > 0 { metadata[Key.suppressed] = "\(suppressed)" }
        logger.log(level: level, "\(what)", metadata: metadata)
    }

    /// Logs that a certificate was refused, theirs or ours: an operator has to act. The name is the one in
    /// the certificate and is not verified.
    func refusal(_ what: String, peer: String, error: TLSError, at now: MonotonicTime) {
        guard logger.logLevel <= .warning, let repeated = refusals.admit(error, of: peer, at: now),
            let suppressed = throttle.admit(at: now)
        else {
            return
        }
        var metadata: Logger.Metadata = [Key.peer: "\(peer)", Key.error: "\(error)"]
        if let name = error.subject.peerName { metadata[Key.peerName] = "\(name)" }
        if let serial = error.subject.serial { metadata[Key.serial] = "\(serial)" }
        let left = repeated + suppressed
        if left > 0 { metadata[Key.suppressed] = "\(left)" }
        logger.warning("\(what)", metadata: metadata)
    }
}

extension TLSError {
    /// Whether a certificate was refused, a peer's by us or ours by a peer.
    var isRefusal: Bool {
        switch DialFailure.reason(for: self) {
        case .ownCertificateRefused?, .peerCertificateRefused?, .peerProvesHostOnly?,
            .peerIsAnother?:
            true
        case .notOurProtocol?, .nothingListens?, .mayHaveHappened?, nil: false
        }
    }
}

/// Admits one line a minute for each peer and counts the rest: a refused peer retries every second. A
/// peer is a host, a certificate and the reason.
final class RefusalThrottle: Sendable {
    private struct Peer: Hashable {
        var host: String
        var serial: String?
        var code: TLSError.Code
    }

    private struct Silence {
        var until: MonotonicTime
        var suppressed = 0
    }

    private static let interval = Duration.seconds(60)
    /// How many peers are remembered; strangers can invent any number of them.
    private static let capacity = 256

    private let silences = NIOLockedValueBox<[Peer: Silence]>([:])

    /// How many lines of this peer were suppressed since its last one; nil if this one is suppressed too.
    func admit(_ error: TLSError, of address: String, at now: MonotonicTime) -> Int? {
        let peer = Peer(
            host: (try? NetworkAddress(address))?.host ?? address,
            serial: error.subject.serial,
            code: error.code
        )
        return silences.withLockedValue { silences in
            if let known = silences[peer] {
                guard known.until <= now else {
                    silences[peer]?.suppressed += 1
                    return nil
                }
                silences[peer] = Silence(until: now + Self.interval)
                return known.suppressed
            }
            if silences.count >= Self.capacity {
                silences = silences.filter { $0.value.until > now }
            }
            if silences.count >= Self.capacity { silences.removeAll() }
            silences[peer] = Silence(until: now + Self.interval)
            return 0
        }
    }
}

/// Admits a number of lines per second and counts the rest.
final class LogThrottle: Sendable {
    private struct State {
        var second = Int64.min
        var admitted = 0
        var suppressed = 0
    }

    private let perSecond: Int
    private let state = NIOLockedValueBox(State())

    init(perSecond: Int) {
        self.perSecond = perSecond
    }

    /// How many lines were suppressed since the last one; nil if this one is suppressed too.
    func admit(at now: MonotonicTime) -> Int? {
        state.withLockedValue { state in
            let second = now.nanoseconds / 1_000_000_000
            if second != state.second {
                state.second = second
                state.admitted = 0
            }
            guard state.admitted < perSecond else {
                state.suppressed += 1
                return nil
            }
            state.admitted += 1
            defer { state.suppressed = 0 }
            return state.suppressed
        }
    }
}
