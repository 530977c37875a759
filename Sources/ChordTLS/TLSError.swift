// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordIdentity

/// A failure of TLS: of the files it needs, of a handshake, or of a connection.
public struct TLSError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure. New codes may be added; compare with the static members.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Value: String, Sendable {
            case fileMissing
            case fileUnreadable
            case fileMalformed
            case keyEncrypted
            case keyExposed
            case keyMismatch
            case keyUnsuitable
            case identityRefused
            case certificateExpired
            case certificateNotYetValid
            case certificateRevoked
            case unknownAuthority
            case certificateRefused
            case certificateMissing
            case revocationListMissing
            case revocationListExpired
            case revocationListRefused
            case revocationListVanished
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
        /// A private key can be read by every user of the machine, or lies in a file that is given away.
        public static let keyExposed = Code(.keyExposed)
        /// The private key does not belong to the certificate.
        public static let keyMismatch = Code(.keyMismatch)
        /// A key or a signature is too weak for TLS 1.3, or of a kind that TLS 1.3 does not have.
        public static let keyUnsuitable = Code(.keyUnsuitable)
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
        /// A revocation list is not signed by the authority that it names, or is only a part of a list.
        public static let revocationListRefused = Code(.revocationListRefused)
        /// A revocation list that was in use is gone: certificates are not read anew without it.
        public static let revocationListVanished = Code(.revocationListVanished)
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

    /// What the failure is about, for programs: nothing has to be read out of the message.
    public var subject: Subject

    /// What a failure is about. Each part is nil where it plays no role.
    public struct Subject: Sendable, Hashable {
        /// The file at fault.
        public var file: String?
        /// The address of the peer.
        public var peer: String?
        /// Who the peer's certificate says that it is: its URI, else its subject. Not proven.
        public var peerName: String?
        /// The serial number of the certificate that was refused, in hexadecimal digits.
        public var serial: String?
        /// The role of our own certificate, where that is known and plays a part.
        public var role: Role?
        /// The host that a certificate does not hold for.
        public var host: String?

        /// Nothing in particular, or what is given.
        public init(
            file: String? = nil,
            peer: String? = nil,
            peerName: String? = nil,
            serial: String? = nil,
            role: Role? = nil,
            host: String? = nil
        ) {
            self.file = file
            self.peer = peer
            self.peerName = peerName
            self.serial = serial
            self.role = role
            self.host = host
        }
    }

    /// Makes an error.
    public init(
        _ code: Code,
        _ message: String,
        cause: (any Error)? = nil,
        about subject: Subject = Subject()
    ) {
        self.code = code
        self.message = message
        self.cause = cause
        self.subject = subject
    }

    /// Code and message. The message of an `IdentityError` beneath is part of it already.
    public var description: String {
        guard let cause, !(cause is IdentityError) else { return "\(code): \(message)" }
        return "\(code): \(message) (cause: \(cause))"
    }
}
