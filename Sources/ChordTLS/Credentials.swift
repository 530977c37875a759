// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import ChordIdentity

/// What the files hold, read and checked against each other before any peer sees it.
struct Credentials {
    let certificate: PeerCertificate
    let identity: PeerIdentity

    /// When each revocation list is valid; nil if one does not say.
    let listValidity: [ClosedRange<Int64>]?

    private let files: TLSFiles
    private let chain: [Certificate]
    private let key: PrivateKey
    private let store: TrustStore

    init(_ configuration: TLSConfiguration) throws(TLSError) {
        files = configuration.files
        chain = try PEMFile.certificates(in: files.certificateChain)
        key = try PEMFile.privateKey(in: files.privateKey)
        OpenSSLErrors.clear()
        guard X509_check_private_key(chain[0].pointer, key.pointer) == 1 else {
            OpenSSLErrors.clear()
            throw TLSError(
                .keyMismatch,
                "the private key in \(quoted(files.privateKey)) does not belong to the first"
                    + " certificate in \(quoted(files.certificateChain)); the leaf comes first, and key"
                    + " and certificate must be of one issue"
            )
        }
        (store, listValidity) = try Self.makeStore(configuration)
        let label = "our certificate in \(quoted(files.certificateChain))"
        do throws(TLSError) {
            certificate = try CertificateReader.read(chain[0].pointer)
        } catch {
            throw TLSError(error.code, "\(label): \(error.message)", cause: error.cause)
        }
        // The chain before the name: an expired certificate is told as expired, whatever else it is.
        try Self.verify(chain, store: store, label: label, files: files)
        do throws(IdentityError) {
            var judged: PeerIdentity?
            for side in ConnectionSide.allCases where configuration.sides.contains(side) {
                judged = try configuration.policy.judge(certificate, presentedBy: side)
            }
            guard let judged else {
                throw IdentityError(
                    .noUsableIdentity,
                    "the configuration lists no side to use it on"
                )
            }
            identity = judged
        } catch {
            throw TLSError(
                .identityRefused,
                "\(label) is not one that this ring's members accept: \(error.message)",
                cause: error
            )
        }
    }

    /// Gives a context the certificate, the key and the trust store.
    func install(in context: SSLContext, maximumChainDepth: Int) throws(TLSError) {
        OpenSSLErrors.clear()
        let intermediates = try Self.stack(of: chain.dropFirst())
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
                .certificateRefused,
                "OpenSSL refuses the certificate in \(quoted(files.certificateChain)) with its key:"
                    + " \(OpenSSLErrors.takeText())"
            )
        }
        SSL_CTX_set1_cert_store(context.pointer, store.pointer)
        SSL_CTX_set_verify_depth(context.pointer, Int32(clamping: maximumChainDepth))
        X509_VERIFY_PARAM_set_purpose(SSL_CTX_get0_param(context.pointer), X509_PURPOSE_ANY)
    }

    private static func makeStore(
        _ configuration: TLSConfiguration
    ) throws(TLSError) -> (TrustStore, listValidity: [ClosedRange<Int64>]?) {
        var listValidity: [ClosedRange<Int64>]? = []
        let files = configuration.files
        let store = try TrustStore()
        for root in try PEMFile.certificates(in: files.trustRoots) {
            guard X509_STORE_add_cert(store.pointer, root.pointer) == 1 else {
                throw TLSError(
                    .fileMalformed,
                    "a certificate in \(quoted(files.trustRoots)) cannot be trusted:"
                        + " \(OpenSSLErrors.takeText())"
                )
            }
        }
        let parameters = X509_STORE_get0_param(store.pointer)
        // Usages are judged by the policy, for which a node's certificate serves on both sides.
        X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_ANY)
        X509_VERIFY_PARAM_set_depth(parameters, Int32(clamping: configuration.maximumChainDepth))
        if let revocationList = files.revocationList {
            for list in try PEMFile.revocationLists(in: revocationList) {
                guard X509_STORE_add_crl(store.pointer, list.pointer) == 1 else {
                    throw TLSError(
                        .fileMalformed,
                        "a revocation list in \(quoted(revocationList)) cannot be used:"
                            + " \(OpenSSLErrors.takeText())"
                    )
                }
                if let validity = CertificateReader.validity(of: list) {
                    listValidity?.append(validity)
                } else {
                    listValidity = nil
                }
            }
            X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_CRL_CHECK))
        }
        return (store, listValidity)
    }

    /// Verifies our own chain as a peer with our trust would.
    private static func verify(
        _ chain: [Certificate],
        store: TrustStore,
        label: String,
        files: TLSFiles
    ) throws(TLSError) {
        let intermediates = try stack(of: chain.dropFirst())
        defer { OPENSSL_sk_free(intermediates) }
        guard let verification = X509_STORE_CTX_new() else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        defer { X509_STORE_CTX_free(verification) }
        guard
            X509_STORE_CTX_init(verification, store.pointer, chain[0].pointer, intermediates) == 1
        else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        if X509_verify_cert(verification) == 1 {
            return
        }
        let error = VerificationFailure.error(of: verification, certificate: label)
        let advice =
            switch error.code {
            case .certificateExpired: "; issue a new one"
            case .unknownAuthority:
                "; add the authority to \(quoted(files.trustRoots)), or the missing intermediates to"
                    + " the chain"
            case .revocationListMissing, .revocationListExpired:
                "; bring \(quoted(files.revocationList ?? "")) up to date"
            default: ""
            }
        throw TLSError(error.code, error.message + advice)
    }

    /// A stack that borrows certificates: freed as a stack, never with its members.
    private static func stack(
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
