// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A gRPC status code.
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

    /// The code for a number from a peer. Numbers that gRPC does not define become UNKNOWN.
    package init(wire number: Int) {
        self =
            (0..<Self.names.count).contains(number) ? StatusCode(rawValue: UInt8(number)) : .unknown
    }
}

/// The result of a call, and who determined it.
package struct Status: Error, Hashable, Sendable, CustomStringConvertible {
    /// Who determined the status. It is not sent: for the receiver of a status, it is always the
    /// peer.
    package enum Origin: Hashable, Sendable {
        /// The peer sent the status, so it is alive.
        case peer
        /// The connection failed: it could not be opened, the handshake was refused, or it was
        /// reset.
        case transport
        /// The peer did not answer in time. It may be alive and only the connection broken.
        case silence
        /// This side ended the call: its deadline passed, or the caller cancelled.
        case local
    }

    /// Why a connection could not be opened, where the operator can correct it. It is not sent.
    package enum Reason: Hashable, Sendable {
        /// The peer does not accept our certificate.
        case ownCertificateRefused
        /// We do not accept the peer's certificate.
        case peerCertificateRefused
        /// The peer's certificate proves its host only, and this node does not accept such
        /// certificates.
        case peerProvesHostOnly
        /// The peer's certificate does not hold for the dialled host, or has another name than
        /// expected.
        case peerIsAnother
        /// The peer does not speak TLS 1.3 or HTTP/2.
        case notOurProtocol
    }

    package var code: StatusCode
    package var message: String
    package var origin: Origin
    package var reason: Reason?
    /// How many milliseconds the peer will not be dialled; 0 if it may be dialled now. It is not
    /// sent.
    package var redialMilliseconds: UInt32 = 0

    /// Whether the peer could not be reached. False if the peer answered, or this side ended the
    /// call.
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
