// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
package import ChordIdentity
package import NIOCore

/// One TLS connection without a network: bytes in, bytes out. Not Sendable; its owner's event loop is
/// its only thread.
///
/// Ciphertext received goes in by `feed`. Ciphertext to send collects inside, whatever produced it,
/// until `drainCiphertext` hands it out: also after a failure, because the alert is in there.
package final class TLSConnection {
    /// How far the connection has come.
    package enum State: Sendable, Hashable {
        /// No application data yet in either direction.
        case handshaking
        /// The peer is known; data flows.
        case open
        /// We have sent close_notify and send nothing more.
        case closing
        /// Both sides are done, or one of them failed.
        case closed
    }

    /// What is special about the side that we are on.
    package enum Side: Sendable {
        /// We accepted; `address` is the peer's, for messages.
        case server(address: String)
        /// We dialled `address` to reach an expected peer. `serverName` is sent as SNI unless it is
        /// an IP address, for which TLS has no field.
        case client(expected: ExpectedPeer, serverName: String?, address: String)
    }

    /// What a read found after the plaintext that it delivered.
    package enum ReadOutcome: Sendable, Hashable {
        /// More ciphertext is needed.
        case needsMore
        /// The peer has closed its direction properly.
        case peerClosed
    }

    /// How far the connection has come.
    package private(set) var state = State.handshaking

    /// Who the peer is; nil unless a handshake was completed. A certificate that passes is not enough: its
    /// key must be proven too.
    package private(set) var peerIdentity: PeerIdentity?

    /// The address of the peer, for messages.
    package let address: String

    let session: SSLSession
    let judge: PeerVerifier
    private let retainedBufferBytes: Int
    /// A connection keeps its buffers between records once it has read this often. They are some 12 KiB of
    /// OpenSSL's, and allocating them for every record costs 8 % of the CPU under load.
    private static let readsUntilBusy = 64
    private var reads = 0

    /// Makes a connection; a client's first bytes appear with the first `advanceHandshake`.
    ///
    /// - Throws: `TLSError.internalFailure`; `invalidConfiguration` for a server name that cannot be
    ///   sent.
    package init(context: TLSContext, side: Side) throws(TLSError) {
        let configuration = context.configuration
        retainedBufferBytes = configuration.retainedBufferBytes
        switch side {
        case .server(let address):
            self.address = address
            judge = PeerVerifier(
                context: context,
                peerSide: .client,
                expected: nil,
                address: address
            )
            session = try SSLSession.make(context: context.server)
            SSL_set_accept_state(session.pointer)
        case .client(let expected, let serverName, let address):
            self.address = address
            judge = PeerVerifier(
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
            chord_SSL_set_owner(session.pointer, Unmanaged.passUnretained(judge).toOpaque()) == 1
        else {
            throw TLSError(.internalFailure, OpenSSLErrors.takeText())
        }
    }

    // MARK: Ciphertext

    /// Takes in ciphertext from the peer.
    package func feed(_ ciphertext: ByteBuffer) {
        // The common case keeps the reader's own buffer and copies nothing.
        if session.pipe.pointee.inbound.readableBytes == 0 {
            session.pipe.pointee.inbound = ciphertext
        } else {
            session.pipe.pointee.inbound.writeImmutableBuffer(ciphertext)
        }
    }

    /// Whether there is ciphertext to send.
    package var hasCiphertext: Bool { session.pipe.pointee.outbound.readableBytes > 0 }

    /// Hands out all ciphertext that waits to be sent. The buffer's memory is used again if `send`
    /// and what it calls are done with it on return.
    package func drainCiphertext(_ send: (ByteBuffer) -> Void) {
        guard hasCiphertext else { return }
        // Taken out first: `send` may come back with more to write.
        var buffer = ByteBuffer()
        swap(&buffer, &session.pipe.pointee.outbound)
        send(buffer)
        if keepsBuffer(of: buffer.capacity), session.pipe.pointee.outbound.capacity == 0 {
            buffer.clear()
            session.pipe.pointee.outbound = buffer
        }
    }

    // MARK: Handshake

    /// Goes as far with the handshake as the ciphertext allows.
    ///
    /// - Returns: Whether the handshake is done.
    /// - Throws: `TLSError`: why we refused, why the peer did, or what was wrong with its bytes.
    package func advanceHandshake() throws(TLSError) -> Bool {
        guard state == .handshaking else { return state == .open }
        OpenSSLErrors.clear()
        let result = SSL_do_handshake(session.pointer)
        if result == 1 {
            guard let identity = judge.identity, PeerVerifier.hasNegotiatedHTTP2(session.pointer)
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
            throw judge.refusal
                ?? TLSFailure.error(
                    from: OpenSSLErrors.take(),
                    address: address,
                    isHandshake: true
                )
        }
    }

    // MARK: Plaintext

    /// Decrypts everything that has arrived and appends it.
    ///
    /// - Throws: `TLSError`: the peer's alert, or what was wrong with its bytes. What was decrypted
    ///   before is in the buffer.
    package func read(into plaintext: inout ByteBuffer) throws(TLSError) -> ReadOutcome {
        guard state == .open else { return .needsMore }
        if reads < Self.readsUntilBusy {
            reads += 1
            if reads == Self.readsUntilBusy { chord_SSL_keep_buffers(session.pointer, 1) }
        }
        // OpenSSL reads ahead, so that bytes may be left in it after ours are used up. Asking here
        // spares the call that would only say that more is needed.
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

    /// Encrypts plaintext; the ciphertext waits to be drained.
    ///
    /// - Throws: `TLSError.closed` unless the connection is open.
    package func write(_ plaintext: ByteBuffer) throws(TLSError) {
        guard state == .open else {
            throw TLSError(.closed, "the connection with \(address) is not open")
        }
        let total = plaintext.readableBytes
        guard total > 0 else { return }
        // A record adds 22 bytes to at most 16 KiB; growing once is cheaper than by doubling.
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
                // The pipe never refuses bytes, so that there is nothing to wait and retry for.
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

    /// Sends close_notify, once. What arrives afterwards is no longer read.
    package func shutdown() {
        switch state {
        case .open:
            state = .closing
            OpenSSLErrors.clear()
            // 0: ours is sent, the peer's not yet here. That and failure are both fine: we go.
            _ = SSL_shutdown(session.pointer)
            OpenSSLErrors.clear()
        case .handshaking:
            state = .closed
        case .closing, .closed:
            break
        }
    }

    // MARK: Memory

    /// Whether an empty buffer of so many bytes is kept for the next burst.
    func keepsBuffer(of capacity: Int) -> Bool {
        reads >= Self.readsUntilBusy && capacity <= retainedBufferBytes
    }

    /// Gives back what an idle connection need not hold. It is small again until it is busy again.
    func releaseMemory() {
        guard state == .open else { return }
        reads = 0
        chord_SSL_keep_buffers(session.pointer, 0)
        if !hasCiphertext { session.pipe.pointee.outbound = ByteBuffer() }
    }

    /// The reader's buffer goes back to the reader as soon as nothing is left in it, so that it can
    /// be used for the next read.
    private func releaseInbound() {
        if session.pipe.pointee.inbound.readableBytes == 0 {
            session.pipe.pointee.inbound = ByteBuffer()
        }
    }
}
