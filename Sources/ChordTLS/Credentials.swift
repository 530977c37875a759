// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import ChordIdentity

/// The contents of the configured files, read and checked against each other before a peer sees
/// them.
struct Credentials {
    let certificate: PeerCertificate
    let identity: PeerIdentity

    /// The period in which each revocation list is valid; nil if one of them cannot be read.
    let listValidity: [ClosedRange<Int64>]?

    /// The validity of everything that our TLS depends on.
    let validities: [CertificateValidity]

    /// Warnings: the files can be used, but the operator should know this.
    let warnings: [String]

    let files: TLSFiles
    let chain: [Certificate]
    let key: PrivateKey
    let store: TrustStore

    /// - Throws: the first fault.
    init(_ configuration: TLSConfiguration) throws(TLSError) {
        var reader = CredentialsReader(configuration)
        let credentials = reader.read()
        if let fault = reader.faults.first { throw fault }
        guard let credentials else {
            throw TLSError(
                .internalFailure,
                "the certificates were not read, and no fault was found"
            )
        }
        self = credentials
    }

    init(
        certificate: PeerCertificate,
        identity: PeerIdentity,
        listValidity: [ClosedRange<Int64>]?,
        validities: [CertificateValidity],
        warnings: [String],
        files: TLSFiles,
        chain: [Certificate],
        key: PrivateKey,
        store: TrustStore
    ) {
        self.certificate = certificate
        self.identity = identity
        self.listValidity = listValidity
        self.validities = validities
        self.warnings = warnings
        self.files = files
        self.chain = chain
        self.key = key
        self.store = store
    }

    /// Sets the certificate, the key and the trust store of a context.
    func install(in context: SSLContext, maximumChainDepth: Int) throws(TLSError) {
        try Self.install(chain, key, of: files, in: context)
        SSL_CTX_set1_cert_store(context.pointer, store.pointer)
        SSL_CTX_set_verify_depth(context.pointer, Int32(clamping: maximumChainDepth))
        X509_VERIFY_PARAM_set_purpose(SSL_CTX_get0_param(context.pointer), X509_PURPOSE_ANY)
    }

    /// Sets the certificate and the key of a context. OpenSSL refuses those below its security
    /// level.
    static func install(
        _ chain: [Certificate],
        _ key: PrivateKey,
        of files: TLSFiles,
        in context: SSLContext
    ) throws(TLSError) {
        OpenSSLErrors.clear()
        let intermediates = try stack(of: chain.dropFirst())
        defer { OPENSSL_sk_free(intermediates) }
        guard
            SSL_CTX_use_cert_and_key(
                context.pointer,
                chain[0].pointer,
                key.pointer,
                intermediates,
                1
            ) == 1
        else {
            throw TLSError(
                .keyUnsuitable,
                "OpenSSL refuses the certificate in \(quoted(files.certificateChain)) with its key:"
                    + " \(OpenSSLErrors.takeText())",
                about: TLSError.Subject(file: files.certificateChain)
            )
        }
    }

    /// A stack of borrowed certificates: the stack is freed, its members are not.
    static func stack(
        of certificates: ArraySlice<Certificate>
    ) throws(TLSError) -> OpaquePointer {
        guard let stack = OPENSSL_sk_new_null() else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        for certificate in certificates {
            guard OPENSSL_sk_push(stack, UnsafeRawPointer(certificate.pointer)) > 0 else {
                OPENSSL_sk_free(stack)
                throw TLSError(.internalFailure, "no memory for a chain of certificates")
            }
        }
        return stack
    }
}

/// The validity of one thing that our TLS depends on.
package struct CertificateValidity: Sendable, Hashable {
    /// The kind of the thing.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        /// Our own certificate.
        case certificate
        /// An authority in our own chain, the trusted one included.
        case authority
        /// A revocation list.
        case revocationList = "revocation_list"
    }

    package var kind: Kind
    /// The subject of a certificate, the issuer of a list.
    package var name: String
    /// The serial number of a certificate, in hexadecimal digits; empty for a list.
    package var serial: String
    /// Seconds since 1970.
    package var from: Int64
    /// Seconds since 1970.
    package var to: Int64

    package init(kind: Kind, name: String, serial: String = "", from: Int64, to: Int64) {
        self.kind = kind
        self.name = name
        self.serial = serial
        self.from = from
        self.to = to
    }
}
