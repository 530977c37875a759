// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
package import ChordIdentity
package import NIOCore

/// One TLS connection without a network: bytes in, bytes out. It is not Sendable and is confined to
/// its owner's event loop.
///
/// `feed` takes received ciphertext. Ciphertext to send is collected until `drainCiphertext` hands
/// it out. Drain it after a failure too: it contains the alert.
package final class TLSConnection {
    /// The state of the connection.
    package enum State: Sendable, Hashable {
        /// The handshake: no application data yet.
        case handshaking
        /// The peer is verified, and application data flows.
        case open
        /// We have sent close_notify and send nothing more.
        case closing
        /// Both sides have closed, or one has failed.
        case closed
    }

    /// Our side of the connection.
    package enum Side: Sendable {
        /// We accepted the connection; `address` is the peer's, for messages.
        case server(address: String)
        /// We dialled `address` to reach an expected peer. `serverName` is sent as SNI unless it is
        /// an IP address, which SNI cannot carry.
        case client(expected: ExpectedPeer, serverName: String?, address: String)
    }

    /// The result of a read, besides the plaintext.
    package enum ReadOutcome: Sendable, Hashable {
        /// All received ciphertext is used up.
        case needsMore
        /// The peer has sent close_notify.
        case peerClosed
    }

    /// The state of the connection.
    package private(set) var state = State.handshaking

    /// The peer's identity; nil until the handshake is complete. An accepted certificate is not
    /// enough: the peer must also prove that it has the key.
    package private(set) var peerIdentity: PeerIdentity?

    /// The address of the peer, for messages.
    package let address: String

    let session: SSLSession
    let verifier: PeerVerifier
    private let retainedBufferBytes: Int
    /// After this many reads, a connection keeps its buffers between records. OpenSSL's buffers are
    /// about 12 KiB, and allocating them for every record costs 8 % of the CPU under load.
    private static let readsUntilBusy = 64
    private var reads = 0

    /// Creates a connection. A client's first bytes are written by the first `advanceHandshake`.
    ///
    /// - Throws: `TLSError` with `internalFailure`, or `invalidConfiguration` for a server name
    ///   that cannot be sent.
    package init(context: TLSContext, side: Side) throws(TLSError) {
        let configuration = context.configuration
        retainedBufferBytes = configuration.retainedBufferBytes
        switch side {
        case .server(let address):
            self.address = address
            verifier = PeerVerifier(
                context: context,
                peerSide: .client,
                expected: nil,
                address: address
            )
            session = try SSLSession.make(context: context.server)
            SSL_set_accept_state(session.pointer)
        case .client(let expected, let serverName, let address):
            self.address = address
            verifier = PeerVerifier(
                context: context,
                peerSide: .server,
                expected: expected,
                address: address
            )
            session = try SSLSession.make(context: context.client)
            SSL_set_connect_state(session.pointer)
            if let serverName, IPAddress(serverName) == nil {
                guard chord_SSL_set_server_name(session.pointer, serverName) != 0 else {
                    OpenSSLErrors.clear()
                    throw TLSError(
                        .invalidConfiguration,
                        "\(quoted(serverName)) cannot be sent as a server name"
                    )
                }
            }
        }
        guard
            chord_SSL_set_owner(session.pointer, Unmanaged.passUnretained(verifier).toOpaque()) == 1
        else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
    }

    // MARK: Ciphertext

    /// Takes ciphertext from the peer.
    package func feed(_ ciphertext: ByteBuffer) {
        // In the common case the buffer is kept and nothing is copied.
        if session.pipe.pointee.inbound.readableBytes == 0 {
            session.pipe.pointee.inbound = ciphertext
        } else {
            session.pipe.pointee.inbound.writeImmutableBuffer(ciphertext)
        }
    }

    /// Whether there is ciphertext to send.
    package var hasCiphertext: Bool { session.pipe.pointee.outbound.readableBytes > 0 }

    /// Hands all waiting ciphertext to `send`. The buffer's memory is reused if nothing holds it
    /// after `send` returns.
    package func drainCiphertext(_ send: (ByteBuffer) -> Void) {
        guard hasCiphertext else { return }
        // The buffer is taken out first, because `send` may write more.
        var buffer = ByteBuffer()
        swap(&buffer, &session.pipe.pointee.outbound)
        send(buffer)
        if keepsBuffer(of: buffer.capacity), session.pipe.pointee.outbound.capacity == 0 {
            buffer.clear()
            session.pipe.pointee.outbound = buffer
        }
    }

    // MARK: Handshake

    /// Continues the handshake as far as the received ciphertext allows.
    ///
    /// - Returns: whether the handshake is complete.
    /// - Throws: `TLSError`: why we refused the peer, why the peer refused us, or what was wrong
    ///   with its bytes.
    package func advanceHandshake() throws(TLSError) -> Bool {
        guard state == .handshaking else { return state == .open }
        OpenSSLErrors.clear()
        let result = SSL_do_handshake(session.pointer)
        if result == 1 {
            guard let identity = verifier.identity, PeerVerifier.hasNegotiatedHTTP2(session.pointer)
            else {
                state = .closed
                throw TLSError(.internalFailure, "the handshake ended without judging \(address)")
            }
            peerIdentity = identity
            state = .open
            return true
        }
        switch SSL_get_error(session.pointer, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE:
            releaseInbound()
            return false
        default:
            state = .closed
            throw verifier.refusal
                ?? TLSFailure.error(
                    from: OpenSSLErrors.take(),
                    address: address,
                    isHandshake: true
                )
        }
    }

    // MARK: Plaintext

    /// Decrypts all received ciphertext and appends the plaintext.
    ///
    /// - Throws: `TLSError`: the peer's alert, or what was wrong with its bytes. Plaintext from
    ///   before the error is in the buffer.
    package func read(into plaintext: inout ByteBuffer) throws(TLSError) -> ReadOutcome {
        guard state == .open else { return .needsMore }
        if reads < Self.readsUntilBusy {
            reads += 1
            if reads == Self.readsUntilBusy { chord_SSL_keep_buffers(session.pointer, 1) }
        }
        // OpenSSL reads ahead, so it may hold bytes after our queue is empty. This check saves a
        // read that would only ask for more bytes.
        while session.pipe.pointee.inbound.readableBytes > 0
            || SSL_has_pending(session.pointer) == 1
        {
            OpenSSLErrors.clear()
            var result: Int32 = 0
            plaintext.writeWithUnsafeMutableBytes(
                minimumWritableBytes: max(1_024, session.pipe.pointee.inbound.readableBytes)
            ) { target in
                var count = 0
                result = SSL_read_ex(session.pointer, target.baseAddress, target.count, &count)
                return count
            }
            if result == 1 { continue }
            switch SSL_get_error(session.pointer, result) {
            case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE:
                releaseInbound()
                return .needsMore
            case SSL_ERROR_ZERO_RETURN:
                return .peerClosed
            default:
                state = .closed
                throw TLSFailure.error(
                    from: OpenSSLErrors.take(),
                    address: address,
                    isHandshake: false
                )
            }
        }
        releaseInbound()
        return .needsMore
    }

    /// Encrypts plaintext. The ciphertext waits for `drainCiphertext`.
    ///
    /// - Throws: `TLSError` with `closed` unless the connection is open.
    package func write(_ plaintext: ByteBuffer) throws(TLSError) {
        guard state == .open else {
            throw TLSError(.closed, "the connection with \(address) is not open")
        }
        let total = plaintext.readableBytes
        guard total > 0 else { return }
        // A record adds 22 bytes to at most 16 KiB. Reserving once is cheaper than doubling.
        session.pipe.pointee.outbound.reserveCapacity(
            minimumWritableBytes: total + 22 * (total / 16_384 + 1)
        )
        var failed = false
        plaintext.withUnsafeReadableBytes { source in
            var offset = 0
            while offset < total {
                OpenSSLErrors.clear()
                var count = 0
                let result = SSL_write_ex(
                    session.pointer,
                    source.baseAddress! + offset,
                    total - offset,
                    &count
                )
                // The queue never refuses bytes, so there is never a write to retry.
                guard result == 1, count > 0 else {
                    failed = true
                    return
                }
                offset += count
            }
        }
        if failed {
            state = .closed
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
    }

    /// Sends close_notify, once. Bytes that arrive afterwards are not read.
    package func shutdown() {
        switch state {
        case .open:
            state = .closing
            OpenSSLErrors.clear()
            // 0: our close_notify is sent and the peer's has not arrived. Neither that nor a
            // failure matters here.
            _ = SSL_shutdown(session.pointer)
            OpenSSLErrors.clear()
        case .handshaking:
            state = .closed
        case .closing, .closed:
            break
        }
    }

    // MARK: Memory

    /// Whether an empty buffer of this size is kept for the next burst.
    func keepsBuffer(of capacity: Int) -> Bool {
        reads >= Self.readsUntilBusy && capacity <= retainedBufferBytes
    }

    /// Frees the buffers of an idle connection. They are allocated again when it becomes busy.
    func releaseMemory() {
        guard state == .open else { return }
        reads = 0
        chord_SSL_keep_buffers(session.pointer, 0)
        if !hasCiphertext { session.pipe.pointee.outbound = ByteBuffer() }
    }

    /// The empty inbound buffer is returned to the caller at once, so that it is used for the next
    /// read.
    private func releaseInbound() {
        if session.pipe.pointee.inbound.readableBytes == 0 {
            session.pipe.pointee.inbound = ByteBuffer()
        }
    }
}
