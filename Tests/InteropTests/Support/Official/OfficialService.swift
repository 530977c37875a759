// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTestSupport

/// `grpc.testing.TestService` on a server of ours, as gRPC's description of its interoperability cases has
/// it. Tests/Interop/official/server.py is its like on the other side.
struct OfficialService: Sendable {
    static let name = "grpc.testing.TestService"

    static let emptyCall = RPCMethod(test: "EmptyCall", of: name)
    static let unaryCall = RPCMethod(test: "UnaryCall", of: name)
    static let streamingInputCall = RPCMethod(test: "StreamingInputCall", of: name)
    static let streamingOutputCall = RPCMethod(test: "StreamingOutputCall", of: name)
    static let fullDuplexCall = RPCMethod(test: "FullDuplexCall", of: name)

    static let initialEcho = "x-grpc-test-echo-initial"
    static let trailingEcho = "x-grpc-test-echo-trailing-bin"

    /// Where compression of requests is observed; nil if not needed.
    var relay: RelayLog?

    /// Serves everybody with a certificate.
    var router: Router {
        var router = Router()
        router.register(Self.emptyCall) { request, _ in
            do throws(Status) {
                _ = try Official.Empty(decoding: request)
                // The empty message is no bytes.
                return .replied
            } catch {
                return .failed(error)
            }
        }
        // One message each way, but as a stream: its handler chooses the metadata ahead of the answer, and
        // whether that is compressed, call by call.
        router.register(Self.unaryCall, on: nil, stream: unaryCall)
        router.register(Self.streamingInputCall, on: nil, stream: streamingInputCall)
        router.register(Self.streamingOutputCall, on: nil, stream: streamingOutputCall)
        router.register(Self.fullDuplexCall, on: nil, stream: fullDuplexCall)
        return router
    }

    // MARK: Methods

    private func unaryCall(_ stream: ServerStream) async throws(Status) -> Metadata {
        let request: Official.SimpleRequest = try await onlyRequest(of: stream)
        try await check(request.expectCompressed)
        try begin(stream, compressing: request.responseCompressed?.value ?? false)
        if let asked = request.responseStatus { throw asked.status }
        let payload = try Official.Payload.asked(
            type: request.responseType,
            size: request.responseSize
        )
        try await stream.send(Official.SimpleResponse(payload: payload).encoded)
        return []
    }

    private func streamingInputCall(_ stream: ServerStream) async throws(Status) -> Metadata {
        try begin(stream, compressing: false)
        var size = 0
        for try await bytes in stream.requests {
            let request = try Official.StreamingInputCallRequest(decoding: bytes)
            try await check(request.expectCompressed)
            size += request.payload?.body.count ?? 0
        }
        let response = Official.StreamingInputCallResponse(
            aggregatedPayloadSize: Int32(clamping: size)
        )
        try await stream.send(response.encoded)
        return []
    }

    private func streamingOutputCall(_ stream: ServerStream) async throws(Status) -> Metadata {
        let request: Official.StreamingOutputCallRequest = try await onlyRequest(of: stream)
        try await check(nil)
        try begin(
            stream,
            compressing: request.responseParameters.contains { $0.compressed?.value == true }
        )
        try await respond(to: request, on: stream)
        return []
    }

    private func fullDuplexCall(_ stream: ServerStream) async throws(Status) -> Metadata {
        try begin(stream, compressing: false)
        for try await bytes in stream.requests {
            let request = try Official.StreamingOutputCallRequest(decoding: bytes)
            try await check(nil)
            try await respond(to: request, on: stream)
        }
        return []
    }

    // MARK: Shared parts

    private func onlyRequest<Request: OfficialMessage>(
        of stream: ServerStream
    ) async throws(Status) -> Request {
        guard let bytes = try await stream.nextMessage(), try await stream.nextMessage() == nil
        else { throw Status(.internalError, "a call of one request has none, or more") }
        return try Request(decoding: bytes)
    }

    private func begin(_ stream: ServerStream, compressing: Bool) throws(Status) {
        let sent = stream.metadata.entries
        stream.addTrailers(Metadata(sent.filter { $0.name == Self.trailingEcho }))
        try stream.sendHeaders(
            Metadata(sent.filter { $0.name == Self.initialEcho }),
            compressing: compressing
        )
    }

    /// Compares how a request came with what it says of that. To be called for each, in order.
    private func check(_ expected: Official.BoolValue?) async throws(Status) {
        guard let relay else {
            guard expected == nil else {
                throw Status(.failedPrecondition, "nobody sees how this request came")
            }
            return
        }
        let isCompressed = try await relay.next(.request)
        guard let expected, expected.value != isCompressed else { return }
        throw Status(
            .invalidArgument,
            "the request came \(isCompressed ? "compressed" : "not compressed")"
        )
    }

    private func respond(
        to request: Official.StreamingOutputCallRequest,
        on stream: ServerStream
    ) async throws(Status) {
        if let asked = request.responseStatus { throw asked.status }
        for parameters in request.responseParameters {
            let payload = try Official.Payload.asked(
                type: request.responseType,
                size: parameters.size
            )
            try await stream.send(
                Official.StreamingOutputCallResponse(payload: payload).encoded,
                compressing: parameters.compressed?.value ?? false
            )
        }
    }
}
