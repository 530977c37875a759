// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import ChordIdentity

/// The revocation lists of one file, checked before certificates are verified with them.
struct RevocationLists {
    let file: String
    let lists: [RevocationList]
    /// The same lists, with the authorities that have signed them.
    let checked: CheckedRevocationLists
    /// Faults: lists that cannot be used.
    private(set) var faults: [TLSError] = []
    /// Warnings: the lists can be used, but the operator should know this.
    private(set) var warnings: [String] = []

    /// - Parameters:
    ///   - trusted: The certificates of `ca.pem`.
    ///   - chain: The authorities in our own certificate's chain.
    init(_ lists: [RevocationList], file: String, trusted: [Certificate], chain: [Certificate]) {
        self.file = file
        self.lists = lists
        checked = CheckedRevocationLists(lists, signedBy: trusted + chain)
        for list in lists { check(list, trusted, trusted + chain) }
        for authority in trusted {
            let issuer = X509_get_issuer_name(authority.pointer)
            if list(of: issuer) == nil, Self.isRoot(authority) {
                warnings.append(
                    "there is no revocation list of the authority \(Self.name(authority)) in"
                        + " \(quoted(file)): its certificates are not checked for revocation"
                )
            }
        }
    }

    private mutating func check(
        _ list: RevocationList,
        _ trusted: [Certificate],
        _ authorities: [Certificate]
    ) {
        let issuer = X509_CRL_get_issuer(list.pointer)
        let name = quoted(CertificateReader.line(issuer))
        if let part = Self.partial(list) {
            return refuse(
                "the revocation list of \(name) in \(quoted(file)) is \(part), which is not supported; use"
                    + " the authority's full list"
            )
        }
        let issuers = authorities.filter {
            X509_NAME_cmp(X509_get_subject_name($0.pointer), issuer) == 0
        }
        if issuers.isEmpty {
            warnings.append(
                "the revocation list of \(name) in \(quoted(file)) is of an authority that is neither"
                    + " trusted nor in our own chain"
            )
        } else if !issuers.contains(where: { Self.isSigned(list, by: $0) }) {
            return refuse(
                "the revocation list of \(name) in \(quoted(file)) is signed by another key than the"
                    + " authority's; is it the list of a former authority? Remove it, or have the"
                    + " authority sign a new one"
            )
        }
        for authority in trusted {
            var entry: OpaquePointer?
            guard X509_NAME_cmp(X509_get_issuer_name(authority.pointer), issuer) == 0,
                X509_CRL_get0_by_cert(list.pointer, &entry, authority.pointer) == 1
            else {
                continue
            }
            faults.append(
                TLSError(
                    .certificateRevoked,
                    "the authority \(Self.name(authority)) is trusted, and \(quoted(file)) revokes it:"
                        + " remove it from the trusted authorities",
                    about: TLSError.Subject(file: file)
                )
            )
        }
        if let end = X509_CRL_get0_nextUpdate(list.pointer),
            let seconds = try? CertificateReader.seconds(end), seconds < Clock.now
        {
            warnings.append(
                "the revocation list of \(name) in \(quoted(file)) expired on"
                    + " \(PeerCertificate.timestamp(secondsSince1970: seconds))\(Clock.aside) Every"
                    + " certificate of this authority is refused"
            )
        }
        OpenSSLErrors.clear()
    }

    private mutating func refuse(_ message: String) {
        OpenSSLErrors.clear()
        faults.append(
            TLSError(.revocationListRefused, message, about: TLSError.Subject(file: file))
        )
    }

    private func list(of issuer: OpaquePointer?) -> RevocationList? {
        lists.first { X509_NAME_cmp(X509_CRL_get_issuer($0.pointer), issuer) == 0 }
    }

    private static func name(_ authority: Certificate) -> String {
        quoted(CertificateReader.line(X509_get_subject_name(authority.pointer)))
    }

    private static func isRoot(_ authority: Certificate) -> Bool {
        X509_NAME_cmp(
            X509_get_subject_name(authority.pointer),
            X509_get_issuer_name(authority.pointer)
        ) == 0
    }

