// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The prefix of a gRPC message: a byte for "compressed" and four bytes of length, big endian.
package enum MessageFraming {
    package static let prefixBytes = 5

    /// Writes the prefix of a message of `count` bytes.
    package static func writePrefix(
        count: Int,
        isCompressed: Bool = false,
        into bytes: inout [UInt8],
        at offset: Int
    ) {
        bytes[offset] = isCompressed ? 1 : 0
        bytes[offset + 1] = UInt8(truncatingIfNeeded: count >> 24)
        bytes[offset + 2] = UInt8(truncatingIfNeeded: count >> 16)
        bytes[offset + 3] = UInt8(truncatingIfNeeded: count >> 8)
        bytes[offset + 4] = UInt8(truncatingIfNeeded: count)
    }

    /// The message with its prefix, compressed if there is an encoding and it saves bytes.
    package static func frame(
        _ message: [UInt8],
        encoding: MessageEncoding? = nil
    ) -> [UInt8] {
        if let compressed = encoding?.compress(message) {
            return frame(compressed, isCompressed: true)
        }
        return frame(message, isCompressed: false)
    }

    private static func frame(_ message: [UInt8], isCompressed: Bool) -> [UInt8] {
        var framed = [UInt8]()
        framed.reserveCapacity(prefixBytes + message.count)
        framed.append(contentsOf: repeatElement(0, count: prefixBytes))
        framed.append(contentsOf: message)
        writePrefix(count: message.count, isCompressed: isCompressed, into: &framed, at: 0)
        return framed
    }

    /// A prefix.
    package struct Prefix: Hashable, Sendable {
        package var isCompressed: Bool
        package var count: Int
    }

    /// Reads a prefix.
    ///
    /// - Returns: nil if there are fewer than five bytes.
    /// - Parameter encoding: The encoding in the peer's headers, if any.
    /// - Throws: INTERNAL if the flag is neither 0 nor 1, or the message is compressed and no
    ///   encoding was named; RESOURCE_EXHAUSTED if it is longer than `limit`.
    package static func readPrefix(
        _ bytes: UnsafeRawBufferPointer,
        limit: Int,
        encoding: MessageEncoding? = nil
    ) throws(Status) -> Prefix? {
        guard bytes.count >= prefixBytes else { return nil }
        guard bytes[0] <= 1 else {
            throw Status(.internalError, "a message's compressed flag is \(bytes[0]), not 0 or 1")
        }
        let count =
            Int(bytes[1]) << 24 | Int(bytes[2]) << 16 | Int(bytes[3]) << 8 | Int(bytes[4])
        guard bytes[0] == 0 || encoding != nil else {
            throw Status(
                .internalError,
                "a message is marked compressed but no grpc-encoding was agreed"
            )
        }
        guard count <= limit else {
            throw Status(
                .resourceExhausted,
                "a message of \(count) bytes is over the limit of \(limit)"
            )
        }
        return Prefix(isCompressed: bytes[0] == 1, count: count)
    }
}
