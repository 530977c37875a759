// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// The header lists that a server sends, prepared once.
enum ServerHeaders {
    /// The headers of a gRPC answer; with a status appended, those of a failure.
    static let response = HTTP2Headers.Prepared([
        (":status", "200"), ("content-type", "application/grpc"),
    ])
    static let accepted = HTTP2Headers(response)
    /// The head of a gRPC answer whose messages may be compressed.
    static let acceptedCompressed = HTTP2Headers(
        HTTP2Headers.Prepared([
            (":status", "200"), ("content-type", "application/grpc"), ("grpc-encoding", "gzip"),
        ])
    )

    /// The head of a call's answer.
    ///
    /// A client that sent compressed messages is told which encodings are accepted, as gRPC demands; to
    /// tell all clients would cost every call some bytes.
    static func head(of call: ServerCallRecord, isCompressed: Bool = false) -> HTTP2Headers {
        var headers = isCompressed ? acceptedCompressed : accepted
        if call.encoding != nil { offerEncodings(in: &headers) }
        return headers
    }

    static func offerEncodings(in headers: inout HTTP2Headers) {
        headers.append("grpc-accept-encoding", MessageEncoding.offered)
    }

    static let ok = HTTP2Headers.Prepared([("grpc-status", "0")])
    static let okTrailers = HTTP2Headers(ok)
    static let methodNotAllowed = HTTP2Headers(
        HTTP2Headers.Prepared([(":status", "405"), ("allow", "POST")])
    )
    static let unsupportedMediaType = HTTP2Headers(
        HTTP2Headers.Prepared([(":status", "415"), ("accept-post", "application/grpc")])
    )
}
