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
            let (name, value) = session.field(index, of: block)
            switch name.count {
            case 2 where name.isEqual(to: "te"): break
            case 5 where name.isEqual(to: ":path"): path = value
            case 7 where name.isEqual(to: ":method"): method = value
            case 7 where name.isEqual(to: ":scheme"): break
            case 10 where name.isEqual(to: ":authority") || name.isEqual(to: "user-agent"): break
            case 12 where name.isEqual(to: "content-type"): contentType = value
            case 12 where name.isEqual(to: "grpc-timeout"): timeout = value
            case 13 where name.isEqual(to: "grpc-encoding"): encoding = value
            case 20 where name.isEqual(to: "grpc-accept-encoding"): acceptedEncodings = value
            default:
                if !MetadataHeaders.isReserved(name) { hasMetadata = true }
            }
        }
    }
}
