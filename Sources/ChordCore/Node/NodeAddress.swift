// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What a node's address must look like before it is passed on to nodes that do not check it.
package enum NodeAddress {
    /// Whether a text is `host:port` with a host and a port that can be dialled; an IPv6 host stands in
    /// brackets.
    package static func isWellFormed(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count <= 262, let colon = bytes.lastIndex(of: UInt8(ascii: ":")) else {
            return false
        }
        let digits = bytes[(colon + 1)...]
        let isNumber = digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard (1...5).contains(digits.count), isNumber,
            let port = UInt16(String(decoding: digits, as: UTF8.self)), port > 0
        else { return false }
        var host = bytes[..<colon]
        if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]") {
            host = host.dropFirst().dropLast()
            return host.contains(UInt8(ascii: ":")) && host.allSatisfy(isNumeric)
        }
        return !host.isEmpty && host.allSatisfy(isOfName)
    }

    /// In an IPv6 address, its zone included.
    private static func isNumeric(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ":") || byte == UInt8(ascii: "%") || isOfName(byte)
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }
}
