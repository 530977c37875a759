// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL

/// The lists of a store whose signatures were verified when they were read.
///
/// OpenSSL verifies a list's signature with every certificate that it checks against the list,
/// which costs as much as the certificate's own signature. Here a chain passes without that if each
/// of its certificates is on no list, and everything about the lists is plain. Whatever else there
/// is (a certificate on a list, a list that is missing, expired or limited, an authority that was
/// not known when the lists were read) is left to OpenSSL, which also says what is wrong.
///
/// OpenSSL shares a store between threads. Nothing changes after creation, hence unchecked.
final class CheckedRevocationLists: @unchecked Sendable {
    /// A list and an authority that has signed it.
    private struct Entry {
        let authority: Certificate
        let list: RevocationList
        /// In seconds since 1970.
        let validity: ClosedRange<Int64>
    }

    private let entries: [Entry]
    private let lists: [RevocationList]

    /// - Parameter authorities: The certificates whose keys may have signed the lists.
    init(_ lists: [RevocationList], signedBy authorities: [Certificate]) {
        self.lists = lists
        entries = lists.flatMap { list in
            let issuer = X509_CRL_get_issuer(list.pointer)
            // Of several lists of one authority OpenSSL chooses.
            let isOnlyOne =
                lists.count { X509_NAME_cmp(X509_CRL_get_issuer($0.pointer), issuer) == 0 } == 1
            guard isOnlyOne, Self.isPlain(list),
                let validity = CertificateReader.validity(of: list)
            else {
                return [Entry]()
            }
            return authorities.filter {
                X509_NAME_cmp(X509_get_subject_name($0.pointer), issuer) == 0
                    && X509_get_key_usage($0.pointer) & UInt32(KU_CRL_SIGN) != 0
                    && RevocationLists.isSigned(list, by: $0)
            }
            .map { Entry(authority: $0, list: list, validity: validity) }
        }
        OpenSSLErrors.clear()
    }

    /// Whether a list holds for all certificates of its issuer, with nothing that must be
    /// understood beside its entries (RFC 5280, sections 5.2 and 5.3).
    private static func isPlain(_ list: RevocationList) -> Bool {
        for index in 0..<X509_CRL_get_ext_count(list.pointer)
        where X509_EXTENSION_get_critical(X509_CRL_get_ext(list.pointer, index)) != 0 {
            return false
        }
        for limit in [NID_issuing_distribution_point, NID_delta_crl]
        where X509_CRL_get_ext_by_NID(list.pointer, limit, -1) >= 0 {
            return false
        }
        let revoked = X509_CRL_get_REVOKED(list.pointer)
        let count = revoked.map { OPENSSL_sk_num($0) } ?? 0
        for index in 0..<count {
            let entry = OPENSSL_sk_value(revoked, index).map { OpaquePointer($0) }
            for place in 0..<X509_REVOKED_get_ext_count(entry)
            where X509_EXTENSION_get_critical(X509_REVOKED_get_ext(entry, place)) != 0 {
                return false
            }
        }
        return true
    }

    /// Whether no certificate of a chain is on a list, as far as that is known without OpenSSL.
    ///
    /// - Parameter now: In seconds since 1970.
    func clear(_ verification: OpaquePointer, at now: Int64) -> Bool {
        guard let chain = X509_STORE_CTX_get0_chain(verification) else { return false }
        let count = OPENSSL_sk_num(chain)
        func certificate(_ index: Int32) -> OpaquePointer? {
            OPENSSL_sk_value(chain, index).map { OpaquePointer($0) }
        }
        for index in 0..<count {
            guard let subject = certificate(index) else { return false }
            let isLast = index == count - 1
            guard let issuer = certificate(isLast ? index : index + 1) else { return false }
            let name = X509_get_issuer_name(subject)
            if X509_NAME_cmp(name, X509_get_subject_name(issuer)) != 0 {
                // An intermediate authority that is trusted by itself.
                let isListed = lists.contains {
                    X509_NAME_cmp(X509_CRL_get_issuer($0.pointer), name) == 0
                }
                guard isLast, index > 0, !isListed else { return false }
                continue
            }
            guard let entry = entries.first(where: { X509_cmp($0.authority.pointer, issuer) == 0 }),
                entry.validity.contains(now)
            else {
                return false
            }
            var revoked: OpaquePointer?
            guard X509_CRL_get0_by_cert(entry.list.pointer, &revoked, subject) == 0 else {
                return false
            }
        }
        return count > 0
    }

    // MARK: In OpenSSL's verification

    /// Lets a store's verifications look here before OpenSSL checks the lists. The store keeps the
    /// lists alive.
    func install(in store: TrustStore) {
        guard Self.place >= 0, Self.revocationCheck != nil else { return }
        let lists = Unmanaged.passRetained(self)
        guard X509_STORE_set_ex_data(store.pointer, Self.place, lists.toOpaque()) == 1 else {
            lists.release()
            return OpenSSLErrors.clear()
        }
        X509_STORE_set_check_revocation(store.pointer) { verification in
            guard let verification, let check = CheckedRevocationLists.revocationCheck else {
                return 0
            }
            if let lists = CheckedRevocationLists.of(verification),
                lists.clear(verification, at: chord_seconds_since_1970())
            {
                return 1
            }
            return check(verification)
        }
    }

    private static func of(_ verification: OpaquePointer) -> CheckedRevocationLists? {
        guard let store = X509_STORE_CTX_get0_store(verification),
            let lists = X509_STORE_get_ex_data(store, place)
        else {
            return nil
        }
        return Unmanaged.fromOpaque(lists).takeUnretainedValue()
    }

    /// Where stores keep their lists; negative if OpenSSL has no place for them.
    private static let place = CRYPTO_get_ex_new_index(
        CRYPTO_EX_INDEX_X509_STORE,
        0,
        nil,
        nil,
        nil
    ) { _, lists, _, _, _, _ in
        if let lists { Unmanaged<CheckedRevocationLists>.fromOpaque(lists).release() }
    }

    /// OpenSSL's own check, which a verification has before it is told of another.
    private static let revocationCheck: X509_STORE_CTX_check_revocation_fn? = {
        guard let store = try? TrustStore(), let verification = X509_STORE_CTX_new() else {
            return nil
        }
        defer { X509_STORE_CTX_free(verification) }
        guard X509_STORE_CTX_init(verification, store.pointer, nil, nil) == 1 else { return nil }
        return X509_STORE_CTX_get_check_revocation(verification)
    }()
}
