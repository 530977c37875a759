// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import ChordIdentity

/// What one handshake decides about the peer, and why.
///
/// OpenSSL's callbacks find it as their connection's application data. It is owned by the connection
/// and touched only inside calls on that connection.
final class HandshakeJudge {
    let policy: IdentityPolicy
    let peerSide: ConnectionSide
    let expected: ExpectedPeer?
    let address: String
    let known: VerifiedPeers

    /// Who the peer is, once its certificate has passed.
    private(set) var identity: PeerIdentity?

    /// Why the handshake was refused by us; OpenSSL's own error says only that it was.
    private(set) var refusal: TLSError?

    init(
        context: TLSContext,
        peerSide: ConnectionSide,
        expected: ExpectedPeer?,
        address: String
    ) {
        policy = context.configuration.policy
        known = context.verifiedPeers
        self.peerSide = peerSide
        self.expected = expected
        self.address = address
    }

    static func of(_ ssl: OpaquePointer?) -> HandshakeJudge? {
        guard let owner = ssl.flatMap({ chord_SSL_owner($0) }) else { return nil }
        return Unmanaged<HandshakeJudge>.fromOpaque(owner).takeUnretainedValue()
    }

    /// Verifies the peer's chain and judges its leaf. The error left in the store's context decides
    /// which alert the peer receives.
    func verify(_ verification: OpaquePointer, ssl: OpaquePointer) -> Bool {
        do throws(TLSError) {
            let chain = VerifiedPeers.Chain(of: verification, presentedBy: peerSide)
            let remembered = try verifyUnlessKnown(verification, chain)
            // A server that selects no protocol sends no alert; the last moment at which we can is here.
            if peerSide == .server, !Self.hasNegotiatedHTTP2(ssl) {
                throw TLSError(
                    .noApplicationProtocol,
                    "\(address) did not select HTTP/2 (h2) by ALPN"
                )
            }
            try judge(verification, chain: chain, remembered: remembered)
            return true
        } catch {
            refusal = error
            if X509_STORE_CTX_get_error(verification) == X509_V_OK {
                X509_STORE_CTX_set_error(verification, Self.verificationError(for: error))
            } else {
                VerificationFailure.adjustAlert(of: verification)
            }
            return false
        }
    }

    /// Verifies the peer's chain and judges its leaf as in a handshake, for a connection that has had
    /// its own.
    func verifyAgain(_ verification: OpaquePointer) throws(TLSError) {
        let chain = VerifiedPeers.Chain(of: verification, presentedBy: peerSide)
        let remembered = try verifyUnlessKnown(verification, chain)
        try judge(verification, chain: chain, remembered: remembered)
    }

    /// Notes that the client offers no protocol that we speak.
    func refuseProtocols() {
        refusal = TLSError(
            .noApplicationProtocol,
            "\(address) does not offer HTTP/2 (h2) by ALPN; is it a gRPC client?"
        )
    }

    static func hasNegotiatedHTTP2(_ ssl: OpaquePointer) -> Bool {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &count)
        guard let name else { return false }
        return UnsafeBufferPointer(start: name, count: Int(count)).elementsEqual("h2".utf8)
    }

    private var presented: String { "certificate presented by \(address)" }

    /// Whom the chain is remembered to stand for; nil where it had to be verified, and has passed.
    private func verifyUnlessKnown(
        _ verification: OpaquePointer,
        _ chain: VerifiedPeers.Chain?
    ) throws(TLSError) -> PeerIdentity? {
        if let chain,
            let remembered = known.identity(for: chain, at: chord_seconds_since_1970())
        {
            X509_STORE_CTX_set_error(verification, X509_V_OK)
            return remembered
        }
        guard X509_verify_cert(verification) == 1 else {
            throw VerificationFailure.error(of: verification, certificate: presented)
        }
        return nil
    }

    /// Says who the peer is, by what is remembered of its chain or by its leaf, and whether it is the
    /// one that we expect.
    private func judge(
        _ verification: OpaquePointer,
        chain: VerifiedPeers.Chain?,
        remembered: PeerIdentity?
    ) throws(TLSError) {
        let found: PeerIdentity
        if let remembered {
            found = remembered
        } else {
            found = try judgeLeaf(X509_STORE_CTX_get0_cert(verification))
            if let chain, let validity = CertificateReader.validity(of: verification) {
                known.remember(found, for: chain, during: validity)
            }
        }
        do throws(IdentityError) {
            try expected?.verify(found, presentedBy: address)
        } catch {
            throw TLSError(.identityRefused, error.message, cause: error)
        }
        identity = found
    }

    private func judgeLeaf(_ leaf: OpaquePointer?) throws(TLSError) -> PeerIdentity {
        guard let leaf else {
            throw TLSError(.certificateMissing, "\(address) showed no certificate")
        }
        let certificate = try CertificateReader.read(leaf)
        do throws(IdentityError) {
            return try policy.judge(certificate, presentedBy: peerSide)
        } catch {
            throw TLSError(
                .identityRefused,
                "\(presented) (serial \(certificate.serial)) is refused: \(error.message)",
                cause: error
            )
        }
    }

    private static func verificationError(for error: TLSError) -> Int32 {
        if error.code == .noApplicationProtocol { return X509_V_ERR_APPLICATION_VERIFICATION }
        return switch (error.cause as? IdentityError)?.code {
        case .keyUsage?, .extendedKeyUsage?, .authorityAsLeaf?: X509_V_ERR_INVALID_PURPOSE
        default: X509_V_ERR_CERT_REJECTED
        }
    }
}

