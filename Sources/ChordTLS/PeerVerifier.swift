// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import ChordIdentity

/// The verification of the peer in one handshake.
///
/// OpenSSL's callbacks find it in their connection's application data. The connection owns it, and
/// it is used only inside calls on that connection.
final class PeerVerifier {
    let policy: IdentityPolicy
    let peerSide: ConnectionSide
    let expected: ExpectedPeer?
    let address: String
    let known: VerifiedChainCache

    /// The peer's identity, once its certificate has been accepted.
    private(set) var identity: PeerIdentity?

    /// Why we refused the handshake. OpenSSL's own error says only that it was refused.
    private(set) var refusal: TLSError?

    init(
        context: TLSContext,
        peerSide: ConnectionSide,
        expected: ExpectedPeer?,
        address: String
    ) {
        policy = context.configuration.policy
        known = context.verifiedChains
        self.peerSide = peerSide
        self.expected = expected
        self.address = address
    }

    static func of(_ ssl: OpaquePointer?) -> PeerVerifier? {
        guard let owner = ssl.flatMap({ chord_SSL_owner($0) }) else { return nil }
        return Unmanaged<PeerVerifier>.fromOpaque(owner).takeUnretainedValue()
    }

    /// Verifies the peer's chain and checks its leaf. The error that is left in the store's context
    /// decides which alert the peer receives.
    func verify(_ verification: OpaquePointer, ssl: OpaquePointer) -> Bool {
        do throws(TLSError) {
            let chain = VerifiedChainCache.Chain(of: verification, presentedBy: peerSide)
            let cached = try verifyUnlessCached(verification, chain)
            // A server that selects no protocol sends no alert. This is the last moment at which
            // the client can send one.
            if peerSide == .server, !Self.hasNegotiatedHTTP2(ssl) {
                throw TLSError(
                    .noApplicationProtocol,
                    "\(address) did not select HTTP/2 (h2) by ALPN"
                )
            }
            try checkIdentity(verification, chain: chain, cached: cached)
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

    /// Repeats the verification of a handshake for an open connection.
    func verifyAgain(_ verification: OpaquePointer) throws(TLSError) {
        let chain = VerifiedChainCache.Chain(of: verification, presentedBy: peerSide)
        let cached = try verifyUnlessCached(verification, chain)
        try checkIdentity(verification, chain: chain, cached: cached)
    }

    /// Records that the client offers no protocol that we speak.
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

    /// The cached identity of the chain; nil if it was not cached and has now been verified.
    private func verifyUnlessCached(
        _ verification: OpaquePointer,
        _ chain: VerifiedChainCache.Chain?
    ) throws(TLSError) -> PeerIdentity? {
        if let chain,
            let cached = known.identity(for: chain, at: chord_seconds_since_1970())
        {
            X509_STORE_CTX_set_error(verification, X509_V_OK)
            return cached
        }
        guard X509_verify_cert(verification) == 1 else {
            let leaf = X509_STORE_CTX_get0_cert(verification).flatMap {
                try? CertificateReader.read($0)
            }
            throw VerificationFailure.error(
                of: verification,
                certificate: presented(leaf),
                about: subject(leaf)
            )
        }
        return nil
    }

    /// Takes the peer's identity from the cache or from its leaf, and checks that it is the
    /// expected one.
    private func checkIdentity(
        _ verification: OpaquePointer,
        chain: VerifiedChainCache.Chain?,
        cached: PeerIdentity?
    ) throws(TLSError) {
        let found: PeerIdentity
        if let cached {
            found = cached
        } else {
            found = try leafIdentity(X509_STORE_CTX_get0_cert(verification))
            if let chain, let validity = CertificateReader.validity(of: verification) {
                known.insert(found, for: chain, during: validity)
            }
        }
        do throws(IdentityError) {
            try expected?.verify(found, presentedBy: address)
        } catch {
            throw TLSError(
                .identityRefused,
                error.message,
                cause: error,
                about: TLSError.Subject(
                    peer: address,
                    peerName: found.description,
                    serial: found.serial,
                    host: expected?.host
                )
            )
        }
        identity = found
    }

    private func leafIdentity(_ leaf: OpaquePointer?) throws(TLSError) -> PeerIdentity {
        guard let leaf else {
            throw TLSError(
                .certificateMissing,
                "\(address) sent no certificate",
                about: TLSError.Subject(peer: address)
            )
        }
        let certificate = try CertificateReader.read(leaf)
        do throws(IdentityError) {
            return try policy.identity(of: certificate, presentedBy: peerSide)
        } catch {
            throw TLSError(
                .identityRefused,
                "\(presented(certificate)) is refused: \(error.message)",
                cause: error,
                about: subject(certificate)
            )
        }
    }

    /// The certificate as the subject of a sentence. The names in it are not proven.
    private func presented(_ leaf: PeerCertificate?) -> String {
        let serial = leaf.map { " (serial \($0.serial))" } ?? ""
        return "certificate presented by \(address)\(serial)"
    }

    private func subject(_ leaf: PeerCertificate?) -> TLSError.Subject {
        TLSError.Subject(
            peer: address,
            peerName: leaf.map { quoted($0.uris.first ?? $0.subject) },
            serial: leaf?.serial
        )
    }

    private static func verificationError(for error: TLSError) -> Int32 {
        if error.code == .noApplicationProtocol { return X509_V_ERR_APPLICATION_VERIFICATION }
        return switch (error.cause as? IdentityError)?.code {
        case .keyUsage?, .extendedKeyUsage?, .authorityAsLeaf?: X509_V_ERR_INVALID_PURPOSE
        default: X509_V_ERR_CERT_REJECTED
        }
    }
}
