// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CZlib

/// Messages in gzip's format (RFC 1952), by the system's zlib.
enum Gzip {
    /// Header and trailer of a gzip member; none is shorter.
    private static let leastBytes = 18

    /// The message compressed; nil where that is not shorter.
    static func compress(_ message: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        // The fastest level wins nearly all that there is to win, at a third of the time.
        guard czlib_deflate_init_gzip(&stream, Z_BEST_SPEED) == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        var isWhole = false
        let compressed = [UInt8](unsafeUninitializedCapacity: message.count) { output, count in
            message.withUnsafeBufferPointer { input in
                // zlib does not write to its input, whatever the type says.
                stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                isWhole = deflate(&stream, Z_FINISH) == Z_STREAM_END
            }
            count = isWhole ? output.count - Int(stream.avail_out) : 0
        }
        return isWhole ? compressed : nil
    }

    /// The message that was compressed.
    ///
    /// Its length stands at the end of a gzip member. So what is too long is refused unseen, and what is
    /// longer than it says stops where it passes that: a few bytes that stand for a gibibyte never cost
    /// more than the limit.
    ///
    /// - Throws: RESOURCE_EXHAUSTED where the message is longer than `limit`, or than it says; INTERNAL
    ///   where the bytes are not one gzip member.
    static func decompress(_ bytes: [UInt8], limit: Int) throws(Status) -> [UInt8] {
        guard bytes.count >= leastBytes, bytes[0] == 0x1f, bytes[1] == 0x8b else { throw malformed }
        let stated = bytes.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard stated <= limit else {
            throw Status(
                .resourceExhausted,
                "a message of \(stated) bytes once decompressed is over the limit of \(limit)"
            )
        }
        var stream = z_stream()
        guard czlib_inflate_init_gzip(&stream) == Z_OK else {
            throw Status(.internalError, "zlib has no memory to decompress a message")
        }
        defer { inflateEnd(&stream) }
        var result = Z_OK
        // One byte more than it should be, to see when it is more.
        let message = [UInt8](unsafeUninitializedCapacity: stated + 1) { output, count in
            bytes.withUnsafeBufferPointer { input in
                stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                result = inflate(&stream, Z_FINISH)
            }
            count = output.count - Int(stream.avail_out)
        }
        guard message.count <= stated else {
            throw Status(.resourceExhausted, "a message is longer decompressed than it says")
        }
        guard result == Z_STREAM_END, stream.avail_in == 0, message.count == stated else {
            throw malformed
        }
        return message
    }

    private static let malformed = Status(
        .internalError,
        "a message is marked as gzip and is not one gzip member"
    )
}
