// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
package import ChordIdentity
internal import NIOConcurrencyHelpers

/// Everything that handshakes need, loaded and checked once: our certificate and key, the trusted
/// authorities, and the settings. It is immutable: a reload creates a new context, and open
/// connections keep theirs.
package final class TLSContext: Sendable {
    /// The configuration that the context was created from.
    package let configuration: TLSConfiguration

    /// Our identity.
    package let identity: PeerIdentity

    /// Our own certificate.
    package let certificate: PeerCertificate

    /// The validity of everything that our TLS depends on.
    package let validities: [CertificateValidity]

    /// Warnings about the files, one sentence each.
    package let warnings: [String]

    /// The chains that handshakes with this context have verified.
    let verifiedChains: VerifiedChainCache

    let server: SSLContext
    let client: SSLContext

    /// Loads the files and creates the context. It reads files, so do not call it on an event loop.
    ///
    /// - Throws: `TLSError` that names the file at fault and says what to do.
    package init(configuration: TLSConfiguration) throws(TLSError) {
        chord_OPENSSL_prepare()
        try Self.checkDepth(configuration)
        let credentials = try Credentials(configuration)
        self.configuration = configuration
        identity = credentials.identity
        certificate = credentials.certificate
        validities = credentials.validities
        warnings = credentials.warnings
        verifiedChains = VerifiedChainCache(listValidity: credentials.listValidity)
        server = try Self.makeContext(configuration, credentials)
        client = try Self.makeContext(configuration, credentials)
        Self.setUpServer(server)
        try Self.setUpClient(client)
    }

    private static func checkDepth(_ configuration: TLSConfiguration) throws(TLSError) {
        // OpenSSL treats a negative depth as unset, and then allows a hundred.
        guard configuration.maximumChainDepth >= 0 else {
            throw TLSError(
                .invalidConfiguration,
                "the maximum chain depth is \(configuration.maximumChainDepth); it cannot be negative"
            )
        }
    }

    /// All faults and warnings of a configuration's files. A context can be created if and only if
    /// there are no faults.
    package static func check(
        _ configuration: TLSConfiguration
    ) -> (faults: [TLSError], warnings: [String]) {
        chord_OPENSSL_prepare()
        do throws(TLSError) {
            try checkDepth(configuration)
        } catch {
            return ([error], [])
        }
        var reader = CredentialsReader(configuration)
        let credentials = reader.read()
        var faults = reader.faults
        if faults.isEmpty, let credentials {
            do throws(TLSError) {
                _ = try makeContext(configuration, credentials)
            } catch {
                faults.append(error)
            }
        }
        return (faults, reader.warnings)
    }

    private static func makeContext(
        _ configuration: TLSConfiguration,
        _ credentials: Credentials
    ) throws(TLSError) -> SSLContext {
        let context = try SSLContext()
        let pointer = context.pointer
        guard chord_SSL_CTX_set_tls13_only(pointer) != 0 else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        chord_SSL_CTX_set_base_options(pointer)
        chord_SSL_CTX_set_base_modes(pointer)
        chord_SSL_CTX_disable_session_cache(pointer)
        chord_SSL_CTX_set_read_ahead(pointer)
        // Tickets are for resumption, which would let a session outlive a revocation. They also
        // cost a third of a handshake's time.
        SSL_CTX_set_num_tickets(pointer, 0)
        // AES-128 comes first: it is the fastest on every processor with AES instructions, and no
        // weaker than the key exchange.
        let suites =
            "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
        guard SSL_CTX_set_ciphersuites(pointer, suites) == 1 else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
        let groups = configuration.keyExchangeGroups.joined(separator: ":")
        guard !groups.isEmpty, chord_SSL_CTX_set_groups(pointer, groups) != 0 else {
            OpenSSLErrors.clear()
            throw TLSError(
                .invalidConfiguration,
                "OpenSSL does not know the key exchange groups \(quoted(groups))"
            )
        }
        try credentials.install(in: context, maximumChainDepth: configuration.maximumChainDepth)
        SSL_CTX_set_verify(pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        SSL_CTX_set_cert_verify_callback(
            pointer,
            { verification, _ in
                // None of these can be nil. If one were, refusing is the safe answer.
                guard let verification,
                    let ssl = X509_STORE_CTX_get_ex_data(
                        verification,
                        SSL_get_ex_data_X509_STORE_CTX_idx()
                    ).map({ OpaquePointer($0) }),
                    let verifier = PeerVerifier.of(ssl)
                else {
                    return 0
                }
                return verifier.verify(verification, ssl: ssl) ? 1 : 0
            },
            nil
        )
        return context
    }

    private static func setUpServer(_ context: SSLContext) {
        // OpenSSL does not call the selection callback if a client offers no protocol, so that case
        // is refused here. Clients without TLS 1.3 are left to OpenSSL, which refuses their
        // version.
        SSL_CTX_set_client_hello_cb(
            context.pointer,
            { ssl, alert, _ in
                func offers(_ number: Int32) -> Bool {
                    SSL_client_hello_get0_ext(ssl, UInt32(number), nil, nil) == 1
                }
                let offersProtocols = offers(TLSEXT_TYPE_application_layer_protocol_negotiation)
                if offersProtocols || !offers(TLSEXT_TYPE_supported_versions) {
                    return SSL_CLIENT_HELLO_SUCCESS
                }
                PeerVerifier.of(ssl)?.refuseProtocols()
                alert?.pointee = SSL_AD_NO_APPLICATION_PROTOCOL
                return SSL_CLIENT_HELLO_ERROR
            },
            nil
        )
        SSL_CTX_set_alpn_select_cb(
            context.pointer,
            { ssl, selected, selectedCount, offered, offeredCount, _ in
                let offered = UnsafeBufferPointer(start: offered, count: Int(offeredCount))
                var index = 0
                while index < offered.count {
                    let start = index + 1
                    let end = start + Int(offered[index])
                    guard end <= offered.count else { break }
                    if offered[start..<end].elementsEqual("h2".utf8), let base = offered.baseAddress
                    {
                        // The selected name points into the client's own offer, as with OpenSSL's
                        // helper.
                        selected?.pointee = base + start
                        selectedCount?.pointee = UInt8(end - start)
                        return SSL_TLSEXT_ERR_OK
                    }
                    index = end
                }
                PeerVerifier.of(ssl)?.refuseProtocols()
                return SSL_TLSEXT_ERR_ALERT_FATAL
            },
            nil
        )
    }

    private static func setUpClient(_ context: SSLContext) throws(TLSError) {
        let offer: [UInt8] = [2, UInt8(ascii: "h"), UInt8(ascii: "2")]
        guard SSL_CTX_set_alpn_protos(context.pointer, offer, UInt32(offer.count)) == 0 else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
    }
}

/// The context for new connections. A listener reads it for each connection, so that a reload
/// applies to the next connection and leaves open ones alone.
package final class TLSContextSource: Sendable {
    private let box: NIOLockedValueBox<TLSContext>

    /// Creates a source with a first context.
    package init(_ context: TLSContext) {
        box = NIOLockedValueBox(context)
    }

    /// The context for the next connection.
    package var current: TLSContext { box.withLockedValue { $0 } }

    /// Replaces the context for later connections.
    package func replace(with context: TLSContext) {
        box.withLockedValue { $0 = context }
    }
}
