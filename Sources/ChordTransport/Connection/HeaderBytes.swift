// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase

extension UnsafeRawBufferPointer {
    /// Whether a list of names, separated by commas, has `gzip` among them.
    var listsGzip: Bool {
        split(separator: UInt8(ascii: ",")).contains { name in
            let trimmed = name.drop { $0 == 0x20 }
            let end = trimmed.lastIndex { $0 != 0x20 }.map { $0 + 1 } ?? trimmed.startIndex
            return UnsafeRawBufferPointer(rebasing: trimmed[..<end]).isEqual(to: "gzip")
        }
    }

    /// The decimal number that the bytes are; nil if they are none, or one of too many digits.
    var decimal: Int? {
        guard (1...9).contains(count) else { return nil }
        var number = 0
        for byte in self {
            guard (0x30...0x39).contains(byte) else { return nil }
            number = number * 10 + Int(byte - 0x30)
        }
        return number
    }
}

/// What `content-type` must say: `application/grpc`, alone or with a subtype or parameters.
enum ContentType {
    static func isGRPC(_ value: UnsafeRawBufferPointer) -> Bool {
        let stem: StaticString = "application/grpc"
        guard value.starts(with: stem) else { return false }
        guard value.count > stem.utf8CodeUnitCount else { return true }
        let next = value[stem.utf8CodeUnitCount]
        // Messages of another encoding than protobuf would only be misread.
        if next == UInt8(ascii: "+") {
            let rest = UnsafeRawBufferPointer(
                rebasing: value.dropFirst(stem.utf8CodeUnitCount)
            )
            return rest.starts(with: "+proto")
        }
        return next == UInt8(ascii: ";") || next == UInt8(ascii: " ")
    }
}
