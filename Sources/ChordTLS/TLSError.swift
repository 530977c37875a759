// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A failure of TLS: of the files it needs, of a handshake, or of a connection.
public struct TLSError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure. New codes may be added; compare with the static members.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case fileMissing
            case fileUnreadable
            case fileMalformed
            case keyEncrypted
            case keyMismatch
            case identityRefused
            case certificateExpired
            case certificateNotYetValid
            case certificateRevoked
            case unknownAuthority
            case certificateRefused
            case certificateMissing
            case revocationListMissing
            case revocationListExpired
            case noApplicationProtocol
            case protocolVersion
            case notTLS
            case peerRefused
            case peerAlert
            case handshakeTimeout
            case handshakeFailed
            case malformed
            case truncated
            case closed
            case invalidConfiguration
            case internalFailure
        }

        private let value: Value

        private init(_ value: Value) {
            self.value = value
        }

        /// A file does not exist.
        public static let fileMissing = Code(.fileMissing)
        /// A file exists and cannot be read.
        public static let fileUnreadable = Code(.fileUnreadable)
        /// A file does not hold what it should.
        public static let fileMalformed = Code(.fileMalformed)
        /// The private key is encrypted.
        public static let keyEncrypted = Code(.keyEncrypted)
        /// The private key does not belong to the certificate.
        public static let keyMismatch = Code(.keyMismatch)
        /// The identity in a certificate was refused; `cause` is the `IdentityError`.
        public static let identityRefused = Code(.identityRefused)
        /// A certificate is past its end of validity.
        public static let certificateExpired = Code(.certificateExpired)
        /// A certificate's validity has not begun.
        public static let certificateNotYetValid = Code(.certificateNotYetValid)
        /// A certificate is on its issuer's revocation list.
        public static let certificateRevoked = Code(.certificateRevoked)
        /// A certificate does not lead to a trusted root.
        public static let unknownAuthority = Code(.unknownAuthority)
        /// A certificate failed verification in some other way.
        public static let certificateRefused = Code(.certificateRefused)
        /// The peer showed no certificate.
        public static let certificateMissing = Code(.certificateMissing)
        /// Revocation is checked and the certificate's issuer has no list.
        public static let revocationListMissing = Code(.revocationListMissing)
        /// A revocation list is past its time of next update, or not yet valid.
        public static let revocationListExpired = Code(.revocationListExpired)
        /// The peer does not offer HTTP/2.
        public static let noApplicationProtocol = Code(.noApplicationProtocol)
        /// The peer does not offer TLS 1.3.
        public static let protocolVersion = Code(.protocolVersion)
        /// The peer sent something that is not TLS.
        public static let notTLS = Code(.notTLS)
        /// The peer refused our certificate.
        public static let peerRefused = Code(.peerRefused)
        /// The peer ended the connection with an alert that is not about our certificate.
        public static let peerAlert = Code(.peerAlert)
        /// The handshake took longer than it may.
        public static let handshakeTimeout = Code(.handshakeTimeout)
        /// The two sides found no common ground, or the peer broke off.
        public static let handshakeFailed = Code(.handshakeFailed)
        /// The peer broke the TLS protocol.
        public static let malformed = Code(.malformed)
        /// The connection ended without a close_notify: what was received may be incomplete.
        public static let truncated = Code(.truncated)
        /// The connection is closed or closing.
        public static let closed = Code(.closed)
        /// A setting has no meaning.
        public static let invalidConfiguration = Code(.invalidConfiguration)
        /// OpenSSL failed where it should not, for instance for want of memory.
        public static let internalFailure = Code(.internalFailure)

        /// The name of the code.
        public var description: String { value.rawValue }
    }

    /// What kind of failure.
    public let code: Code

    /// What happened, and what to do about it where that is known, for a person.
    public let message: String

    /// The failure behind this one.
    public let cause: (any Error)?

    /// Makes an error.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// Code, message and cause.
    public var description: String {
        "\(code): \(message)" + (cause.map { " (cause: \($0))" } ?? "")
    }
}
