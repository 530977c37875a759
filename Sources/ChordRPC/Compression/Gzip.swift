// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CZlib

/// Compresses and decompresses messages in gzip's format (RFC 1952) with the system's zlib.
enum Gzip {
    /// The length of the header and trailer of a gzip member. No member is shorter.
    private static let leastBytes = 18
    /// Deflate's maximum expansion ratio; more means a false length.
    private static let mostRatio = 1032
    /// The amount by which the output grows if it is longer than the stated length.
    private static let furtherBytes = 64 << 10

    /// The compressed message; nil if it is not shorter.
    static func compress(_ message: [UInt8]) -> [UInt8]? {
        var stream = z_stream()
        // The fastest level saves nearly as many bytes as the others, in a third of the time.
        guard czlib_deflate_init_gzip(&stream, Z_BEST_SPEED) == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        var isWhole = false
        let compressed = [UInt8](unsafeUninitializedCapacity: message.count) { output, count in
            message.withUnsafeBufferPointer { input in
                // zlib does not write to its input, although its type is mutable.
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

    /// Decompresses a message: all members, one after the other, as RFC 1952 requires.
    ///
    /// The length at the end of the data limits the memory that is reserved first. The output is
    /// counted, so that a few bytes that expand to a gibibyte never cost more than the limit. zlib
    /// compares the count with the length in each member.
    ///
    /// - Throws: RESOURCE_EXHAUSTED if the message is longer than `limit`; INTERNAL if the bytes
    ///   are not gzip, are incomplete, or are followed by other bytes.
    static func decompress(_ bytes: [UInt8], limit: Int) throws(Status) -> [UInt8] {
        var inflated = 0
        return try decompress(bytes, limit: limit, counting: &inflated)
    }

    /// The same, with the number of bytes that zlib wrote, also on failure: the cost of the work.
    static func decompress(
        _ bytes: [UInt8],
        limit: Int,
        counting inflated: inout Int
    ) throws(Status) -> [UInt8] {
        guard bytes.count >= leastBytes else { throw malformed }
        var stream = z_stream()
        guard czlib_inflate_init_gzip(&stream) == Z_OK else {
            throw Status(.internalError, "zlib has no memory to decompress a message")
        }
        defer { inflateEnd(&stream) }
        let stated = bytes.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        // One byte more than expected, to notice a longer output.
        var room = min(stated, limit, bytes.count * mostRatio) + 1
        var message: [UInt8] = []
        var taken = 0
        while true {
            let before = message.count
            let result = inflate(bytes, &taken, &stream, room, &message)
            inflated += message.count - before
            guard message.count <= limit else {
                throw Status(
                    .resourceExhausted,
                    "a message is over the limit of \(limit) bytes once decompressed"
                )
            }
            switch result {
            case Z_STREAM_END:
                if taken == bytes.count { return message }
                guard inflateReset(&stream) == Z_OK else { throw malformed }
            case Z_OK, Z_BUF_ERROR:
                // If there is room left, the input has ended.
                guard stream.avail_out == 0 else { throw malformed }
            default: throw malformed
            }
            room = min(furtherBytes, limit - message.count) + 1
        }
    }

    /// Decompresses what follows the first `taken` bytes, and appends at most `room` bytes to
    /// `message`.
    private static func inflate(
        _ bytes: [UInt8],
        _ taken: inout Int,
        _ stream: inout z_stream,
        _ room: Int,
        _ message: inout [UInt8]
    ) -> CInt {
        var result = Z_OK
        let piece = [UInt8](unsafeUninitializedCapacity: room) { output, count in
            bytes.withUnsafeBufferPointer { input in
                // zlib does not write to its input, although its type is mutable.
                stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress! + taken)
                stream.avail_in = UInt32(input.count - taken)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(room)
                result = CZlib.inflate(&stream, Z_FINISH)
                taken = input.count - Int(stream.avail_in)
            }
            count = room - Int(stream.avail_out)
        }
        if message.isEmpty { message = piece } else { message += piece }
        return result
    }

    private static let malformed = Status(
        .internalError,
        "a message marked as gzip is malformed, incomplete or followed by other bytes"
    )
}
