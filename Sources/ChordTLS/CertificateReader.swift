// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import ChordIdentity

/// Converts OpenSSL's certificates into values.
enum CertificateReader {
    /// Reads one certificate.
    ///
    /// - Throws: `TLSError` with `certificateRefused` if an extension that decides the identity
    ///   cannot be read. Such an extension is never treated as absent, because its rule would then
    ///   be skipped.
    static func read(_ certificate: OpaquePointer) throws(TLSError) -> PeerCertificate {
        OpenSSLErrors.clear()
        defer { OpenSSLErrors.clear() }
        let names = try alternativeNames(of: certificate)
        let (keyUsage, keyUsageIsCritical) = try keyUsage(of: certificate)
        let subject = X509_get_subject_name(certificate)
        return PeerCertificate(
            subject: line(subject),
            commonName: commonName(of: subject),
            issuer: line(X509_get_issuer_name(certificate)),
            serial: hexadecimal(X509_get0_serialNumber(certificate)),
            dnsNames: names.dns,
            ipAddresses: names.addresses,
            uris: names.uris,
            notBefore: try seconds(X509_get0_notBefore(certificate)),
            notAfter: try seconds(X509_get0_notAfter(certificate)),
            isAuthority: X509_get_extension_flags(certificate) & UInt32(EXFLAG_CA) != 0,
            keyUsage: keyUsage,
            keyUsageIsCritical: keyUsageIsCritical,
            extendedKeyUsage: try extendedKeyUsage(of: certificate)
        )
    }

