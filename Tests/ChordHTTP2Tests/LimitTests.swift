// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordHTTP2

@Suite(.tags(.unit)) struct LimitTests {
    @Test func requestsBeyondThePeersStreamLimitWait() throws {
        var pair = try Pair(server: HTTP2Limits(maxConcurrentStreams: 3))
        #expect(pair.client.session.remoteMaxConcurrentStreams == 100)
        try pair.settle()
        #expect(pair.client.session.remoteMaxConcurrentStreams == 3)
        let streams = try (0..<8).map { number in
            try pair.client.session.submitUnaryRequest(
                HTTP2Headers(Samples.request),
                [UInt8(number)]
            )
        }
        try pair.settle()
        #expect(pair.server.requests == Array(streams.prefix(3)))
        #expect(pair.client.session.openStreams == 8)
        pair.server.session.answer(streams[1], [])
        try pair.settle()
        #expect(pair.server.requests == Array(streams.prefix(4)))
        // A waiting request can be cancelled.
        pair.client.session.reset(stream: streams[5], errorCode: .cancel)
        for stream in [streams[0], streams[2], streams[3], streams[4]] {
            pair.server.session.answer(stream, [])
            try pair.settle()
        }
        pair.server.session.answer(streams[4], [])
        try pair.settle()
        #expect(pair.server.requests.count == 7)
        #expect(!pair.server.requests.contains(streams[5]))
    }

    @Test func waitingRequestsFailOnGoAway() throws {
        var pair = try Pair(server: HTTP2Limits(maxConcurrentStreams: 1))
        try pair.settle()
        let streams = try (0..<4).map { _ in
            try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [1])
        }
        try pair.settle()
        pair.server.session.goAway()
        try pair.settle()
        for stream in streams.dropFirst() {
            #expect(pair.client.closeCode(stream) == .refusedStream)
        }
        #expect(pair.client.session.openStreams == 1)
        pair.server.session.answer(streams[0], [3])
        try pair.settle()
        #expect(pair.client.message(streams[0]) == [3])
        #expect(pair.client.session.isFinished)
    }

    @Test func peerThatExceedsTheStreamLimitIsRefused() throws {
        let server = try Endpoint(.server, HTTP2Limits(maxConcurrentStreams: 2))
        server.receive(Frames.preface + Frames.settings)
        // Before it has acknowledged our settings it may not know better: its stream is refused.
        for stream in [1, 3, 5] as [UInt32] { server.receive(Frames.request(stream: stream)) }
        #expect(server.requests == [1, 3])
        #expect(server.failure == nil)
        _ = try server.takeOutput()
        #expect(server.session.counters.resetsSent == 1)
        server.receive(Frames.frame(type: 4, flags: 1))
        server.receive(Frames.request(stream: 7))
        #expect(server.failure?.code == .protocolViolation)
        #expect(server.requests == [1, 3])
    }

    @Test(arguments: [300, 4000, 9000])
    func largeHeaderListIsRefused(size: Int) throws {
        let limit: UInt32 = 4096
        let limits = HTTP2Limits(maxHeaderListBytes: limit)
        var pair = try Pair(client: limits, server: limits)
        var headers = HTTP2Headers(Samples.request)
        headers.append("large", String(repeating: "x", count: size))
        let stream = try pair.client.session.submitUnaryRequest(headers, Samples.bytes(100))
        try pair.settle()
        if size == 300 {
            #expect(pair.server.requests == [stream])
            headers = HTTP2Headers(Samples.response)
            headers.append("large", String(repeating: "y", count: 5000))
            pair.server.session.submitResponse(stream: stream, headers: headers)
            try pair.settle()
        } else {
            #expect(pair.server.requests.isEmpty)
            #expect(pair.server.session.counters.headerListsRefused == 1)
        }
        #expect(pair.client.closeCode(stream) == .enhanceYourCalm)
        // The connection and its compression state live on.
        let next = try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [1])
        try pair.settle()
        #expect(pair.server.requests.last == next)
        #expect(pair.server.headers(next, .request)?[":path"] != nil)
    }

    @Test func headerExpansionPerReadIsLimited() throws {
        // One large field enters the compression table; later requests name it with one byte each.
        let server = try Endpoint(
            .server,
            HTTP2Limits(maxHeaderBytesPerRead: 100_000)
        )
        server.receive(Frames.preface + Frames.settings)
        let large: [UInt8] = [0x40, 1, UInt8(ascii: "k"), 127, 0xa1, 0x1d]  // 3,872 bytes follow.
        let value = [UInt8](repeating: UInt8(ascii: "v"), count: 127 + 0x21 + (0x1d << 7))
        server.receive(Frames.request(stream: 1, more: large + value))
        #expect(server.requests == [1])
        var bomb: [UInt8] = []
        for stream in stride(from: 3, to: 203, by: 2) as StrideTo<UInt32> {
            bomb += Frames.request(stream: stream, more: [0xbe, 0xbe, 0xbe])
        }
        server.receive(bomb)
        #expect(server.requests.count > 3)
        #expect(server.requests.count < 15)
        #expect(server.failure == nil)
    }

    @Test func continuationFloodEndsTheConnection() throws {
        let server = try Endpoint(.server, HTTP2Limits(maxContinuations: 4))
        server.receive(Frames.preface + Frames.settings)
        server.receive(Frames.request(stream: 1, endHeaders: false))
        for _ in 0..<10 { server.receive(Frames.continuation(stream: 1)) }
        let failure = try #require(server.failure)
        #expect(server.requests.isEmpty)
        try expectGoAway(server, .enhanceYourCalm)
        #expect(failure.description.hasPrefix("tooManyContinuations: "))
    }

    @Test func continuationsWithinTheLimitAreAccepted() throws {
        let server = try Endpoint(.server)
        server.receive(Frames.preface + Frames.settings)
        server.receive(Frames.request(stream: 1, endHeaders: false))
        for _ in 0..<5 { server.receive(Frames.continuation(stream: 1)) }
        server.receive(Frames.continuation(stream: 1, endHeaders: true))
        #expect(server.requests == [1])
        #expect(server.failure == nil)
    }

    @Test(arguments: [Frames.ping(), Frames.settings])
    func floodOfPingsOrSettingsEndsTheConnection(frame: [UInt8]) throws {
        let server = try Endpoint(.server, HTTP2Limits(maxOutboundAcknowledgements: 10))
        server.receive(Frames.preface + Frames.settings)
        server.receive(Array(repeating: frame, count: 100).flatMap(\.self))
        #expect(server.failure?.code == .flooded)
        try expectGoAway(server, .enhanceYourCalm)
    }

    @Test func rapidResetEndsTheConnection() throws {
        let server = try Endpoint(
            .server,
            HTTP2Limits(maxStreamResets: 20, streamResetsPerSecond: 0)
        )
        server.receive(Frames.preface + Frames.settings)
        for number in 0..<20 as Range<UInt32> {
            server.receive(Frames.request(stream: number * 2 + 1))
            server.receive(Frames.reset(stream: number * 2 + 1))
        }
        #expect(server.failure == nil)
        #expect(server.session.counters.resetsReceived == 20)
        server.receive(Frames.request(stream: 99))
        server.receive(Frames.reset(stream: 99))
        #expect(server.failure != nil)
        #expect(server.session.openStreams <= 1)
        _ = try server.takeOutput()
        #expect(server.session.isFinished)
    }

    @Test func tooManySettingsEntriesEndTheConnection() throws {
        let server = try Endpoint(.server, HTTP2Limits(maxSettings: 4))
        server.receive(Frames.preface)
        let entry: [UInt8] = [0, 9, 0, 0, 0, 1]
        server.receive(
            Frames.frame(type: 4, payload: Array(repeating: entry, count: 5).flatMap(\.self))
        )
        #expect(server.failure != nil)
        _ = try server.takeOutput()
        #expect(server.session.isFinished)
    }

    @Test func invalidLimitsAreRefused() {
        let error = #expect(throws: HTTP2Error.self) {
            try HTTP2Session(role: .server, limits: HTTP2Limits(maxFrameSize: 5))
        }
        #expect(error?.code == .invalidArgument)
    }

    /// The output ends with a GOAWAY of a code, and with that the session.
    private func expectGoAway(_ endpoint: Endpoint, _ code: HTTP2ErrorCode) throws {
        #expect(endpoint.session.wantsWrite)
        let output = try endpoint.takeOutput()
        let frame = output.suffix(17)
        #expect(Array(frame.prefix(9)) == [0, 0, 8, 7, 0, 0, 0, 0, 0])
        #expect(frame.last == UInt8(code.rawValue))
        #expect(endpoint.session.isFinished)
        #expect(throws: HTTP2Error.self) {
            try Frames.ping().withUnsafeBytes { try endpoint.session.receive($0) }
        }
        #expect(try endpoint.takeOutput().isEmpty)
    }
}