    static func isSigned(_ list: RevocationList, by authority: Certificate) -> Bool {
        guard let key = X509_get0_pubkey(authority.pointer) else { return false }
        return X509_CRL_verify(list.pointer, key) == 1
    }

    /// Why a list is not an authority's full list (RFC 5280, sections 5.2.4 and 5.2.5); nil if it
    /// is.
    private static func partial(_ list: RevocationList) -> String? {
        if X509_CRL_get_ext_by_NID(list.pointer, NID_delta_crl, -1) >= 0 {
            return "a delta list"
        }
        guard X509_CRL_get_ext_by_NID(list.pointer, NID_issuing_distribution_point, -1) >= 0 else {
            return nil
        }
        guard
            let value = X509_CRL_get_ext_d2i(
                list.pointer,
                NID_issuing_distribution_point,
                nil,
                nil
            )
        else {
            return "a list whose extent cannot be read"
        }
        let extent = value.assumingMemoryBound(to: ISSUING_DIST_POINT.self)
        defer { ISSUING_DIST_POINT_free(extent) }
        if extent.pointee.indirectCRL > 0 { return "an indirect list" }
        if extent.pointee.onlysomereasons != nil { return "a list of some reasons only" }
        if extent.pointee.onlyattr > 0 { return "a list of attribute certificates" }
        return nil
    }

    // MARK: Verification

    /// Adds the lists to a store. Every certificate is then checked against its issuer's list.
    ///
    /// - Parameter requiresLists: Whether an authority without a list is refused.
    func install(in store: TrustStore, requiresLists: Bool) throws(TLSError) {
        for list in lists {
            guard X509_STORE_add_crl(store.pointer, list.pointer) == 1 else {
                throw TLSError(
                    .fileMalformed,
                    "a revocation list in \(quoted(file)) cannot be used:"
                        + " \(OpenSSLErrors.takeText())",
                    about: TLSError.Subject(file: file)
                )
            }
        }
        let parameters = X509_STORE_get0_param(store.pointer)
        X509_VERIFY_PARAM_set_flags(
            parameters,
            UInt(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL)
        )
        checked.install(in: store)
        // With `_ALL`, OpenSSL refuses a certificate whose issuer has no list.
        X509_STORE_set_verify_cb(store.pointer) { passed, verification in
            guard passed != 1, let verification else { return passed }
            return RevocationLists.isTolerated(verification, requiresLists: false) ? 1 : 0
        }
        guard requiresLists else { return }
        X509_STORE_set_verify_cb(store.pointer) { passed, verification in
            guard passed != 1, let verification else { return passed }
            return RevocationLists.isTolerated(verification, requiresLists: true) ? 1 : 0
        }
    }

    /// Whether a certificate that could not be checked is accepted.
    ///
    /// The last certificate of a chain is accepted if it is trusted by itself: the operator decided
    /// to trust it, and it was compared with the lists when they were loaded. Another certificate
    /// is accepted if its issuer has no list, and never if its issuer has a list that OpenSSL could
    /// not use.
    private static func isTolerated(_ verification: OpaquePointer, requiresLists: Bool) -> Bool {
        guard X509_STORE_CTX_get_error(verification) == X509_V_ERR_UNABLE_TO_GET_CRL,
            let current = X509_STORE_CTX_get_current_cert(verification)
        else {
            return false
        }
        let depth = X509_STORE_CTX_get_error_depth(verification)
        let count = X509_STORE_CTX_get0_chain(verification).map { OPENSSL_sk_num($0) } ?? 0
        let isAnchor = depth > 0 && depth == count - 1
        if !isAnchor {
            if requiresLists { return false }
            if let lists = X509_STORE_CTX_get1_crls(verification, X509_get_issuer_name(current)) {
                defer { chord_X509_CRL_stack_free(lists) }
                if OPENSSL_sk_num(lists) > 0 { return false }
            }
        }
        // The error that remains here later decides the alert.
        X509_STORE_CTX_set_error(verification, X509_V_OK)
        return true
    }
}
