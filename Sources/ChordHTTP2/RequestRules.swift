// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The rules of section 8 of RFC 9113 for a request's header list, field by field.
///
/// nghttp2 could apply the same rules, but it looks up every name itself, which costs a twelfth of
/// a call. nghttp2 checks responses, of which a node reads fewer.
struct RequestRules {
    struct Seen: OptionSet {
        var rawValue: UInt16
        static let method = Seen(rawValue: 1)
        static let scheme = Seen(rawValue: 2)
        static let path = Seen(rawValue: 4)
        static let authority = Seen(rawValue: 8)
        static let host = Seen(rawValue: 16)
        static let contentLength = Seen(rawValue: 32)
        /// A regular field: no pseudo-header field may follow it.
        static let regular = Seen(rawValue: 64)
        static let connect = Seen(rawValue: 128)
        static let options = Seen(rawValue: 256)
        static let httpScheme = Seen(rawValue: 512)
        static let asteriskPath = Seen(rawValue: 1024)
        static let absolutePath = Seen(rawValue: 2048)
    }

    private var seen: Seen = []
    private let isTrailers: Bool
    /// The value of `content-length`; nil if there is none.
    private(set) var contentLength: Int64?

    init(isTrailers: Bool) {
        self.isTrailers = isTrailers
    }

    /// Whether this field is allowed next.
    mutating func admits(
        _ name: HTTP2FieldName,
        _ text: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer
    ) -> Bool {
        switch name {
        case .method, .scheme, .path, .authority:
            guard !isTrailers, !seen.contains(.regular) else { return false }
            return admitsPseudo(name, value)
        case .connectionSpecific: return false
        case .te: guard FieldText.isTrailers(value) else { return false }
        case .host:
            guard take(.host), !value.isEmpty, FieldText.isAuthority(value) else { return false }
        case .contentLength:
            guard take(.contentLength), let length = FieldText.number(value) else { return false }
            contentLength = length
        case .other:
            guard FieldText.isName(text), FieldText.isValue(value) else { return false }
        case .contentType, .userAgent, .grpcTimeout, .grpcEncoding, .grpcAcceptEncoding:
            guard FieldText.isValue(value) else { return false }
        }
        seen.insert(.regular)
        return true
    }

    private mutating func admitsPseudo(
        _ name: HTTP2FieldName,
        _ value: UnsafeRawBufferPointer
    ) -> Bool {
        guard let first = value.first else { return false }
        switch name {
        case .method:
            guard take(.method), FieldText.isToken(value) else { return false }
            if value.isEqual(to: "CONNECT") { seen.insert(.connect) }
            if value.isEqual(to: "OPTIONS") { seen.insert(.options) }
        case .scheme:
            guard take(.scheme), FieldText.isScheme(value) else { return false }
            if value.isEqual(to: "https") || value.isEqual(to: "http") {
                seen.insert(.httpScheme)
            }
        case .path:
            guard take(.path), FieldText.isPath(value) else { return false }
            if first == UInt8(ascii: "/") { seen.insert(.absolutePath) }
            if first == UInt8(ascii: "*"), value.count == 1 { seen.insert(.asteriskPath) }
        default:
            guard take(.authority), FieldText.isAuthority(value) else { return false }
        }
        return true
    }

    private mutating func take(_ field: Seen) -> Bool { seen.insert(field).inserted }

    /// Whether the fields so far are a complete request, or trailers at its end.
    func isComplete(endStream: Bool) -> Bool {
        if isTrailers { return endStream }
        if seen.contains(.connect) {
            return seen.contains(.authority) && seen.isDisjoint(with: [.scheme, .path])
        }
        guard seen.isSuperset(of: [.method, .scheme, .path]),
            !seen.isDisjoint(with: [.authority, .host])
        else { return false }
        return !seen.contains(.httpScheme) || seen.contains(.absolutePath)
            || seen.isSuperset(of: [.options, .asteriskPath])
    }

    /// Whether nothing in the list has a meaning for one stream only.
    var isPlain: Bool { contentLength == nil && !seen.contains(.connect) }

    /// Whether a body belongs to the request whose length was announced.
    var boundsBody: Bool { contentLength != nil && !seen.contains(.connect) }
}

/// The name of a request's header field, recognised once when it arrives; the rules of HTTP/2 and the
/// server both use it.
package enum HTTP2FieldName: UInt8, Sendable, BitwiseCopyable {
    /// None of those below.
    case other
    case method
    case scheme
    case path
    case authority
    case host
    case te
    case contentLength
    case contentType
    case userAgent
    case grpcTimeout
    case grpcEncoding
    case grpcAcceptEncoding
    /// One that belongs to a connection of HTTP/1.1 and must not be sent (section 8.2.2 of RFC 9113).
    case connectionSpecific

    init(_ name: UnsafeRawBufferPointer) {
        func isName(_ text: StaticString) -> Bool {
            name.isEqual(to: text)
        }
        self =
            switch name.count {
            case 2 where isName("te"): .te
            case 4 where isName("host"): .host
            case 5 where isName(":path"): .path
            case 7 where isName(":method"): .method
            case 7 where isName(":scheme"): .scheme
            case 7 where isName("upgrade"): .connectionSpecific
            case 10 where isName(":authority"): .authority
            case 10 where isName("user-agent"): .userAgent
            case 10 where isName("connection") || isName("keep-alive"): .connectionSpecific
            case 12 where isName("content-type"): .contentType
            case 12 where isName("grpc-timeout"): .grpcTimeout
            case 13 where isName("grpc-encoding"): .grpcEncoding
            case 14 where isName("content-length"): .contentLength
            case 16 where isName("proxy-connection"): .connectionSpecific
            case 17 where isName("transfer-encoding"): .connectionSpecific
            case 20 where isName("grpc-accept-encoding"): .grpcAcceptEncoding
            default: .other
            }
    }
}

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
