// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import ChordIdentity

/// Whether a certificate's key and signature can be used with TLS 1.3.
///
/// A key without a TLS 1.3 signature scheme (RFC 8446, section 4.2.3) fails with every peer, and no
/// peer's error names the key.
enum KeyStrength {
    /// The least security bits that OpenSSL by default, and other implementations, accept.
    private static let leastSecurityBits: Int32 = 112

    /// Why a leaf's key cannot be used; nil if it can.
    static func objection(toKeyOf certificate: Certificate) -> String? {
        defer { OpenSSLErrors.clear() }
        guard let key = X509_get0_pubkey(certificate.pointer) else {
            return "its public key is of a kind that OpenSSL does not know"
        }
        let bits = EVP_PKEY_get_bits(key)
        switch EVP_PKEY_get_base_id(key) {
        case NID_rsaEncryption, NID_rsassaPss:
            guard bits < 2_048 else { return nil }
            return "its RSA key has \(bits) bits, and peers refuse fewer than 2048"
        case NID_X9_62_id_ecPublicKey:
            let name = curve(of: key)
            guard !["prime256v1", "secp384r1", "secp521r1"].contains(name) else { return nil }
            return "its key is on the curve \(quoted(name)), which TLS 1.3 does not have; use P-256"
        case NID_ED25519, NID_ED448:
            return nil
        case let kind:
            let name = OBJ_nid2sn(kind).map { String(cString: $0) } ?? "unknown"
            return
                "its key is of the kind \(quoted(name)), with which TLS 1.3 cannot sign; use P-256"
        }
    }

    /// Why peers refuse a certificate's signature; nil if they accept it.
    static func objection(toSignatureOf certificate: Certificate) -> String? {
        defer { OpenSSLErrors.clear() }
        var digest: Int32 = 0
        var bits: Int32 = 0
        guard X509_get_signature_info(certificate.pointer, &digest, nil, &bits, nil) == 1 else {
            return nil
        }
        guard bits >= 0, bits < leastSecurityBits else { return nil }
        let name = OBJ_nid2sn(digest).map { String(cString: $0) } ?? "a weak digest"
        return "it is signed with \(name), which peers refuse; have it signed with SHA-256"
    }

    private static func curve(of key: OpaquePointer) -> String {
        var name = [CChar](repeating: 0, count: 64)
        var count = 0
        guard EVP_PKEY_get_group_name(key, &name, name.count, &count) == 1 else { return "unknown" }
        return String(decoding: name.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
