// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// The header lists of requests.
enum ClientHeaders {
    /// The user agent that peers see.
    static let userAgent = "swift-chord/\(ProgramVersion.number)"

    static let request = HTTP2Headers.Prepared([
        (":method", "POST"), (":scheme", "https"), ("content-type", "application/grpc"),
        ("te", "trailers"), ("user-agent", userAgent),
    ])

    /// Sets `headers` to the header list of one call.
    static func fill(_ headers: inout HTTP2Headers, for call: ClientCall, remaining: Duration?) {
        headers.removeAppended()
        headers.append(":path", call.method.path)
        headers.append(":authority", call.target.address)
        if let remaining {
            // Rounded, so that most calls repeat a value that stands in the compression table.
            headers.append("grpc-timeout", GRPCTimeout.format(remaining))
        }
        if call.compression != nil {
            headers.append("grpc-encoding", "gzip")
            headers.append("grpc-accept-encoding", MessageEncoding.offered)
        }
        if !call.metadata.isEmpty { MetadataHeaders.append(call.metadata, to: &headers) }
    }
}
