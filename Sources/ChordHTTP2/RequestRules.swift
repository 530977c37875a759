// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What section 8 of RFC 9113 demands of a request's header list, field by field.
///
/// nghttp2 could apply the same rules; but it looks up every name itself, which costs a twelfth of a call.
/// nghttp2 checks responses, of which a node reads fewer.
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

    /// Whether what has come is a whole request, or trailers at its end.
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
