// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// Failures of handshakes and reads in words, from what OpenSSL left in its queue.
enum TLSFailure {
    static func error(
        from entries: [OpenSSLErrors.Entry],
        address: String,
        isHandshake: Bool
    ) -> TLSError {
        // The oldest entry is the cause; the later ones are its echoes on the way out.
        guard let entry = entries.first(where: { $0.library == ERR_LIB_SSL }) ?? entries.first
        else {
            return TLSError(.internalFailure, "OpenSSL gave no reason")
        }
        let reason = entry.reason
        if entry.library == ERR_LIB_SSL,
            (SSL_AD_REASON_OFFSET..<SSL_AD_REASON_OFFSET + 256).contains(reason)
        {
            return alert(reason - SSL_AD_REASON_OFFSET, address: address)
        }
        guard entry.library == ERR_LIB_SSL else {
            return TLSError(.malformed, "\(address) broke the TLS protocol: \(entry.text)")
        }
        switch reason {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return TLSError(
                .certificateMissing,
                "\(address) showed no certificate; there are no anonymous clients"
            )
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_UNKNOWN_PROTOCOL, SSL_R_VERSION_TOO_LOW:
            return TLSError(.protocolVersion, "\(address) does not offer TLS 1.3")
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST:
            return TLSError(.notTLS, "\(address) sent plain HTTP where TLS is spoken")
        case SSL_R_WRONG_VERSION_NUMBER where isHandshake:
            return TLSError(.notTLS, "\(address) does not speak TLS, or only an obsolete version")
        case SSL_R_NO_SHARED_CIPHER, SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SUITABLE_GROUPS,
            SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
            return TLSError(
                .handshakeFailed,
                "\(address) and we share no way to do TLS: \(entry.text)"
            )
        default:
            return TLSError(.malformed, "\(address) broke the TLS protocol: \(entry.text)")
        }
    }

    private static func alert(_ number: Int32, address: String) -> TLSError {
        let name = String(cString: SSL_alert_desc_string_long(number))
        let alert = "alert \(name) (\(number))"
        let about: String? =
            switch number {
            case SSL_AD_BAD_CERTIFICATE: "it does not accept the name or trust domain in it"
            case SSL_AD_UNSUPPORTED_CERTIFICATE: "its usages do not fit"
            case SSL_AD_CERTIFICATE_REVOKED: "it is revoked"
            case SSL_AD_CERTIFICATE_EXPIRED:
                "it is expired or not yet valid; are both clocks right?"
            case SSL_AD_CERTIFICATE_UNKNOWN, SSL_AD_ACCESS_DENIED: "it did not say why"
            case SSL_AD_UNKNOWN_CA: "it does not trust the authority that issued it"
            case SSL_AD_CERTIFICATE_REQUIRED: "we showed none"
            default: nil
            }
        if let about {
            return TLSError(.peerRefused, "the peer refused our certificate: \(alert): \(about)")
        }
        switch number {
        case SSL_AD_NO_APPLICATION_PROTOCOL:
            return TLSError(
                .noApplicationProtocol,
                "\(address) does not speak HTTP/2 (h2): \(alert)"
            )
        case SSL_AD_PROTOCOL_VERSION:
            return TLSError(.protocolVersion, "\(address) does not speak TLS 1.3: \(alert)")
        default:
            return TLSError(.peerAlert, "\(address) ended the connection: \(alert)")
        }
    }
}
