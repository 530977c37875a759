// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

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