    /// A distinguished name on one line, with control characters escaped.
    static func line(_ name: OpaquePointer?) -> String {
        guard let name, let bio = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(bio) }
        guard X509_NAME_print_ex(bio, name, 0, chord_XN_FLAG_LINE()) >= 0 else { return "" }
        var data: UnsafeMutablePointer<CChar>?
        let count = chord_BIO_get_mem_data(bio, &data)
        guard let data, count > 0 else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: data, count: count), as: UTF8.self)
    }

    /// A time in seconds since 1970.
    static func seconds(_ time: UnsafePointer<ASN1_TIME>?) throws(TLSError) -> Int64 {
        guard let epoch = ASN1_TIME_set(nil, 0) else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        defer { ASN1_STRING_free(epoch) }
        var days: Int32 = 0
        var rest: Int32 = 0
        guard let time, ASN1_TIME_diff(&days, &rest, epoch, time) == 1 else {
            throw unreadable("period of validity")
        }
        return Int64(days) * 86_400 + Int64(rest)
    }

    /// The period in which every certificate of a verified chain is valid, in seconds since 1970;
    /// nil if there is no such period or one certificate cannot be read.
    static func validity(of verification: OpaquePointer) -> ClosedRange<Int64>? {
        guard let chain = X509_STORE_CTX_get0_chain(verification) else { return nil }
        var bounds: (from: Int64, to: Int64)?
        for index in 0..<OPENSSL_sk_num(chain) {
            let certificate = OPENSSL_sk_value(chain, index).map { OpaquePointer($0) }
            guard let from = try? seconds(X509_get0_notBefore(certificate)),
                let to = try? seconds(X509_get0_notAfter(certificate))
            else {
                return nil
            }
            bounds = (max(from, bounds?.from ?? from), min(to, bounds?.to ?? to))
        }
        return bounds.flatMap { $0.from <= $0.to ? $0.from...$0.to : nil }
    }

    /// The validity of each certificate of a verified chain, leaf first.
    static func validities(of verification: OpaquePointer) -> [CertificateValidity] {
        guard let chain = X509_STORE_CTX_get0_chain(verification) else { return [] }
        var validities: [CertificateValidity] = []
        for index in 0..<OPENSSL_sk_num(chain) {
            let certificate = OPENSSL_sk_value(chain, index).map { OpaquePointer($0) }
            guard let from = try? seconds(X509_get0_notBefore(certificate)),
                let to = try? seconds(X509_get0_notAfter(certificate))
            else {
                continue
            }
            validities.append(
                CertificateValidity(
                    kind: index == 0 ? .certificate : .authority,
                    name: line(X509_get_subject_name(certificate)),
                    serial: hexadecimal(X509_get0_serialNumber(certificate)),
                    from: from,
                    to: to
                )
            )
        }
        return validities
    }

    /// The period in which a revocation list is valid, in seconds since 1970; nil if it cannot be
    /// read. A list without an end stays valid.
    static func validity(of list: RevocationList) -> ClosedRange<Int64>? {
        guard let from = try? seconds(X509_CRL_get0_lastUpdate(list.pointer)) else { return nil }
        guard let end = X509_CRL_get0_nextUpdate(list.pointer) else { return from...Int64.max }
        guard let to = try? seconds(end), from <= to else { return nil }
        return from...to
    }

    private static func unreadable(_ what: String) -> TLSError {
        TLSError(.certificateRefused, "the certificate's \(what) cannot be read")
    }

    private static func bytes(_ string: UnsafePointer<ASN1_STRING>?) -> [UInt8] {
        guard let string, let data = ASN1_STRING_get0_data(string) else { return [] }
        return Array(UnsafeBufferPointer(start: data, count: Int(ASN1_STRING_length(string))))
    }

    private static func hexadecimal(_ integer: UnsafePointer<ASN1_INTEGER>?) -> String {
        guard let integer else { return "" }
        let digits = bytes(integer).map { byte in
            (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
        return (chord_ASN1_STRING_is_negative(integer) != 0 ? "-" : "") + digits.joined()
    }

    private static func commonName(of name: OpaquePointer?) -> String? {
        guard let name else { return nil }
        let index = X509_NAME_get_index_by_NID(name, NID_commonName, -1)
        guard index >= 0, let entry = X509_NAME_get_entry(name, index),
            let data = X509_NAME_ENTRY_get_data(entry)
        else {
            return nil
        }
        var text: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&text, data)
        guard count >= 0, let text else { return nil }
        defer { CRYPTO_free(text, nil, 0) }
        return String(
            decoding: UnsafeBufferPointer(start: text, count: Int(count)),
            as: UTF8.self
        )
    }

    /// Finds an extension. OpenSSL returns -1 if it is absent and -2 if there are several, which no
    /// certificate may have.
    private static func decode(
        _ identifier: Int32,
        of certificate: OpaquePointer,
        _ what: String
    ) throws(TLSError) -> (value: UnsafeMutableRawPointer, isCritical: Bool)? {
        var critical: Int32 = 0
        if let value = X509_get_ext_d2i(certificate, identifier, &critical, nil) {
            return (value, critical == 1)
        }
        guard critical == -1 else { throw unreadable(what) }
        return nil
    }

    private struct AlternativeNames {
        var dns: [String] = []
        var addresses: [String] = []
        var uris: [String] = []
    }

    private static func alternativeNames(
        of certificate: OpaquePointer
    ) throws(TLSError) -> AlternativeNames {
        var result = AlternativeNames()
        let what = "subject alternative names"
        guard let decoded = try decode(NID_subject_alt_name, of: certificate, what) else {
            return result
        }
        let names = OpaquePointer(decoded.value)
        defer { GENERAL_NAMES_free(names) }
        for index in 0..<OPENSSL_sk_num(names) {
            guard let item = OPENSSL_sk_value(names, index) else { throw unreadable(what) }
            var type: Int32 = 0
            let value = GENERAL_NAME_get0_value(
                item.assumingMemoryBound(to: GENERAL_NAME.self),
                &type
            )
            let string = value.map { UnsafePointer($0.assumingMemoryBound(to: ASN1_STRING.self)) }
            switch type {
            case GEN_DNS: result.dns.append(String(decoding: bytes(string), as: UTF8.self))
            case GEN_URI: result.uris.append(String(decoding: bytes(string), as: UTF8.self))
            case GEN_IPADD:
                guard let address = IPAddress(bytes: bytes(string)) else { throw unreadable(what) }
                result.addresses.append(address.description)
            default: break
            }
        }
        return result
    }

    private static func keyUsage(
        of certificate: OpaquePointer
    ) throws(TLSError) -> (PeerCertificate.KeyUsage?, isCritical: Bool) {
        guard let decoded = try decode(NID_key_usage, of: certificate, "key usage") else {
            return (nil, false)
        }
        let bits = decoded.value.assumingMemoryBound(to: ASN1_BIT_STRING.self)
        defer { ASN1_STRING_free(bits) }
        // OpenSSL numbers the bits of the extension as `KeyUsage` does.
        var usage: PeerCertificate.KeyUsage = []
        for bit in 0..<Int32(9) where ASN1_BIT_STRING_get_bit(bits, bit) == 1 {
            usage.formUnion(PeerCertificate.KeyUsage(rawValue: 1 << UInt16(bit)))
        }
        return (usage, decoded.isCritical)
    }

    private static func extendedKeyUsage(
        of certificate: OpaquePointer
    ) throws(TLSError) -> PeerCertificate.ExtendedKeyUsage? {
        guard let decoded = try decode(NID_ext_key_usage, of: certificate, "extended key usage")
        else {
            return nil
        }
        let uses = OpaquePointer(decoded.value)
        defer { EXTENDED_KEY_USAGE_free(uses) }
        var result: PeerCertificate.ExtendedKeyUsage = []
        for index in 0..<OPENSSL_sk_num(uses) {
            switch OBJ_obj2nid(OPENSSL_sk_value(uses, index).map { OpaquePointer($0) }) {
            case NID_server_auth: result.insert(.serverAuth)
            case NID_client_auth: result.insert(.clientAuth)
            case NID_anyExtendedKeyUsage: result.insert(.any)
            default: result.insert(.other)
            }
        }
        return result
    }
}
