// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
package import ChordIdentity
internal import NIOConcurrencyHelpers

/// Everything that handshakes need, loaded and checked once: our certificate and key, whom we trust,
/// and the settings. What it judges by is immutable, so that a reload is a new context and connections
/// keep their own.
package final class TLSContext: Sendable {
    /// What the context was made from.
    package let configuration: TLSConfiguration

    /// Who we are.
    package let identity: PeerIdentity

    /// Our own certificate.
    package let certificate: PeerCertificate

    /// How long everything is valid that our TLS rests on.
    package let terms: [CertificateTerm]

    /// What works and should be known, one sentence each.
    package let notices: [String]

    /// Whom handshakes by this context have verified.
    let verifiedPeers: VerifiedChainCache

    let server: SSLContext
    let client: SSLContext

    /// Loads the files and makes the context. Reads files: not for an event loop.
    ///
    /// - Throws: `TLSError` naming the file that is at fault and what to do about it.
    package init(configuration: TLSConfiguration) throws(TLSError) {
        chord_OPENSSL_prepare()
        try Self.check(configuration)
        let credentials = try Credentials(configuration)
        self.configuration = configuration
        identity = credentials.identity
        certificate = credentials.certificate
        terms = credentials.terms
        notices = credentials.notices
        verifiedPeers = VerifiedChainCache(listValidity: credentials.listValidity)
        server = try Self.makeContext(configuration, credentials)
        client = try Self.makeContext(configuration, credentials)
        Self.setUpServer(server)
        try Self.setUpClient(client)
    }

    private static func check(_ configuration: TLSConfiguration) throws(TLSError) {
        // OpenSSL would take a negative depth for none set, and allow a hundred.
        guard configuration.maximumChainDepth >= 0 else {
            throw TLSError(
                .invalidConfiguration,
                "the maximum chain depth is \(configuration.maximumChainDepth); it cannot be negative"
            )
        }
    }

    /// All that is wrong with the files of a configuration, and what should be known of them. Where
    /// nothing is wrong a context can be made of it, and the other way round.
    package static func judge(
        _ configuration: TLSConfiguration
    ) -> (faults: [TLSError], notices: [String]) {
        chord_OPENSSL_prepare()
        do throws(TLSError) {
            try check(configuration)
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
        return (faults, reader.notices)
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
        // Tickets are for resumption, which would outlive a revocation, and cost a third of a
        // handshake's time.
        SSL_CTX_set_num_tickets(pointer, 0)
        // The lighter of the two AES suites comes first: it is the faster on every processor with AES
        // instructions, and no weaker link than the key exchange.
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
                // Nothing here can be missing; were it, refusing is the safe answer.
                guard let verification,
                    let ssl = X509_STORE_CTX_get_ex_data(
                        verification,
                        SSL_get_ex_data_X509_STORE_CTX_idx()
                    ).map({ OpaquePointer($0) }),
                    let judge = PeerVerifier.of(ssl)
                else {
                    return 0
                }
                return judge.verify(verification, ssl: ssl) ? 1 : 0
            },
            nil
        )
        return context
    }

    private static func setUpServer(_ context: SSLContext) {
        // The selection callback is not asked when a client offers no protocol at all, so that case
        // is caught here. Clients without TLS 1.3 pass on to OpenSSL's own refusal of their version.
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
                        // Pointing into the client's own offer, as OpenSSL's helper does.
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

/// The context that new connections use. A listener asks for it once per connection, so that a reload
/// reaches the next connection and disturbs none that is open.
package final class TLSContextSource: Sendable {
    private let box: NIOLockedValueBox<TLSContext>

    /// Starts with a context.
    package init(_ context: TLSContext) {
        box = NIOLockedValueBox(context)
    }

    /// The context for the next connection.
    package var current: TLSContext { box.withLockedValue { $0 } }

    /// Puts another context in place for the connections to come.
    package func replace(with context: TLSContext) {
        box.withLockedValue { $0 = context }
    }
}
