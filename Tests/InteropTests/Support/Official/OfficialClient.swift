// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTestSupport
import Testing

/// The cases as our client calls them. Tests/Interop/official/client.py is its like on the other side.
struct OfficialClient: Sendable {
    typealias Input = Official.StreamingInputCallRequest
    typealias Output = Official.StreamingOutputCallRequest

    private static let special =
        "\t\ntest with whitespace\r\nand Unicode BMP \u{263a} and non-BMP \u{1f608}\t\n"
    private static let sizes: [Int32] = [31_415, 9, 2_653, 58_979]
    private static let bodies = [27_182, 8, 1_828, 45_904]
    private static let metadata = Metadata([
        .init(name: OfficialService.initialEcho, value: Array("test_initial_metadata_value".utf8)),
        .init(name: OfficialService.trailingEcho, value: [0xab, 0xab, 0xab]),
    ])

    let transport: any ClientTransport
    let executor: any NodeExecutor
    let target: PeerTarget
    /// Where it is seen how answers come; nil for the cases that do not ask for that.
    var relay: RelayLog?

    func run(_ official: OfficialCase) async throws {
        switch official {
        case .emptyUnary: try await emptyUnary()
        case .largeUnary: try await expectLarge(unary(Self.large()))
        case .clientCompressedUnary: try await clientCompressedUnary()
        case .serverCompressedUnary: try await serverCompressedUnary()
        case .clientStreaming: try await clientStreaming()
        case .clientCompressedStreaming: try await clientCompressedStreaming()
        case .serverStreaming: try await serverStreaming()
        case .serverCompressedStreaming: try await serverCompressedStreaming()
        case .pingPong: try await pingPong()
        case .emptyStream: try await emptyStream()
        case .customMetadata: try await customMetadata()
        case .statusCodeAndMessage: try await statusCodeAndMessage()
        case .specialStatusMessage: await specialStatusMessage()
        case .unimplementedMethod: await unimplemented(service: OfficialService.name)
        case .unimplementedService:
            await unimplemented(service: "grpc.testing.UnimplementedService")
        case .cancelAfterBegin: await cancelAfterBegin()
        case .cancelAfterFirstResponse: try await cancelAfterFirstResponse()
        case .timeoutOnSleepingServer: try await timeoutOnSleepingServer()
        }
    }

    // MARK: Messages

    private static func large(
        expects expected: Bool? = nil,
        asks asked: Bool? = nil
    ) -> Official.SimpleRequest {
        Official.SimpleRequest(
            responseSize: 314_159,
            payload: .zeros(271_828),
            responseCompressed: asked.map { .init(value: $0) },
            expectCompressed: expected.map { .init(value: $0) }
        )
    }

    private static func asks(_ size: Int32, sending body: Int) -> Output {
        Output(responseParameters: [.init(size: size)], payload: .zeros(body))
    }

    // MARK: Calls

    private func unary(
        _ method: RPCMethod,
        _ request: some OfficialMessage,
        metadata: Metadata = [],
        compression: MessageEncoding? = nil
    ) async -> ObservedCall.Outcome {
        let observed = ObservedCall()
        return await withCheckedContinuation { continuation in
            executor.execute {
                observed.start(
                    ClientCall(
                        target: target,
                        method: method,
                        message: request.encoded,
                        deadline: executor.now + .seconds(20),
                        metadata: metadata,
                        compression: compression
                    ),
                    over: transport,
                    on: executor
                ) { continuation.resume(returning: $0) }
            }
        }
    }

    private func unary(
        _ request: Official.SimpleRequest,
        metadata: Metadata = [],
        compression: MessageEncoding? = nil
    ) async -> ObservedCall.Outcome {
        await unary(
            OfficialService.unaryCall,
            request,
            metadata: metadata,
            compression: compression
        )
    }

    private func open(
        _ method: RPCMethod,
        within time: Duration = .seconds(20),
        metadata: Metadata = [],
        compression: MessageEncoding? = nil
    ) -> ClientStream {
        transport.openStream(
            ClientStreamCall(
                target: target,
                method: method,
                deadline: executor.now + time,
                metadata: metadata,
                compression: compression
            ),
            on: executor
        )
    }

    // MARK: Answers

    private func expectLarge(_ outcome: ObservedCall.Outcome) throws {
        #expect(outcome.result.status == .ok)
        let response = try Official.SimpleResponse(decoding: outcome.result.message)
        #expect(response.payload == .zeros(314_159))
    }

    /// The next response, compared completely.
    private func expectResponse(
        of size: Int32,
        on stream: ClientStream,
        compressed: Bool? = nil
    ) async throws {
        let bytes = try #require(try await stream.nextMessage())
        let response = try Official.StreamingOutputCallResponse(decoding: bytes)
        #expect(response.payload == .zeros(Int(size)))
        if let compressed { try await expectResponse(compressed: compressed) }
    }

    private func expectResponse(compressed: Bool) async throws {
        let relay = try #require(relay)
        #expect(try await relay.next(.response) == compressed)
    }

    private func expectEnd(of stream: ClientStream) async throws {
        #expect(try await stream.nextMessage() == nil)
        #expect(await stream.status() == .ok)
    }

    // MARK: Cases of one message each way

    private func emptyUnary() async throws {
        let outcome = await unary(OfficialService.emptyCall, Official.Empty())
        #expect(outcome.result.status == .ok)
        #expect(outcome.result.message.isEmpty)
    }

    private func clientCompressedUnary() async throws {
        let probe = await unary(Self.large(expects: true))
        #expect(probe.result.status.code == .invalidArgument)
        try await expectLarge(unary(Self.large(expects: true), compression: .gzip))
        try await expectLarge(unary(Self.large(expects: false)))
    }

