// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import ChordTestSupport
import Testing

@testable import ChordHTTP2

@Suite(.tags(.unit)) struct ExchangeTests {
    @Test(arguments: 0..<20 as Range<UInt64>)
    func unaryExchangeHasHeadersBodyAndTrailers(seed: UInt64) throws {
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

    @Test func emptyBodySendsNoDataFrame() throws {
        var pair = try Pair()
        let stream = try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [])
        try pair.settle()
        #expect(
            pair.server.seen.contains {
                if case .headers(stream, _, .request, end: true) = $0 { true } else { false }
            }
        )
        pair.server.session.answer(stream, [])
        try pair.settle()
        #expect(pair.client.message(stream) == [])
        #expect(pair.client.headers(stream, .trailers) == ["grpc-status": "0"])
        #expect(
            !pair.client.seen.contains { if case .data = $0 { true } else { false } }
        )
        #expect(pair.client.closeCode(stream) == .noError)
    }

    @Test func trailersOnlyResponseIsOneHeaderList() throws {
        var pair = try Pair()
        let stream = try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [9])
        try pair.settle()
        var headers = HTTP2Headers(Samples.response)
        headers.append("grpc-status", "12")
        headers.append("grpc-message", String(repeating: "no such method ", count: 20))
        #expect(
            pair.server.session.submitResponse(stream: stream, headers: headers, endStream: true)
        )
        try pair.settle()
        let response = try #require(pair.client.headers(stream, .response))
        #expect(response["grpc-status"] == "12")
        #expect(response["grpc-message"]?.utf8.count == 300)
        #expect(pair.client.headers(stream, .trailers) == nil)
        #expect(pair.client.closeCode(stream) == .noError)
    }

    @Test func appendedTrailersAreSeparateFromHeaders() throws {
        var pair = try Pair()
        let first = try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [1])
        let second = try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [1])
        try pair.settle()
        var trailers = HTTP2Headers()
        for (stream, status) in [(first, "5"), (second, "14")] {
            trailers.removeAppended()
            trailers.append("grpc-status", status)
            trailers.append(name: "custom-bin", value: "AAA")
            pair.server.session.answer(stream, [1], trailers: trailers)
        }
        try pair.settle()
        #expect(
            pair.client.headers(first, .trailers) == ["grpc-status": "5", "custom-bin": "AAA"]
        )
        #expect(
            pair.client.headers(second, .trailers) == ["grpc-status": "14", "custom-bin": "AAA"]
        )
    }

    @Test func pseudoHeadersAreSentFirst() throws {
        var pair = try Pair()
        let constant = HTTP2Headers.Prepared([
            (":method", "POST"), (":scheme", "https"), ("te", "trailers"),
        ])
        var headers = HTTP2Headers(constant)
        headers.append("grpc-timeout", "1S", indexed: false)
        headers.append(":path", "/x" as String)
        headers.append(":authority", "there")
        let stream = try pair.client.session.submitRequest(headers, endStream: true)
        try pair.settle()
        let request = try #require(pair.server.headers(stream, .request))
        #expect(request[":path"] == "/x")
        #expect(request[":authority"] == "there")
        #expect(request["te"] == "trailers")
    }

    @Test func interimResponsePrecedesTheResponse() throws {
        var pair = try Pair()
        let stream = try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [1])
        try pair.settle()
        let early = HTTP2Headers(HTTP2Headers.Prepared([(":status", "103"), ("link", "x")]))
        #expect(pair.server.session.submitInformational(stream: stream, headers: early))
        try pair.settle()
        #expect(pair.client.headers(stream, .informational)?["link"] == "x")
        #expect(pair.client.headers(stream, .response) == nil)
        pair.server.session.answer(stream, [2])
        try pair.settle()
        #expect(pair.client.headers(stream, .response)?[":status"] == "200")
        #expect(pair.client.message(stream) == [2])
        #expect(!pair.server.session.submitInformational(stream: stream, headers: early))
    }

    @Test(arguments: 0..<5 as Range<UInt64>)
    func concurrentStreamsStaySeparate(seed: UInt64) throws {
        var pair = try Pair(seed: seed)
        var open: [Int32] = []
        for round in 0..<10 {
            for index in 0..<40 {
                open.append(
                    try pair.client.session.submitUnaryRequest(
                        HTTP2Headers(Samples.request),
                        [UInt8](repeating: UInt8(round + index), count: index * 50)
                    )
                )
            }
            try pair.settle()
            open.shuffle(using: &pair.generator)
            while open.count > 20 {
                let stream = open.removeLast()
                let body = pair.server.message(stream)
                #expect(Set(body).count <= 1)
                #expect(pair.server.session.answer(stream, body + [255]))
            }
            try pair.settle()
        }
        for stream in open {
            pair.server.session.answer(stream, pair.server.message(stream) + [255])
        }
        try pair.settle()
        #expect(pair.server.requests.count == 400)
        for stream in pair.server.requests {
            #expect(pair.client.message(stream) == pair.server.message(stream) + [255])
            #expect(pair.client.closeCode(stream) == .noError)
        }
        #expect(pair.client.session.openStreams == 0)
        #expect(pair.server.session.openStreams == 0)
        #expect(pair.server.session.counters.streamsClosed == 400)
    }

    @Test func bothSidesCanStreamAtOnce() throws {
        var pair = try Pair()
        let stream = try pair.client.session.submitRequest(HTTP2Headers(Samples.request))
        try pair.settle()
        pair.server.session.submitResponse(
            stream: stream,
            headers: HTTP2Headers(Samples.response)
        )
        for number in 0..<50 as Range<UInt8> {
            #expect(pair.client.session.send([number], on: stream))
            try pair.settle()
            #expect(pair.server.message(stream).last == number)
            #expect(pair.server.session.send([number, number], on: stream))
            try pair.settle()
            #expect(pair.client.message(stream).last == number)
        }
        #expect(pair.client.session.send([], on: stream, endStream: true))
        #expect(!pair.client.session.send([1], on: stream), "after the end")
        try pair.settle()
        #expect(pair.server.session.submitTrailers(HTTP2Headers(Samples.trailers), on: stream))
        #expect(!pair.server.session.submitTrailers(HTTP2Headers(Samples.trailers), on: stream))
        try pair.settle()
        #expect(pair.client.closeCode(stream) == .noError)
        #expect(pair.client.message(stream).count == 100)
        #expect(!pair.server.session.send([1], on: stream), "on a stream that is over")
    }

    @Test func upperCaseFieldNameIsRefused() throws {
        var pair = try Pair()
        let shouting = HTTP2Headers.Prepared([
            (":method", "POST"), (":scheme", "https"), (":path", "/"), (":authority", "b"),
            ("X-Loud", "yes"),
        ])
        let stream = try pair.client.session.submitRequest(
            HTTP2Headers(shouting),
            endStream: true
        )
        try pair.settle()
        #expect(pair.server.requests.isEmpty)
        #expect(pair.client.closeCode(stream) == .protocolError)
        #expect(pair.server.closeCode(stream) == nil, "the owner never heard of it")
        #expect(pair.server.session.openStreams == 0)
    }

    @Test func invalidFieldValueIsRefused() throws {
        var pair = try Pair()
        var headers = HTTP2Headers(Samples.request)
        headers.append(name: "broken", value: "line\nbreak")
        let stream = try pair.client.session.submitRequest(headers, endStream: true)
        try pair.settle()
        #expect(pair.server.requests.isEmpty)
        #expect(pair.client.closeCode(stream) == .protocolError)
        #expect(pair.server.session.counters.headerListsRefused == 1)
        let next = try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [1])
        try pair.settle()
        #expect(pair.server.requests == [next])
    }

    @Test func pingIsAcknowledged() throws {
        var pair = try Pair()
        pair.client.session.ping(0x0123_4567_89ab_cdef)
        pair.server.session.ping(.max)
        try pair.settle()
        #expect(pair.client.saw(.pingAck(0x0123_4567_89ab_cdef)))
        #expect(pair.server.saw(.pingAck(.max)))
        #expect(pair.server.session.counters.pingsReceived == 1)
        #expect(pair.client.saw(.settingsAck))
        #expect(pair.server.saw(.settingsAck))
    }

    @Test func headerBlockCanBeSentInPieces() throws {
        let server = try Endpoint(.server)
        let wanted = (0..<60).map { ("name-\($0)", "value-\($0 * $0)") }
        let bytes =
            Frames.preface + Frames.settings
            + Frames.request(stream: 1, more: Frames.fields(wanted))
            + Frames.request(stream: 3, endStream: false)
            + Frames.frame(type: 0, flags: 1, stream: 3, payload: [1, 2, 3])
        for byte in bytes { server.receive([byte]) }
        let fields = try #require(server.headers(1, .request))
        #expect(fields.count == 64)
        for (name, value) in wanted { #expect(fields[name] == value) }
        #expect(server.headers(3, .request)?[":path"] == "/a")
        #expect(server.message(3) == [1, 2, 3])
    }

    @Test func outputCanBeDrainedInPieces() throws {
        var pair = try Pair()
        let stream = try pair.client.session.submitUnaryRequest(
            HTTP2Headers(Samples.request),
            Samples.bytes(50_000)
        )
        try pair.settle()
        pair.server.session.answer(stream, Samples.bytes(60_000))
        var pieces = 0
        while pair.server.session.wantsWrite {
            let piece = try pair.server.takeOutput(limit: 1000)
            #expect(piece.count < 1000 + 16_384 + 9)
            pair.client.receive(piece)
            pieces += 1
        }
        #expect(pieces >= 4)
        #expect(pair.client.message(stream) == Samples.bytes(60_000))
    }
}
