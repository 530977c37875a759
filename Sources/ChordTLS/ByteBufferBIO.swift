// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import NIOCore

/// The ciphertext queues between OpenSSL and a channel: a BIO over two `ByteBuffer`s, so that no
/// byte is copied more often than needed.
struct ByteBufferBIO {
    /// Ciphertext received and not yet read by OpenSSL.
    var inbound = ByteBuffer()

    /// Ciphertext written by OpenSSL and not yet sent.
    var outbound = ByteBuffer()

    /// The BIO method that reads from and writes to the queues. It is created once and never
    /// changed or freed, hence unchecked.
    struct Method: @unchecked Sendable {
        let pointer: OpaquePointer?
    }

    static let method: Method = {
        let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "chord ciphertext")
        BIO_meth_set_create(method) { bio in
            BIO_set_init(bio, 1)
            return 1
        }
        BIO_meth_set_destroy(method) { _ in 1 }
        BIO_meth_set_read(method) { bio, bytes, count in
            chord_BIO_clear_retry_flags(bio)
            guard let bytes, count > 0, let pipe = ByteBufferBIO.of(bio) else { return -1 }
            let taken = pipe.pointee.takeInbound(
                UnsafeMutableRawBufferPointer(start: bytes, count: Int(count))
            )
            if taken == 0 {
                chord_BIO_set_retry_read(bio)
                return -1
            }
            return Int32(truncatingIfNeeded: taken)
        }
        BIO_meth_set_write(method) { bio, bytes, count in
            chord_BIO_clear_retry_flags(bio)
            guard let bytes, count > 0, let pipe = ByteBufferBIO.of(bio) else { return -1 }
            pipe.pointee.outbound.writeBytes(
                UnsafeRawBufferPointer(start: bytes, count: Int(count))
            )
            return count
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in
            // The handshake fails if a flush does not return 1.
            command == BIO_CTRL_FLUSH ? 1 : 0
        }
        return Method(pointer: method)
    }()

    private static func of(_ bio: OpaquePointer?) -> UnsafeMutablePointer<ByteBufferBIO>? {
        BIO_get_data(bio)?.assumingMemoryBound(to: ByteBufferBIO.self)
    }

    private mutating func takeInbound(_ target: UnsafeMutableRawBufferPointer) -> Int {
        inbound.readWithUnsafeReadableBytes { source in
            let count = min(source.count, target.count)
            if count > 0 {
                target.baseAddress!.copyMemory(from: source.baseAddress!, byteCount: count)
            }
            return count
        }
    }
}
