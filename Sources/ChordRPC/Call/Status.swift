// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// How a call ended, as gRPC names it.
package struct StatusCode: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let ok = StatusCode(rawValue: 0)
    package static let cancelled = StatusCode(rawValue: 1)
    package static let unknown = StatusCode(rawValue: 2)
    package static let invalidArgument = StatusCode(rawValue: 3)
    package static let deadlineExceeded = StatusCode(rawValue: 4)
    package static let notFound = StatusCode(rawValue: 5)
    package static let alreadyExists = StatusCode(rawValue: 6)
    package static let permissionDenied = StatusCode(rawValue: 7)
    package static let resourceExhausted = StatusCode(rawValue: 8)
    package static let failedPrecondition = StatusCode(rawValue: 9)
    package static let aborted = StatusCode(rawValue: 10)
    package static let outOfRange = StatusCode(rawValue: 11)
    package static let unimplemented = StatusCode(rawValue: 12)
    package static let internalError = StatusCode(rawValue: 13)
    package static let unavailable = StatusCode(rawValue: 14)
    package static let dataLoss = StatusCode(rawValue: 15)
    package static let unauthenticated = StatusCode(rawValue: 16)

    private static let names = [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
        "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
        "UNAUTHENTICATED",
    ]

    package var description: String {
        rawValue < Self.names.count ? Self.names[Int(rawValue)] : "CODE_\(rawValue)"
    }

    /// The code for a number that a peer sent; one that gRPC does not define counts as UNKNOWN.
    package init(wire number: Int) {
        self =
            (0..<Self.names.count).contains(number) ? StatusCode(rawValue: UInt8(number)) : .unknown
    }
}

/// How a call ended, and whose word that is.
package struct Status: Error, Hashable, Sendable, CustomStringConvertible {
    /// Who says so. It does not travel: the receiver of a status got it from its peer.
    package enum Origin: Hashable, Sendable {
        /// The peer answered with it: the peer is alive.
        case peer
        /// The way to the peer failed: no connection, a refused handshake, a reset.
        case transport
        /// Nothing was heard of the peer in time. It may live, and the way to it be broken.
        case silence
        /// This side ended the call: its deadline passed, or it cancelled.
        case local
    }

    /// What kept a connection from being made, where there is something to do about it. It does not
    /// travel.
    package enum Reason: Hashable, Sendable {
        /// The peer does not accept our certificate.
        case ownCertificateRefused
        /// We do not accept the peer's certificate.
        case peerCertificateRefused
        /// The peer's certificate proves its host only, and such certificates are not admitted here.
        case peerProvesHostOnly
        /// The peer's certificate holds for other hosts than the one that was dialled, or names another.
        case peerIsAnother
        /// What answers speaks no TLS 1.3 or no HTTP/2.
        case notOurProtocol
    }

    package var code: StatusCode
    package var message: String
    package var origin: Origin
    package var reason: Reason?
    /// For how many milliseconds the peer is not dialled again; 0 where it may be. It does not travel.
    package var redialMilliseconds: UInt32 = 0

    /// Whether the peer was not reached, as opposed to an answer of its own or a change of mind here.
    package var isUnreachable: Bool { origin == .transport || origin == .silence }

    package init(
        _ code: StatusCode,
        _ message: String = "",
        origin: Origin = .peer,
        reason: Reason? = nil
    ) {
        self.code = code
        self.message = message
        self.origin = origin
        self.reason = reason
    }

    package static let ok = Status(.ok)

    package var isOK: Bool { code == .ok }

    package var description: String {
        let rest =
            redialMilliseconds > 0 ? "; not dialled again for \(redialMilliseconds) ms" : ""
        return (message.isEmpty ? "\(code)" : "\(code): \(message)") + rest
    }
}
