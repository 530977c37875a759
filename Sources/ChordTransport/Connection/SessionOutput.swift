// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import NIOCore

/// Writes an HTTP/2 session's output to its channel: all output of one turn of the event loop in one
/// buffer, one TLS record if it fits, and one write to the socket. Confined to the connection's event loop.
///
/// A class, because writing to a channel can call back into the handler in the middle of it.
final class SessionOutput {
    /// More than this is written in pieces, so that a large answer neither doubles in memory nor
    /// keeps the loop from its other connections.
    private static let pieceBytes = 128 << 10
    /// A larger buffer is freed: only a large answer needs it.
    private static let retainedBytes = 32 << 10

    /// Reused: once TLS has encrypted its content, it has no other owner.
    private var buffer = ByteBuffer()
    private var isWriting = false

    init() {}

    /// Writes the session's output while the channel is writable. The rest stays in the session, whose
    /// limits bound it, until the channel is writable again.
    ///
    /// - Returns: whether anything was written.
    /// - Throws: why the session is lost; the GOAWAY that tells the peer is written.
    func write(
        from session: HTTP2Session,
        to context: ChannelHandlerContext
    ) throws(HTTP2Error) -> Bool {
        // A callback during a write need not write: this loop continues.
        guard !isWriting else { return false }
        isWriting = true
        defer { isWriting = false }
        var hasWritten = false
        while context.channel.isWritable {
            buffer.clear()
            var failure: HTTP2Error?
            do throws(HTTP2Error) {
                try session.takeOutput(into: &buffer, limit: Self.pieceBytes)
            } catch {
                failure = error
            }
            let count = buffer.readableBytes
            if count > 0 {
                hasWritten = true
                context.writeAndFlush(NIOAny(buffer), promise: nil)
            }
            if let failure { throw failure }
            if count < Self.pieceBytes { break }
        }
        if buffer.capacity > Self.retainedBytes { buffer = ByteBuffer() }
        return hasWritten
    }

    func releaseMemory() {
        buffer = ByteBuffer()
    }
}
