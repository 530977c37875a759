// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Testing

/// The interoperability cases of gRPC's description that apply, by the names that they have there.
///
/// The others are about credentials of Google's clouds (`compute_engine_creds`, `jwt_token_creds` and their
/// like), HTTP caches (`cacheable_unary`), load reports (`orca_*`) and running for hours (`*_soak`).
enum OfficialCase: String, CaseIterable, Sendable {
    case emptyUnary = "empty_unary"
    case largeUnary = "large_unary"
    case clientCompressedUnary = "client_compressed_unary"
    case serverCompressedUnary = "server_compressed_unary"
    case clientStreaming = "client_streaming"
    case clientCompressedStreaming = "client_compressed_streaming"
    case serverStreaming = "server_streaming"
    case serverCompressedStreaming = "server_compressed_streaming"
    case pingPong = "ping_pong"
    case emptyStream = "empty_stream"
    case customMetadata = "custom_metadata"
    case statusCodeAndMessage = "status_code_and_message"
    case specialStatusMessage = "special_status_message"
    case unimplementedMethod = "unimplemented_method"
    case unimplementedService = "unimplemented_service"
    case cancelAfterBegin = "cancel_after_begin"
    case cancelAfterFirstResponse = "cancel_after_first_response"
    case timeoutOnSleepingServer = "timeout_on_sleeping_server"

    /// Whether it checks a flag that only a relay sees.
    var needsRelay: Bool {
        switch self {
        case .clientCompressedUnary, .serverCompressedUnary, .clientCompressedStreaming,
            .serverCompressedStreaming:
            true
        default: false
        }
    }
}

/// A case in one direction.
struct OfficialRun: Sendable, CustomTestStringConvertible {
    var official: OfficialCase
    /// Deviations from the description, with reasons.
    var difference = ""

    var testDescription: String { official.rawValue + difference }

    static let all = OfficialCase.allCases.map { OfficialRun(official: $0) }

    static let ofGRPCIO = OfficialCase.allCases.map { official in
        official == .clientCompressedStreaming
            ? OfficialRun(
                official: official,
                difference: ", both messages compressed: grpcio cannot exempt one of a call's"
            )
            : OfficialRun(official: official)
    }

    static let withoutWire = all.filter { !$0.official.needsRelay }
}
