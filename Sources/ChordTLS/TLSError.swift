// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity

/// A failure of TLS: of the files it needs, of a handshake, or of a connection.
package struct TLSError: CodedError {
    /// The kind of the error.
    package struct Code: ErrorCode {
        private enum Kind: String {
            case fileMissing, fileUnreadable, fileMalformed
            case keyEncrypted, keyExposed, keyMismatch, keyUnsuitable
            case identityRefused, certificateExpired, certificateNotYetValid, certificateRevoked
            case unknownAuthority, certificateRefused, certificateMissing
            case revocationListMissing, revocationListExpired, revocationListRefused
            case revocationListVanished
            case noApplicationProtocol, protocolVersion, notTLS, peerRefused, peerAlert
            case handshakeTimeout, handshakeFailed, malformed, truncated, closed
            case invalidConfiguration, internalFailure
        }

        private let kind: Kind

        /// A file does not exist.
        package static let fileMissing = Self(kind: .fileMissing)
        /// A file exists and cannot be read.
        package static let fileUnreadable = Self(kind: .fileUnreadable)
        /// The content of a file is not what it should be.
        package static let fileMalformed = Self(kind: .fileMalformed)
        /// The private key is encrypted.
        package static let keyEncrypted = Self(kind: .keyEncrypted)
        /// A private key can be read by every user of the machine, or lies in a file that is given away.
        package static let keyExposed = Self(kind: .keyExposed)
        /// The private key does not belong to the certificate.
        package static let keyMismatch = Self(kind: .keyMismatch)
        /// A key or a signature is too weak for TLS 1.3, or of a kind that TLS 1.3 does not have.
        package static let keyUnsuitable = Self(kind: .keyUnsuitable)
        /// The identity in a certificate was refused; `cause` is the `IdentityError`.
        package static let identityRefused = Self(kind: .identityRefused)
        /// A certificate is past its end of validity.
        package static let certificateExpired = Self(kind: .certificateExpired)
        /// A certificate's validity has not begun.
        package static let certificateNotYetValid = Self(kind: .certificateNotYetValid)
        /// A certificate is on its issuer's revocation list.
        package static let certificateRevoked = Self(kind: .certificateRevoked)
        /// A certificate does not lead to a trusted root.
        package static let unknownAuthority = Self(kind: .unknownAuthority)
        /// A certificate failed verification in some other way.
        package static let certificateRefused = Self(kind: .certificateRefused)
        /// The peer sent no certificate.
        package static let certificateMissing = Self(kind: .certificateMissing)
        /// Revocation is checked and the certificate's issuer has no list.
        package static let revocationListMissing = Self(kind: .revocationListMissing)
        /// A revocation list is past its time of next update, or not yet valid.
        package static let revocationListExpired = Self(kind: .revocationListExpired)
        /// A revocation list is not signed by the authority that it names, or is only a part of a list.
        package static let revocationListRefused = Self(kind: .revocationListRefused)
        /// A revocation list that was in use is missing: certificates are not reloaded without it.
        package static let revocationListVanished = Self(kind: .revocationListVanished)
        /// The peer does not offer HTTP/2.
        package static let noApplicationProtocol = Self(kind: .noApplicationProtocol)
        /// The peer does not offer TLS 1.3.
        package static let protocolVersion = Self(kind: .protocolVersion)
        /// The peer sent something that is not TLS.
        package static let notTLS = Self(kind: .notTLS)
        /// The peer refused our certificate.
        package static let peerRefused = Self(kind: .peerRefused)
        /// The peer ended the connection with an alert that is not about our certificate.
        package static let peerAlert = Self(kind: .peerAlert)
        /// The handshake took longer than it may.
        package static let handshakeTimeout = Self(kind: .handshakeTimeout)
        /// The two sides found no common ground, or the peer broke off.
        package static let handshakeFailed = Self(kind: .handshakeFailed)
        /// The peer broke the TLS protocol.
        package static let malformed = Self(kind: .malformed)
        /// The connection ended without a close_notify, so the received data may be incomplete.
        package static let truncated = Self(kind: .truncated)
        /// The connection is closed or closing.
        package static let closed = Self(kind: .closed)
        /// A setting has no meaning.
        package static let invalidConfiguration = Self(kind: .invalidConfiguration)
        /// OpenSSL failed unexpectedly, for example for lack of memory.
        package static let internalFailure = Self(kind: .internalFailure)

        /// The name of the code.
        package var description: String { kind.rawValue }
    }

    /// The kind of the error.
    package let code: Code
    /// The problem and, if known, the remedy.
    package let message: String
    /// The error that caused this one.
    package let cause: (any Error)?

    /// The subject of the failure, for programs, so that they need not parse the message.
    package var subject: Subject

    /// The subject of a failure. Each part is nil if it plays no role.
    package struct Subject: Sendable, Hashable {
        /// The file at fault.
        package var file: String?
        /// The address of the peer.
        package var peer: String?
        /// The peer's identity by its certificate: its URI, else its subject. It is not verified.
        package var peerName: String?
        /// The serial number of the certificate that was refused, in hexadecimal digits.
        package var serial: String?
        /// The role of our own certificate, if it is known and matters.
        package var role: Role?
        /// The host that a certificate does not hold for.
        package var host: String?

        /// No subject, or the given parts.
        package init(
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
    package init(
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
    package var description: String {
        guard let cause, !(cause is IdentityError) else { return "\(code): \(message)" }
        return "\(code): \(message) (cause: \(cause))"
    }
}
