// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The bytes that are allowed in the fields of a request.
enum FieldText {
    /// A set of ASCII characters.
    struct CharacterSet {
        private var low: UInt64 = 0
        private var high: UInt64 = 0

        init(_ characters: String) {
            for byte in characters.utf8 {
                if byte < 64 { low |= 1 << byte } else { high |= 1 << (byte - 64) }
            }
        }

        func contains(_ byte: UInt8) -> Bool {
            byte < 128 && (byte < 64 ? low >> byte : high >> (byte - 64)) & 1 == 1
        }

        func containsAll(_ bytes: UnsafeRawBufferPointer) -> Bool {
            for byte in bytes where !contains(byte) { return false }
            return true
        }
    }

    private static let lower = "abcdefghijklmnopqrstuvwxyz"
    private static let upper = lower.uppercased()
    private static let digits = "0123456789"
    /// Section 5.6.2 of RFC 9110; field names have no upper case in HTTP/2.
    private static let tokenMarks = "!#$%&'*+-.^_`|~"
    private static let names = CharacterSet(tokenMarks + digits + lower)
    private static let tokens = CharacterSet(tokenMarks + digits + lower + upper)
    private static let schemes = CharacterSet("+-." + digits + lower + upper)
    /// Section 3.2 of RFC 3986.
    private static let authorities = CharacterSet("-._~%!$&'()*+,;=:@[]" + digits + lower + upper)

    static func isName(_ bytes: UnsafeRawBufferPointer) -> Bool {
        !bytes.isEmpty && names.containsAll(bytes)
    }

    static func isToken(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.isEqual(to: "POST") || tokens.containsAll(bytes)
    }

    static func isScheme(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if bytes.isEqual(to: "https") { return true }
        guard let first = bytes.first, (first | 0x20) >= UInt8(ascii: "a"),
            (first | 0x20) <= UInt8(ascii: "z")
        else { return false }
        return schemes.containsAll(bytes)
    }

    static func isAuthority(_ bytes: UnsafeRawBufferPointer) -> Bool {
        authorities.containsAll(bytes)
    }

    /// No blanks and no control characters; unescaped non-ASCII bytes are accepted.
    static func isPath(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var isBad = false
        // No early exit, so that the loop is vectorised.
        for byte in bytes { isBad = isBad || byte <= 0x20 || byte == 0x7F }
        return !isBad
    }

    /// No control characters but the tabulator.
    static func isValue(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var isBad = false
        for byte in bytes { isBad = isBad || (byte < 0x20 && byte != 0x09) || byte == 0x7F }
        return !isBad
    }

    /// The only value of `te` that HTTP/2 allows, in any case.
    static func isTrailers(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if bytes.isEqual(to: "trailers") { return true }
        return bytes.count == 8 && bytes.map { $0 | 0x20 }.elementsEqual("trailers".utf8)
    }

    /// A decimal number; nil for one that is none or too long.
    static func number(_ bytes: UnsafeRawBufferPointer) -> Int64? {
        guard (1...18).contains(bytes.count) else { return nil }
        var number: Int64 = 0
        for byte in bytes {
            guard (0x30...0x39).contains(byte) else { return nil }
            number = number * 10 + Int64(byte - 0x30)
        }
        return number
    }
}
