// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import ChordHTTP2

@Suite struct ExchangeTests {
    @Test(arguments: 0..<20 as Range<UInt64>)
    func unaryWithBodyAndTrailers(seed: UInt64) throws {
        var pair = try Pair(seed: seed)
        var headers = HTTP2Headers(Samples.request)
        headers.append("grpc-timeout", "5S")
        let stream = try pair.client.session.submitUnaryRequest(headers, [1, 2, 3])
        try pair.settle()
        #expect(stream == 1)
        #expect(pair.server.saw(.settings))
        let request = try #require(pair.server.headers(stream, .request))
        #expect(request[":path"] == "/chord.v1.Ring/FindSuccessor")
        #expect(request[":authority"] == "node-1.example")
        #expect(request["grpc-timeout"] == "5S")
        #expect(pair.server.message(stream) == [1, 2, 3])
        #expect(
            pair.server.seen.contains { if case .data(1, _, true) = $0 { true } else { false } }
        )

        #expect(pair.server.session.answer(stream, [4, 5]))
        try pair.settle()
        #expect(pair.client.headers(stream, .response)?[":status"] == "200")
        #expect(pair.client.message(stream) == [4, 5])
        #expect(pair.client.headers(stream, .trailers) == ["grpc-status": "0"])
        #expect(pair.client.closeCode(stream) == .noError)
        #expect(pair.server.closeCode(stream) == .noError)
        #expect(pair.client.session.openStreams == 0)
        #expect(pair.server.session.openStreams == 0)
        #expect(pair.server.session.queuedBytes == 0)
    }
}
