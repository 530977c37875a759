// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2

/// The header lists that every server sends, made once.
enum ServerHeaders {
    /// The head of a gRPC answer, and, with a status behind it, of one that is a failure alone.
    static let response = HTTP2Headers.Prepared([
        (":status", "200"), ("content-type", "application/grpc"),
    ])
    static let accepted = HTTP2Headers(response)
    /// The head of a gRPC answer whose messages may be compressed.
    static let compressed = HTTP2Headers.Prepared([
        (":status", "200"), ("content-type", "application/grpc"), ("grpc-encoding", "gzip"),
    ])
    static let acceptedCompressed = HTTP2Headers(compressed)
    static let okTrailers = HTTP2Headers(HTTP2Headers.Prepared([("grpc-status", "0")]))
    static let methodNotAllowed = HTTP2Headers(
        HTTP2Headers.Prepared([(":status", "405"), ("allow", "POST")])
    )
    static let unsupportedMediaType = HTTP2Headers(
        HTTP2Headers.Prepared([(":status", "415"), ("accept-post", "application/grpc")])
    )
}
