// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CZlib

/// Writes and reads files of gzip members, one after the other [RFC 1952].
enum GzipMembers {
    /// The bytes as a member of their own.
    static func compress(_ bytes: [UInt8]) -> [UInt8] {
        var stream = z_stream()
        precondition(
            czlib_deflate_init_gzip(&stream, Z_DEFAULT_COMPRESSION) == Z_OK,
            "zlib has no memory"
        )
        defer { deflateEnd(&stream) }
        let most = Int(deflateBound(&stream, uLong(bytes.count)))
        return [UInt8](unsafeUninitializedCapacity: most) { output, count in
            bytes.withUnsafeBufferPointer { input in
                // zlib does not write to its input, although its type is mutable.
                stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.avail_in = UInt32(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = UInt32(output.count)
                let result = deflate(&stream, Z_FINISH)
                precondition(result == Z_STREAM_END, "deflateBound gave too little room")
            }
            count = output.count - Int(stream.avail_out)
        }
    }
}

/// Decompresses members as their bytes come.
///
/// Not Sendable: one task uses it.
final class GzipReader {
    private var stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private static let pieceBytes = 256 << 10

    /// Bytes that came of some input.
    struct Piece {
        var bytes: [UInt8]
        /// How much of the input was taken.
        var taken: Int
        /// Whether a member ends with these bytes.
        var isMemberEnd: Bool
    }

    init() {
        stream.initialize(to: z_stream())
        precondition(czlib_inflate_init_gzip(stream) == Z_OK, "zlib has no memory")
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Decompresses some of the input; nil if it is no gzip, or damaged.
    func next(_ input: ArraySlice<UInt8>) -> Piece? {
        var result = Z_OK
        var left = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.pieceBytes) { output, count in
            input.withUnsafeBufferPointer { input in
                // zlib does not write to its input, although its type is mutable.
                stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
                stream.pointee.avail_in = UInt32(input.count)
                stream.pointee.next_out = output.baseAddress
                stream.pointee.avail_out = UInt32(output.count)
                result = inflate(stream, Z_NO_FLUSH)
                left = Int(stream.pointee.avail_in)
            }
            count = output.count - Int(stream.pointee.avail_out)
        }
        guard result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR else { return nil }
        let isEnd = result == Z_STREAM_END
        if isEnd, inflateReset(stream) != Z_OK { return nil }
        return Piece(bytes: bytes, taken: input.count - left, isMemberEnd: isEnd)
    }
}
