// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

extension TLSConnection {
    /// Verifies the peer's certificate again, with the present trust roots and revocation lists.
    ///
    /// A handshake verifies it only once. After a reload, the certificate of an open connection may
    /// be revoked, or its authority may no longer be trusted.
    ///
    /// - Returns: why a handshake with the peer would fail now; nil if it would succeed, or if no
    ///   handshake has completed yet.
    package func revalidate(with context: TLSContext) -> TLSError? {
        guard state != .handshaking else { return nil }
        OpenSSLErrors.clear()
        guard let leaf = SSL_get0_peer_certificate(session.pointer) else {
            return TLSError(.certificateMissing, "\(address) sent no certificate")
        }
        guard let verification = X509_STORE_CTX_new() else {
            return TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        defer { X509_STORE_CTX_free(verification) }
        let store = SSL_CTX_get_cert_store(context.server.pointer)
        let chain = SSL_get_peer_cert_chain(session.pointer)
        guard X509_STORE_CTX_init(verification, store, leaf, chain) == 1 else {
            return TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        let verifier = PeerVerifier(
            context: context,
            peerSide: verifier.peerSide,
            expected: verifier.expected,
            address: address
        )
        do throws(TLSError) {
            try verifier.verifyAgain(verification)
            return nil
        } catch {
            return error
        }
    }
}

extension TLSHandler {
    /// Verifies the peer's certificate again; see `TLSConnection.revalidate(with:)`.
    package func revalidate(with context: TLSContext) -> TLSError? {
        connection?.revalidate(with: context)
    }
}
