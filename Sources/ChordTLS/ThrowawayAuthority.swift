// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity
internal import COpenSSL

/// An authority whose key stays in memory, for rings on one machine that end with the process that
/// created them.
///
/// Its certificates have the form of `certs/openssl.cnf`: P-256 keys, one SPIFFE name, usable on
/// both sides.
package struct ThrowawayAuthority {
    /// A certificate with its key, as PEM text.
    package struct Issued: Sendable {
        /// The certificate.
        package var certificate: String
        /// Its private key.
        package var key: String
    }

    private let certificate: Certificate
    private let key: PrivateKey
    private let trustDomain: String
    private let life: Duration

    /// Creates an authority.
    ///
    /// - Parameters:
    ///   - trustDomain: the trust domain of the certificates.
    ///   - life: how long the certificates are valid.
    /// - Throws: `TLSError` with `internalFailure`.
    package init(trustDomain: String = "chord.local", life: Duration) throws(TLSError) {
        self.trustDomain = trustDomain
        self.life = life
        key = try Self.makeKey()
        certificate = try Self.makeCertificate(
            of: key,
            called: "throwaway authority",
            unit: "authority",
            life: life
        )
        try Self.add(
            [
                (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
                (NID_key_usage, "critical,keyCertSign,cRLSign"),
                (NID_subject_key_identifier, "hash"),
            ],
            to: certificate,
            issuer: certificate
        )
        try Self.sign(certificate, by: certificate, key)
    }

    /// The authority's own certificate, as PEM text.
    ///
    /// - Throws: `TLSError` with `internalFailure`.
    package func root() throws(TLSError) -> String {
        try Self.text { PEM_write_bio_X509($0, certificate.pointer) }
    }

    /// A revocation list without entries, as PEM text.
    ///
    /// - Throws: `TLSError` with `internalFailure`.
    package func revocationList() throws(TLSError) -> String {
        OpenSSLErrors.clear()
        guard let pointer = X509_CRL_new() else { throw Self.failure() }
        let list = RevocationList(owning: pointer)
        try Self.check(X509_CRL_set_version(pointer, 1))
        try Self.check(
            X509_CRL_set_issuer_name(pointer, X509_get_subject_name(certificate.pointer))
        )
        try Self.check(X509_CRL_set1_lastUpdate(pointer, X509_get0_notBefore(certificate.pointer)))
        try Self.check(X509_CRL_set1_nextUpdate(pointer, X509_get0_notAfter(certificate.pointer)))
        try Self.check(chord_X509_CRL_add_authority(pointer, certificate.pointer))
        try Self.check(X509_CRL_sign(pointer, key.pointer, EVP_sha256()) > 0 ? 1 : 0)
        return try Self.text { PEM_write_bio_X509_CRL($0, list.pointer) }
    }

    /// Issues a certificate for a name and the hosts under which it is reached.
    ///
    /// - Throws: `TLSError` with `internalFailure`, or `invalidConfiguration` for an invalid name.
    package func issue(
        _ role: Role,
        _ name: String,
        hosts: [String] = []
    ) throws(TLSError) -> Issued {
        let uri = "spiffe://\(trustDomain)/chord/\(role)/\(name)"
        do throws(IdentityError) {
            _ = try SPIFFEName(uri: uri)
        } catch {
            throw TLSError(.invalidConfiguration, error.message)
        }
        let key = try Self.makeKey()
        let issued = try Self.makeCertificate(
            of: key,
            called: name,
            unit: "\(role)",
            life: life
        )
        try Self.check(
            X509_set_issuer_name(issued.pointer, X509_get_subject_name(certificate.pointer))
        )
        let names =
            ["URI:\(uri)"]
            + hosts.map { IPAddress($0) == nil ? "DNS:\($0)" : "IP:\($0)" }
        try Self.add(
            [
                (NID_basic_constraints, "critical,CA:FALSE"),
                (NID_key_usage, "critical,digitalSignature"),
                (NID_ext_key_usage, "serverAuth,clientAuth"),
                (NID_subject_key_identifier, "hash"),
                (NID_authority_key_identifier, "keyid"),
                (NID_subject_alt_name, names.joined(separator: ",")),
            ],
            to: issued,
            issuer: certificate
        )
        try Self.sign(issued, by: certificate, self.key)
        return Issued(
            certificate: try Self.text { PEM_write_bio_X509($0, issued.pointer) },
            key: try Self.text {
                PEM_write_bio_PrivateKey($0, key.pointer, nil, nil, 0, nil, nil)
            }
        )
    }

    // MARK: OpenSSL

    private static func failure() -> TLSError {
        TLSError(.internalFailure, OpenSSLErrors.takeText())
    }

    private static func check(_ result: Int32) throws(TLSError) {
        guard result == 1 else { throw failure() }
    }

    private static func makeKey() throws(TLSError) -> PrivateKey {
        OpenSSLErrors.clear()
        guard let pointer = chord_EVP_P256_gen() else { throw failure() }
        return PrivateKey(owning: pointer)
    }

    /// An unsigned certificate with a random serial number that names itself as its issuer.
    private static func makeCertificate(
        of key: PrivateKey,
        called name: String,
        unit: String,
        life: Duration
    ) throws(TLSError) -> Certificate {
        OpenSSLErrors.clear()
        guard let pointer = X509_new() else { throw failure() }
        let certificate = Certificate(owning: pointer)
        try check(X509_set_version(pointer, 2))
        guard let number = BN_new() else { throw failure() }
        defer { BN_free(number) }
        // 127 random bits give a positive number of at most 16 bytes.
        try check(BN_rand(number, 127, -1, 0))
        guard BN_to_ASN1_INTEGER(number, X509_get_serialNumber(pointer)) != nil,
            // The clocks of one machine agree. The minute allows for a clock that was just
            // corrected.
            X509_gmtime_adj(X509_getm_notBefore(pointer), -60) != nil,
            X509_gmtime_adj(X509_getm_notAfter(pointer), Int(life.components.seconds)) != nil
        else { throw failure() }
        try check(X509_set_pubkey(pointer, key.pointer))
        let subject = X509_get_subject_name(pointer)
        try check(chord_X509_NAME_add(subject, "O", "chord"))
        try check(chord_X509_NAME_add(subject, "OU", unit))
        try check(chord_X509_NAME_add(subject, "CN", name))
        try check(X509_set_issuer_name(pointer, subject))
        return certificate
    }

    private static func add(
        _ extensions: [(kind: Int32, value: String)],
        to subject: Certificate,
        issuer: Certificate
    ) throws(TLSError) {
        for (kind, value) in extensions {
            try check(
                chord_X509_add_extension(subject.pointer, issuer.pointer, kind, value)
            )
        }
    }

    private static func sign(
        _ subject: Certificate,
        by issuer: Certificate,
        _ key: PrivateKey
    ) throws(TLSError) {
        try check(X509_sign(subject.pointer, key.pointer, EVP_sha256()) > 0 ? 1 : 0)
    }

    private static func text(_ write: (OpaquePointer) -> Int32) throws(TLSError) -> String {
        OpenSSLErrors.clear()
        guard let bio = BIO_new(BIO_s_mem()) else { throw failure() }
        defer { BIO_free(bio) }
        try check(write(bio))
        var data: UnsafeMutablePointer<CChar>?
        let count = chord_BIO_get_mem_data(bio, &data)
        guard let data, count > 0 else { throw failure() }
        return String(
            decoding: UnsafeRawBufferPointer(start: data, count: count),
            as: UTF8.self
        )
    }
}
