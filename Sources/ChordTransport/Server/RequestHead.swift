// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// What the transport wants to know of a request's header list, found in one pass over it.
struct RequestHead {
    var method: UnsafeRawBufferPointer?
    var path = UnsafeRawBufferPointer(start: nil, count: 0)
    var contentType: UnsafeRawBufferPointer?
    var timeout: UnsafeRawBufferPointer?
    var encoding: UnsafeRawBufferPointer?
    var acceptedEncodings: UnsafeRawBufferPointer?
    /// Whether there is anything that the application sent.
    var hasMetadata = false

    /// The pointers are the session's and live as long as its events.
    init(_ block: HTTP2HeaderBlock, of session: HTTP2Session) {
        for index in 0..<Int(block.count) {
            let (name, value) = session.knownField(index, of: block)
            switch name {
            case .path: path = value
            case .method: method = value
            case .contentType: contentType = value
            case .grpcTimeout: timeout = value
            case .grpcEncoding: encoding = value
            case .grpcAcceptEncoding: acceptedEncodings = value
            case .te, .scheme, .authority, .userAgent: break
            case .other, .host, .contentLength, .connectionSpecific:
                if !MetadataHeaders.isReserved(session.field(index, of: block).name) {
                    hasMetadata = true
                }
            }
        }
    }
}
