// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import ChordIdentity

/// Describes the errors of `X509_verify_cert`.
enum VerificationFailure {
    /// The error of a failed verification.
    ///
    /// - Parameters:
    ///   - certificate: The subject of the sentence, "certificate presented by …".
    ///   - about: What the error is about.
    static func error(
        of verification: OpaquePointer,
        certificate: String,
        about: TLSError.Subject
    ) -> TLSError {
        OpenSSLErrors.clear()
        func error(_ code: TLSError.Code, _ message: String) -> TLSError {
            TLSError(code, message, about: about)
        }
        let code = X509_STORE_CTX_get_error(verification)
        let depth = X509_STORE_CTX_get_error_depth(verification)
        let current = X509_STORE_CTX_get_current_cert(verification)
        let issuer = quoted(current.map { CertificateReader.line(X509_get_issuer_name($0)) } ?? "")
        // For another certificate than the leaf, the sentence is about the authority.
        let subject =
            depth == 0
            ? certificate
            : "\(certificate): its authority "
                + quoted(current.map { CertificateReader.line(X509_get_subject_name($0)) } ?? "")
        switch code {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return error(
                .certificateExpired,
                "\(subject) expired on \(time(current.flatMap { X509_get0_notAfter($0) }))"
                    + Clock.aside
            )
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return error(
                .certificateNotYetValid,
                "\(subject) is not valid before"
                    + " \(time(current.flatMap { X509_get0_notBefore($0) }))" + Clock.aside
            )
        case X509_V_ERR_CERT_REVOKED:
            return error(.certificateRevoked, "\(subject) is revoked by its issuer \(issuer)")
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            return error(.unknownAuthority, "\(subject) is self-signed and not trusted")
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_CERT_UNTRUSTED:
            return error(
                .unknownAuthority,
                "\(certificate) is issued by an unknown authority: issuer \(issuer)"
            )
        case X509_V_ERR_UNABLE_TO_GET_CRL:
            return error(
                .revocationListMissing,
                "\(subject) cannot be checked: there is no revocation list of its issuer \(issuer)"
            )
        case X509_V_ERR_CRL_SIGNATURE_FAILURE, X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
            return error(
                .revocationListRefused,
                "\(subject) cannot be checked: the revocation list of its issuer \(issuer) is signed by"
                    + " another key than the issuer's"
            )
        case X509_V_ERR_CRL_HAS_EXPIRED, X509_V_ERR_CRL_NOT_YET_VALID:
            let isLate = code == X509_V_ERR_CRL_HAS_EXPIRED
            let when = listTime(verification, current: current, end: isLate)
            return error(
                .revocationListExpired,
                "\(subject) cannot be checked: the revocation list of its issuer \(issuer) "
                    + (isLate ? "expired on \(when)" : "is not valid before \(when)")
                    + Clock.aside
            )
        default:
            let reason = String(cString: X509_verify_cert_error_string(Int(code)))
            return error(.certificateRefused, "\(subject) does not verify: \(reason)")
        }
    }

    /// The code of a failed verification.
    static func code(of verification: OpaquePointer) -> TLSError.Code {
        error(of: verification, certificate: "", about: TLSError.Subject()).code
    }

    /// Replaces the error where OpenSSL's alert would mislead the peer. A list that we lack, or
    /// that has expired, is not the fault of the certificate: "out of memory" is the error whose
    /// alert is `internal_error`. A certificate that is not yet valid gets `certificate_expired`
    /// (RFC 8446, section 6.2).
    static func adjustAlert(of verification: OpaquePointer) {
        switch X509_STORE_CTX_get_error(verification) {
        case X509_V_ERR_UNABLE_TO_GET_CRL, X509_V_ERR_CRL_HAS_EXPIRED, X509_V_ERR_CRL_NOT_YET_VALID,
            X509_V_ERR_CRL_SIGNATURE_FAILURE, X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
            X509_STORE_CTX_set_error(verification, X509_V_ERR_OUT_OF_MEM)
        case X509_V_ERR_CERT_NOT_YET_VALID:
            X509_STORE_CTX_set_error(verification, X509_V_ERR_CERT_HAS_EXPIRED)
        default: break
        }
    }

    /// The end or the beginning of the validity of the newest list of a certificate's issuer.
    /// OpenSSL does not keep the list that it used, so the lists are searched again.
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

/// This machine's clock in messages. When times disagree, either clock may be wrong.
enum Clock {
    /// The current time in seconds since 1970, from the clock that OpenSSL uses.
    static var now: Int64 { chord_seconds_since_1970() }

    /// The current time as text.
    static var text: String { PeerCertificate.timestamp(secondsSince1970: now) }

    /// Follows a date in a message that does not fit the present time.
    static var aside: String { "; this machine's clock says \(text): is that right?" }
}
