// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// How a call ended where its peer sent no gRPC status: every rule in one place.
///
/// The tables hold for both directions of a call: a client reads them to learn what became of it, and
/// a server chooses what it sends by what a client will read.
package enum StatusMapping {
    /// One rule: a number on the wire, what HTTP calls it, and the code that it stands for.
    package struct Row: Hashable, Sendable {
        package let number: UInt32
        package let name: String
        package let code: StatusCode

        fileprivate init(_ number: UInt32, _ name: String, _ code: StatusCode) {
            self.number = number
            self.name = name
            self.code = code
        }
    }

    /// HTTP's statuses (gRPC's http-grpc-status-mapping).
    package static let http = [
        Row(400, "Bad Request", .internalError),
        Row(401, "Unauthorized", .unauthenticated),
        Row(403, "Forbidden", .permissionDenied),
        Row(404, "Not Found", .unimplemented),
        Row(429, "Too Many Requests", .unavailable),
        // A header list that is too large; the table of RFC 9110 has it beside 400.
        Row(431, "Request Header Fields Too Large", .internalError),
        Row(502, "Bad Gateway", .unavailable),
        Row(503, "Service Unavailable", .unavailable),
        Row(504, "Gateway Timeout", .unavailable),
    ]

    /// What every other status of HTTP stands for, 200 included: an answer without `grpc-status` is no
    /// answer.
    package static let otherHTTP = StatusCode.unknown

    /// The error codes of RST_STREAM (gRPC over HTTP/2, "Errors").
    package static let resets = [
        Row(0x0, "NO_ERROR", .internalError),
        Row(0x1, "PROTOCOL_ERROR", .internalError),
        Row(0x2, "INTERNAL_ERROR", .internalError),
        Row(0x3, "FLOW_CONTROL_ERROR", .internalError),
        Row(0x4, "SETTINGS_TIMEOUT", .internalError),
        Row(0x5, "STREAM_CLOSED", .internalError),
        Row(0x6, "FRAME_SIZE_ERROR", .internalError),
        // Nothing has been done about the call: it may be tried again.
        Row(0x7, "REFUSED_STREAM", .unavailable),
        Row(0x8, "CANCEL", .cancelled),
        Row(0x9, "COMPRESSION_ERROR", .internalError),
        Row(0xa, "CONNECT_ERROR", .internalError),
        Row(0xb, "ENHANCE_YOUR_CALM", .resourceExhausted),
        Row(0xc, "INADEQUATE_SECURITY", .permissionDenied),
        Row(0xd, "HTTP_1_1_REQUIRED", .internalError),
    ]

    /// What every other error code stands for.
    package static let otherReset = StatusCode.internalError
}

extension Status {
    /// What HTTP's status means where a peer sent no gRPC status.
    package init(http status: Int) {
        let row = StatusMapping.http.first { $0.number == status }
        let name = row.map { " (\($0.name))" } ?? ""
        self.init(
            row?.code ?? StatusMapping.otherHTTP,
            "the peer answered with HTTP status \(status)\(name) and no gRPC status"
        )
    }

    /// What a reset means where a peer sent no gRPC status.
    package init(streamReset errorCode: UInt32) {
        let row = StatusMapping.resets.first { $0.number == errorCode }
        self.init(
            row?.code ?? StatusMapping.otherReset,
            "the peer reset the stream: \(row?.name ?? "error code \(errorCode)")"
        )
    }
}
