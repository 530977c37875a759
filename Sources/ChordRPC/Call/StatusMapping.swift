// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The status of a call if the peer sent no gRPC status. All rules are here.
///
/// They apply in both directions: a client derives the status from them, and a server chooses what
/// to send so that the client derives the right status.
package enum StatusMapping {
    /// One rule: a number on the wire, its name in HTTP, and the status code that it means.
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

    /// The HTTP statuses (gRPC's http-grpc-status-mapping).
    package static let http = [
        Row(400, "Bad Request", .internalError),
        Row(401, "Unauthorized", .unauthenticated),
        Row(403, "Forbidden", .permissionDenied),
        Row(404, "Not Found", .unimplemented),
        Row(429, "Too Many Requests", .unavailable),
        // The header list is too large. RFC 9110 groups it with 400.
        Row(431, "Request Header Fields Too Large", .internalError),
        Row(502, "Bad Gateway", .unavailable),
        Row(503, "Service Unavailable", .unavailable),
        Row(504, "Gateway Timeout", .unavailable),
    ]

    /// The code for every other HTTP status, including 200, because an answer needs a
    /// `grpc-status`.
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
        // The server has not processed the call, so it may be retried.
        Row(0x7, "REFUSED_STREAM", .unavailable),
        Row(0x8, "CANCEL", .cancelled),
        Row(0x9, "COMPRESSION_ERROR", .internalError),
        Row(0xa, "CONNECT_ERROR", .internalError),
        Row(0xb, "ENHANCE_YOUR_CALM", .resourceExhausted),
        Row(0xc, "INADEQUATE_SECURITY", .permissionDenied),
        Row(0xd, "HTTP_1_1_REQUIRED", .internalError),
    ]

    /// The code for every other error code.
    package static let otherReset = StatusCode.internalError
}

extension Status {
    /// The status for an HTTP status without a gRPC status.
    package init(http status: Int) {
        let row = StatusMapping.http.first { $0.number == status }
        let name = row.map { " (\($0.name))" } ?? ""
        self.init(
            row?.code ?? StatusMapping.otherHTTP,
            "the peer answered with HTTP status \(status)\(name) and no gRPC status"
        )
    }

    /// The status for a reset without a gRPC status.
    package init(streamReset errorCode: UInt32) {
        let row = StatusMapping.resets.first { $0.number == errorCode }
        self.init(
            row?.code ?? StatusMapping.otherReset,
            "the peer reset the stream: \(row?.name ?? "error code \(errorCode)")"
        )
    }
}
