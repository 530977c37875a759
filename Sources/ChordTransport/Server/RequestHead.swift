// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// What a call asks for, by its header list. A class, because calls whose lists are alike share one.
final class CallHead {
    /// The number of the list on its connection; zero where it has not come before.
    let repetition: UInt32
    let route: Router.Route
    /// The longest message, in bytes.
    let limit: Int
    /// How the request may be compressed.
    let encoding: MessageEncoding?
    /// How the caller reads a compressed answer; nil if it does not.
    let acceptedEncoding: MessageEncoding?
    /// How long the caller waits.
    let timeout: Duration?
    let metadata: Metadata
    /// One message each way, as it is: nothing that would have to be remembered beside the head.
    let isPlain: Bool

    init(
        repetition: UInt32,
        route: Router.Route,
        limit: Int,
        encoding: MessageEncoding?,
        acceptedEncoding: MessageEncoding?,
        timeout: Duration?,
        metadata: Metadata
    ) {
        self.repetition = repetition
        self.route = route
        self.limit = limit
        self.encoding = encoding
        self.acceptedEncoding = acceptedEncoding
        self.timeout = timeout
        self.metadata = metadata
        isPlain = !route.isStream && encoding == nil && acceptedEncoding == nil
    }
}

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