    private func serverCompressedUnary() async throws {
        for compressed in [true, false] {
            // A sender of compressed messages also names the encodings that it accepts.
            try await expectLarge(unary(Self.large(asks: compressed), compression: .gzip))
            try await expectResponse(compressed: compressed)
        }
    }

    private func specialStatusMessage() async {
        let request = Official.SimpleRequest(
            responseStatus: .init(code: 2, message: Self.special)
        )
        #expect(await unary(request).result.status == Status(.unknown, Self.special))
    }

    private func unimplemented(service: String) async {
        let method = RPCMethod(test: "UnimplementedCall", of: service)
        let status = await unary(method, Official.Empty()).result.status
        #expect(status.code == .unimplemented)
        #expect(status.origin == .peer)
    }

    // MARK: Cases of streams

    private func clientStreaming() async throws {
        let stream = open(OfficialService.streamingInputCall)
        for body in Self.bodies {
            try await stream.send(Input(payload: .zeros(body)).encoded)
        }
        stream.finishSending()
        try await expectSum(74_922, on: stream)
    }

    private func expectSum(_ sum: Int32, on stream: ClientStream) async throws {
        let response = try Official.StreamingInputCallResponse(
            decoding: try await stream.onlyResponse()
        )
        #expect(response.aggregatedPayloadSize == sum)
        #expect(await stream.status() == .ok)
    }

    private func clientCompressedStreaming() async throws {
        let first = Input(payload: .zeros(27_182), expectCompressed: .init(value: true)).encoded
        let second = Input(payload: .zeros(45_904), expectCompressed: .init(value: false)).encoded
        let probe = open(OfficialService.streamingInputCall)
        try await probe.send(first)
        probe.finishSending()
        #expect(await probe.status().code == .invalidArgument)

        let stream = open(OfficialService.streamingInputCall, compression: .gzip)
        try await stream.send(first)
        try await stream.send(second, compressing: false)
        stream.finishSending()
        try await expectSum(73_086, on: stream)
    }

    private func serverStreaming() async throws {
        let stream = open(OfficialService.streamingOutputCall)
        let request = Output(responseParameters: Self.sizes.map { .init(size: $0) })
        try await stream.send(request.encoded)
        stream.finishSending()
        for size in Self.sizes { try await expectResponse(of: size, on: stream) }
        try await expectEnd(of: stream)
    }

    private func serverCompressedStreaming() async throws {
        let asked: [(size: Int32, compressed: Bool)] = [(31_415, true), (92_653, false)]
        let stream = open(OfficialService.streamingOutputCall, compression: .gzip)
        let request = Output(
            responseParameters: asked.map {
                .init(size: $0.size, compressed: .init(value: $0.compressed))
            }
        )
        try await stream.send(request.encoded)
        stream.finishSending()
        for (size, compressed) in asked {
            try await expectResponse(of: size, on: stream, compressed: compressed)
        }
        try await expectEnd(of: stream)
    }

    private func pingPong() async throws {
        let stream = open(OfficialService.fullDuplexCall)
        for (size, body) in zip(Self.sizes, Self.bodies) {
            try await stream.send(Self.asks(size, sending: body).encoded)
            try await expectResponse(of: size, on: stream)
        }
        stream.finishSending()
        try await expectEnd(of: stream)
    }

    private func emptyStream() async throws {
        let stream = open(OfficialService.fullDuplexCall)
        stream.finishSending()
        try await expectEnd(of: stream)
    }

    // MARK: Cases about metadata and status

    private func customMetadata() async throws {
        let outcome = await unary(Self.large(), metadata: Self.metadata)
        try expectLarge(outcome)
        expectEcho(outcome.headers, outcome.result.trailers)

        let stream = open(OfficialService.fullDuplexCall, metadata: Self.metadata)
        try await stream.send(Self.asks(314_159, sending: 271_828).encoded)
        stream.finishSending()
        let initial = try await stream.initialMetadata()
        try await expectResponse(of: 314_159, on: stream)
        try await expectEnd(of: stream)
        expectEcho(initial, await stream.trailers())
    }

    private func expectEcho(_ initial: Metadata?, _ trailing: Metadata) {
        let sent = Self.metadata.entries
        #expect(initial?.entries.filter { $0.name == sent[0].name } == [sent[0]])
        #expect(trailing.entries.filter { $0.name == sent[1].name } == [sent[1]])
    }

    private func statusCodeAndMessage() async throws {
        let asked = Official.EchoStatus(code: 2, message: "test status message")
        let right = Status(.unknown, "test status message")
        let outcome = await unary(Official.SimpleRequest(responseStatus: asked))
        #expect(outcome.result.status == right)

        let stream = open(OfficialService.fullDuplexCall)
        try await stream.send(Output(responseStatus: asked).encoded)
        stream.finishSending()
        #expect(await stream.status() == right)
    }

    private func cancelAfterBegin() async {
        let stream = open(OfficialService.streamingInputCall)
        stream.cancel()
        #expect(await stream.status().code == .cancelled)
    }

    private func cancelAfterFirstResponse() async throws {
        let stream = open(OfficialService.fullDuplexCall)
        try await stream.send(Self.asks(31_415, sending: 27_182).encoded)
        try await expectResponse(of: 31_415, on: stream)
        stream.cancel()
        #expect(await stream.status().code == .cancelled)
    }

    private func timeoutOnSleepingServer() async throws {
        // Connects first, so that dialling does not use up the deadline.
        try await emptyUnary()
        let stream = open(OfficialService.fullDuplexCall, within: .milliseconds(1))
        // A message that comes too late is refused with the same status.
        try? await stream.send(Output(payload: .zeros(27_182)).encoded)
        #expect(await stream.status().code == .deadlineExceeded)
    }
}
