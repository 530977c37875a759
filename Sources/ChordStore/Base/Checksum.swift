// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CZlib

/// The checksum of everything that the store keeps on disk: CRC-32 as in gzip [RFC 1952, section 8].
///
/// It detects damage by hardware and software. It does not detect forgery.
package enum Checksum {
    /// The CRC-32 of some bytes.
    ///
    /// - Parameter checksum: the checksum of the bytes before these; 0 where there are none. So the
    ///   checksum of a text in parts is that of the whole.
    package static func crc32(_ bytes: RawSpan, continuing checksum: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { buffer in
            // zlib answers a null pointer with the checksum of no bytes, whatever came before.
            guard let start = buffer.baseAddress else { return checksum }
            return UInt32(
                truncatingIfNeeded: crc32_z(
                    uLong(checksum),
                    start.assumingMemoryBound(to: Bytef.self),
                    buffer.count
                )
            )
        }
    }

    /// The CRC-32 of an array.
    package static func crc32(_ bytes: [UInt8], continuing checksum: UInt32 = 0) -> UInt32 {
        crc32(bytes.span.bytes, continuing: checksum)
    }
}