/// Failures of `X509_verify_cert` in words.
enum VerificationFailure {
    /// Says why a verification failed.
    ///
    /// - Parameter certificate: The subject of the sentence, "certificate presented by …".
    static func error(of verification: OpaquePointer, certificate: String) -> TLSError {
        OpenSSLErrors.clear()
        let code = X509_STORE_CTX_get_error(verification)
        let depth = X509_STORE_CTX_get_error_depth(verification)
        let current = X509_STORE_CTX_get_current_cert(verification)
        let issuer = quoted(current.map { CertificateReader.line(X509_get_issuer_name($0)) } ?? "")
        // Below the leaf, the sentence is about the authority.
        let subject =
            depth == 0
            ? certificate
            : "\(certificate): its authority "
                + quoted(current.map { CertificateReader.line(X509_get_subject_name($0)) } ?? "")
        switch code {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return TLSError(
                .certificateExpired,
                "\(subject) has expired on \(time(current.flatMap { X509_get0_notAfter($0) }))"
            )
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return TLSError(
                .certificateNotYetValid,
                "\(subject) is not valid before"
                    + " \(time(current.flatMap { X509_get0_notBefore($0) })); are both clocks right?"
            )
        case X509_V_ERR_CERT_REVOKED:
            return TLSError(.certificateRevoked, "\(subject) is revoked by its issuer \(issuer)")
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            return TLSError(.unknownAuthority, "\(subject) is self-signed and not trusted")
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_CERT_UNTRUSTED:
            return TLSError(
                .unknownAuthority,
                "\(certificate) is issued by an unknown authority: issuer \(issuer)"
            )
        case X509_V_ERR_UNABLE_TO_GET_CRL:
            return TLSError(
                .revocationListMissing,
                "\(subject) cannot be checked: there is no revocation list of its issuer \(issuer)"
            )
        case X509_V_ERR_CRL_HAS_EXPIRED, X509_V_ERR_CRL_NOT_YET_VALID:
            let isLate = code == X509_V_ERR_CRL_HAS_EXPIRED
            let when = listTime(verification, current: current, end: isLate)
            return TLSError(
                .revocationListExpired,
                "\(subject) cannot be checked: the revocation list of its issuer \(issuer) "
                    + (isLate ? "has expired on \(when)" : "is not valid before \(when)")
            )
        default:
            let reason = String(cString: X509_verify_cert_error_string(Int(code)))
            return TLSError(.certificateRefused, "\(subject) does not verify: \(reason)")
        }
    }

    /// Corrects the alert where OpenSSL's would mislead the peer. A list that we lack or let expire is
    /// no fault of its certificate: "out of memory" is the error whose alert is `internal_error`. A
    /// certificate that is not valid yet falls under `certificate_expired` (RFC 8446, section 6.2).
    static func adjustAlert(of verification: OpaquePointer) {
        switch X509_STORE_CTX_get_error(verification) {
        case X509_V_ERR_UNABLE_TO_GET_CRL, X509_V_ERR_CRL_HAS_EXPIRED, X509_V_ERR_CRL_NOT_YET_VALID:
            X509_STORE_CTX_set_error(verification, X509_V_ERR_OUT_OF_MEM)
        case X509_V_ERR_CERT_NOT_YET_VALID:
            X509_STORE_CTX_set_error(verification, X509_V_ERR_CERT_HAS_EXPIRED)
        default: break
        }
    }

    /// When the validity of the newest list of a certificate's issuer ends or begins. OpenSSL forgets
    /// which list it looked at, so the lists are looked up again.
    private static func listTime(
        _ verification: OpaquePointer,
        current: OpaquePointer?,
        end: Bool
    ) -> String {
        let issuer = current.flatMap { X509_get_issuer_name($0) }
        guard let issuer, let lists = X509_STORE_CTX_get1_crls(verification, issuer) else {
            return time(nil)
        }
        defer { chord_X509_CRL_stack_free(lists) }
        var newest: Int64?
        for index in 0..<OPENSSL_sk_num(lists) {
            let list = OPENSSL_sk_value(lists, index).map { OpaquePointer($0) }
            let bound = end ? X509_CRL_get0_nextUpdate(list) : X509_CRL_get0_lastUpdate(list)
            if let seconds = try? CertificateReader.seconds(bound) {
                newest = max(newest ?? seconds, seconds)
            }
        }
        return newest.map { PeerCertificate.timestamp(secondsSince1970: $0) } ?? time(nil)
    }

    private static func time(_ time: UnsafePointer<ASN1_TIME>?) -> String {
        guard let seconds = try? CertificateReader.seconds(time) else { return "an unknown date" }
        return PeerCertificate.timestamp(secondsSince1970: seconds)
    }
}
