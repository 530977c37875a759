// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

extension TLSConnection {
    /// Judges the peer's certificate anew, by what a handshake would trust now.
    ///
    /// A handshake's verdict holds for its moment. After a reload a certificate may be revoked, or its
    /// authority no longer trusted, while the connection that it opened goes on.
    ///
    /// - Returns: why a handshake with the peer would fail now; nil where it would not, or where there
    ///   has been none yet.
    package func revalidate(with context: TLSContext) -> TLSError? {
        guard state != .handshaking else { return nil }
        OpenSSLErrors.clear()
        guard let leaf = SSL_get0_peer_certificate(session.pointer) else {
            return TLSError(.certificateMissing, "\(address) showed no certificate")
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
        let judge = PeerVerifier(
            context: context,
            peerSide: judge.peerSide,
            expected: judge.expected,
            address: address
        )
        do throws(TLSError) {
            try judge.verifyAgain(verification)
            return nil
        } catch {
            return error
        }
    }
}

extension TLSHandler {
    /// Judges the peer's certificate anew; see `TLSConnection.revalidate(with:)`.
    package func revalidate(with context: TLSContext) -> TLSError? {
        connection?.revalidate(with: context)
    }
}
