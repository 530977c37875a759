// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// A message of the contract as a Swift value.
///
/// protobuf-c encodes and decodes; its structs never leave this module. Unknown fields are ignored,
/// so that an older node understands a newer one.
package protocol WireMessage: Sendable {
    /// Decodes a message.
    ///
    /// - Throws: ``WireError``, with the field and the reason.
    init(decoding bytes: UnsafeRawBufferPointer, space: IdentifierSpace) throws(WireError)

    /// Appends the encoded message.
    ///
    /// Lists longer than ``WireLimits`` are cut. Texts are not: configuration and decoding limit
    /// them, and a peer refuses longer ones.
    func encode(appendingTo output: inout [UInt8], space: IdentifierSpace)
}

extension WireMessage {
    /// Decodes a message.
    ///
    /// - Throws: ``WireError``, with the field and the reason.
    package init(decoding bytes: RawSpan, space: IdentifierSpace) throws(WireError) {
        self = try bytes.withUnsafeBytes { buffer throws(WireError) in
            try Self(decoding: buffer, space: space)
        }
    }

    /// Decodes a message.
    ///
    /// - Throws: ``WireError``, with the field and the reason.
    package init(decoding bytes: [UInt8], space: IdentifierSpace) throws(WireError) {
        try self.init(decoding: bytes.span.bytes, space: space)
    }

    /// The encoded message.
    package func encoded(in space: IdentifierSpace) -> [UInt8] {
        var output: [UInt8] = []
        encode(appendingTo: &output, space: space)
        return output
    }
}
