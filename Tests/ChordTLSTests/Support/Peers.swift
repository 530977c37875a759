// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import ChordIdentity
import ChordTestSupport
import Foundation
import NIOCore

@testable import ChordTLS

/// A peer made directly with OpenSSL, so that it can do what our own contexts refuse to: show a bad
/// certificate or none, speak TLS 1.2, offer no protocol.
final class RoguePeer {
    struct Options {
        var isServer = false
        var certificate: TestAuthority.Issued?
        var version = TLS1_3_VERSION
        var protocols: [String] = ["h2"]
    }

    private let context: OpaquePointer
    private let ssl: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer
    private(set) var isDone = false
    /// The alert that ended the connection, if one did.
    private(set) var alert: Int32?

    init(_ options: Options) {
        context = SSL_CTX_new(TLS_method())
        _ = chord_test_set_version(context, options.version)
        if let issued = options.certificate {
            precondition(
                SSL_CTX_use_certificate_chain_file(context, issued.certificate) == 1
                    && SSL_CTX_use_PrivateKey_file(context, issued.key, SSL_FILETYPE_PEM) == 1
            )
        }
        if options.isServer {
            SSL_CTX_set_verify(
                context,
                SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                { _, _ in 1 }
            )
            if !options.protocols.isEmpty {
                SSL_CTX_set_alpn_select_cb(
                    context,
                    { _, selected, count, offered, _, _ in
                        selected?.pointee = offered.map { $0 + 1 }
                        count?.pointee = offered?.pointee ?? 0
                        return SSL_TLSEXT_ERR_OK
                    },
                    nil
                )
            }
        }
        ssl = SSL_new(context)
        input = BIO_new(BIO_s_mem())
        output = BIO_new(BIO_s_mem())
        SSL_set_bio(ssl, input, output)
        let offer = options.protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        if !offer.isEmpty, !options.isServer {
            SSL_set_alpn_protos(ssl, offer, UInt32(offer.count))
        }
        if options.isServer {
            SSL_set_accept_state(ssl)
        } else {
            SSL_set_connect_state(ssl)
        }
    }

    deinit {
        SSL_free(ssl)
        SSL_CTX_free(context)
    }

    func feed(_ bytes: [UInt8]) {
        BIO_write(input, bytes, Int32(bytes.count))
    }

    func take() -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = BIO_read(output, &buffer, Int32(buffer.count))
            guard count > 0 else { return result }
            result += buffer[..<Int(count)]
        }
    }

    func advance() {
        ERR_clear_error()
        if !isDone {
            isDone = SSL_do_handshake(ssl) == 1
        }
        if isDone {
            var byte: UInt8 = 0
            _ = SSL_read(ssl, &byte, 1)
        }
        while true {
            let code = ERR_get_error()
            guard code != 0 else { break }
            let reason = chord_ERR_reason(code)
            if chord_ERR_library(code) == ERR_LIB_SSL, (1_000..<1_256).contains(reason) {
                alert = reason - 1_000
            }
        }
    }

    func renegotiateKeys() {
        SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED)
        SSL_do_handshake(ssl)
    }

    func write(_ bytes: [UInt8]) {
        SSL_write(ssl, bytes, Int32(bytes.count))
    }
}

private func chord_test_set_version(_ context: OpaquePointer, _ version: Int32) -> Int {
    SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(version), nil)
        + SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(version), nil)
}

/// The result of a handshake, seen from both ends.
struct HandshakeOutcome {
    var serverError: TLSError?
    var clientError: TLSError?
}

extension TLSConnection {
    /// Ciphertext waiting to be sent.
    func takeCiphertext() -> ByteBuffer {
        var result = ByteBuffer()
        drainCiphertext { result = $0 }
        return result
    }

    static func server(_ context: TLSContext) throws -> TLSConnection {
        try TLSConnection(context: context, side: .server(address: "127.0.0.1:50000"))
    }

    static func client(
        _ context: TLSContext,
        expecting expected: ExpectedPeer,
        serverName: String? = nil,
        address: String = "127.0.0.1:7946"
    ) throws -> TLSConnection {
        try TLSConnection(
            context: context,
            side: .client(expected: expected, serverName: serverName, address: address)
        )
    }
}

/// Runs a handshake between two of our connections to its end.
func handshake(server: TLSConnection, client: TLSConnection) -> HandshakeOutcome {
    var outcome = HandshakeOutcome()
    var plaintext = ByteBuffer()
    func step(_ connection: TLSConnection, _ error: inout TLSError?) {
        guard error == nil else { return }
        do throws(TLSError) {
            if try connection.advanceHandshake() {
                _ = try connection.read(into: &plaintext)
            }
        } catch let failure {
            error = failure
        }
    }
    for _ in 0..<10 {
        step(client, &outcome.clientError)
        client.drainCiphertext { server.feed($0) }
        step(server, &outcome.serverError)
        server.drainCiphertext { client.feed($0) }
    }
    return outcome
}

/// Runs a handshake between our connection and a rogue peer to its end.
func handshake(_ ours: TLSConnection, with rogue: RoguePeer) -> TLSError? {
    var error: TLSError?
    for _ in 0..<10 {
        rogue.advance()
        ours.feed(ByteBuffer(bytes: rogue.take()))
        if error == nil {
            do throws(TLSError) {
                _ = try ours.advanceHandshake()
            } catch let failure {
                error = failure
            }
        }
        rogue.feed(Array(ours.takeCiphertext().readableBytesView))
    }
    return error
}
