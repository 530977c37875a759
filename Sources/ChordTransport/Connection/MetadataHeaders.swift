// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordHTTP2
import ChordRPC

/// An application's metadata as header fields and back.
enum MetadataHeaders {
    /// Whether a field belongs to the protocol and not to the application.
    static func isReserved(_ name: UnsafeRawBufferPointer) -> Bool {
        guard let first = name.first else { return true }
        switch first {
        case UInt8(ascii: ":"): return true
        case UInt8(ascii: "g"): return name.starts(with: "grpc-")
        case UInt8(ascii: "t"): return name.isEqual(to: "te")
        case UInt8(ascii: "c"): return name.isEqual(to: "content-type")
        case UInt8(ascii: "u"): return name.isEqual(to: "user-agent")
        default: return false
        }
    }

    /// Adds a field to `metadata`, decoded where its name ends in `-bin`.
    ///
    /// - Returns: false if it is to be decoded and cannot be.
    static func append(
        name: UnsafeRawBufferPointer,
        value: UnsafeRawBufferPointer,
        to metadata: inout Metadata
    ) -> Bool {
        let text = String(decoding: name, as: UTF8.self)
        guard isBinary(name) else {
            metadata.entries.append(.init(name: text, value: Array(value)))
            return true
        }
        // Fields of one name may have been joined with commas on their way, and base64 has none.
        for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let trimmed = part.drop { $0 == 0x20 }
            guard let bytes = Base64.decode(UnsafeRawBufferPointer(rebasing: trimmed)) else {
                return false
            }
            metadata.entries.append(.init(name: text, value: bytes))
        }
        return true
    }

    /// Adds `metadata` to `headers`. Fields that an application may not send are left out.
    static func append(_ metadata: Metadata, to headers: inout HTTP2Headers) {
        for entry in metadata.entries where Metadata.isAllowed(name: entry.name) {
            if entry.name.hasSuffix("-bin") {
                Base64.encode(entry.value).withUnsafeBytes {
                    headers.append(name: entry.name, value: $0)
                }
            } else if entry.value.allSatisfy({ (0x20...0x7e).contains($0) }) {
                entry.value.withUnsafeBytes { headers.append(name: entry.name, value: $0) }
            }
        }
    }

    /// All of a block's fields that belong to the application; nil if one cannot be decoded.
    static func read(_ block: HTTP2HeaderBlock, of session: HTTP2Session) -> Metadata? {
        var metadata = Metadata()
        for index in 0..<Int(block.count) {
            let field = session.field(index, of: block)
            if isReserved(field.name) { continue }
            guard append(name: field.name, value: field.value, to: &metadata) else { return nil }
        }
        return metadata
    }

    private static func isBinary(_ name: UnsafeRawBufferPointer) -> Bool {
        guard name.count >= 4 else { return false }
        return UnsafeRawBufferPointer(rebasing: name.suffix(4)).isEqual(to: "-bin")
    }
}
