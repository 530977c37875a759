// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity

/// A failure of TLS: of the files it needs, of a handshake, or of a connection.
package struct TLSError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure. New codes may be added; compare with the static members.
    package struct Code: Sendable, Hashable, CustomStringConvertible {
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
        package static let fileMissing = Code(.fileMissing)
        /// A file exists and cannot be read.
        package static let fileUnreadable = Code(.fileUnreadable)
        /// A file does not hold what it should.
        package static let fileMalformed = Code(.fileMalformed)
        /// The private key is encrypted.
        package static let keyEncrypted = Code(.keyEncrypted)
        /// A private key can be read by every user of the machine, or lies in a file that is given away.
        package static let keyExposed = Code(.keyExposed)
        /// The private key does not belong to the certificate.
        package static let keyMismatch = Code(.keyMismatch)
        /// A key or a signature is too weak for TLS 1.3, or of a kind that TLS 1.3 does not have.
        package static let keyUnsuitable = Code(.keyUnsuitable)
        /// The identity in a certificate was refused; `cause` is the `IdentityError`.
        package static let identityRefused = Code(.identityRefused)
        /// A certificate is past its end of validity.
        package static let certificateExpired = Code(.certificateExpired)
        /// A certificate's validity has not begun.
        package static let certificateNotYetValid = Code(.certificateNotYetValid)
        /// A certificate is on its issuer's revocation list.
        package static let certificateRevoked = Code(.certificateRevoked)
        /// A certificate does not lead to a trusted root.
        package static let unknownAuthority = Code(.unknownAuthority)
        /// A certificate failed verification in some other way.
        package static let certificateRefused = Code(.certificateRefused)
        /// The peer showed no certificate.
        package static let certificateMissing = Code(.certificateMissing)
        /// Revocation is checked and the certificate's issuer has no list.
        package static let revocationListMissing = Code(.revocationListMissing)
        /// A revocation list is past its time of next update, or not yet valid.
        package static let revocationListExpired = Code(.revocationListExpired)
        /// A revocation list is not signed by the authority that it names, or is only a part of a list.
        package static let revocationListRefused = Code(.revocationListRefused)
        /// A revocation list that was in use is gone: certificates are not read anew without it.
        package static let revocationListVanished = Code(.revocationListVanished)
        /// The peer does not offer HTTP/2.
        package static let noApplicationProtocol = Code(.noApplicationProtocol)
        /// The peer does not offer TLS 1.3.
        package static let protocolVersion = Code(.protocolVersion)
        /// The peer sent something that is not TLS.
        package static let notTLS = Code(.notTLS)
        /// The peer refused our certificate.
        package static let peerRefused = Code(.peerRefused)
        /// The peer ended the connection with an alert that is not about our certificate.
        package static let peerAlert = Code(.peerAlert)
        /// The handshake took longer than it may.
        package static let handshakeTimeout = Code(.handshakeTimeout)
        /// The two sides found no common ground, or the peer broke off.
        package static let handshakeFailed = Code(.handshakeFailed)
        /// The peer broke the TLS protocol.
        package static let malformed = Code(.malformed)
        /// The connection ended without a close_notify: what was received may be incomplete.
        package static let truncated = Code(.truncated)
        /// The connection is closed or closing.
        package static let closed = Code(.closed)
        /// A setting has no meaning.
        package static let invalidConfiguration = Code(.invalidConfiguration)
        /// OpenSSL failed where it should not, for instance for want of memory.
        package static let internalFailure = Code(.internalFailure)

        /// The name of the code.
        package var description: String { value.rawValue }
    }

    /// What kind of failure.
    package let code: Code

    /// What happened, and what to do about it where that is known, for a person.
    package let message: String

    /// The failure behind this one.
    package let cause: (any Error)?

    /// What the failure is about, for programs: nothing has to be read out of the message.
    package var subject: Subject

    /// What a failure is about. Each part is nil where it plays no role.
    package struct Subject: Sendable, Hashable {
        /// The file at fault.
        package var file: String?
        /// The address of the peer.
        package var peer: String?
        /// Who the peer's certificate says that it is: its URI, else its subject. Not proven.
        package var peerName: String?
        /// The serial number of the certificate that was refused, in hexadecimal digits.
        package var serial: String?
        /// The role of our own certificate, where that is known and plays a part.
        package var role: Role?
        /// The host that a certificate does not hold for.
        package var host: String?

        /// Nothing in particular, or what is given.
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
