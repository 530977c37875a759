// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordHTTP2

@Suite(.tags(.unit)) struct EndingTests {
    @Test(arguments: [HTTP2Session.Role.client, .server])
    func resetDropsWaitingData(side: HTTP2Session.Role) throws {
        let small = HTTP2Limits(initialStreamWindow: 1000)
        var pair = try Pair(client: small, server: small)
        let stream = try pair.client.session.submitRequest(HTTP2Headers(Samples.request))
        try pair.settle()
        pair.server.session.submitResponse(stream: stream, headers: HTTP2Headers(Samples.response))
        pair.client.consumes = false
        pair.server.consumes = false
        pair.client.session.send(Samples.bytes(5000), on: stream)
        pair.server.session.send(Samples.bytes(5000), on: stream)
        try pair.settle()
        let (resetting, other) =
            side == .client ? (pair.client, pair.server) : (pair.server, pair.client)
        #expect(resetting.session.queuedBytes == 4000)
        #expect(other.session.queuedBytes == 4000)

        #expect(resetting.session.reset(stream: stream, errorCode: .cancel))
        #expect(resetting.session.queuedBytes == 0)
        #expect(!resetting.session.send([1], on: stream))
        #expect(!resetting.session.reset(stream: stream, errorCode: .cancel), "twice")
        try pair.settle()
        #expect(other.saw(.reset(stream: stream, code: .cancel)))
        #expect(!resetting.saw(.reset(stream: stream, code: .cancel)))
        for endpoint in [resetting, other] {
            #expect(endpoint.closeCode(stream) == .cancel)
            #expect(endpoint.session.queuedBytes == 0)
            #expect(endpoint.session.openStreams == 0)
            #expect(!endpoint.session.send([1], on: stream))
            #expect(!endpoint.session.submitTrailers(HTTP2Headers(Samples.trailers), on: stream))
            #expect(!endpoint.session.reset(stream: stream, errorCode: .cancel))
        }
        #expect(resetting.session.counters.resetsSent == 1)
        #expect(other.session.counters.resetsReceived == 1)
        #expect(!pair.server.session.answer(stream, [1]))
    }

    @Test func requestResetBeforeSendingIsNeverSent() throws {
        var pair = try Pair()
        let gone = try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [1])
        let kept = try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [2])
        pair.client.session.reset(stream: gone, errorCode: .cancel)
        pair.client.drain()
        #expect(pair.client.closeCode(gone) == .cancel)
        try pair.settle()
        #expect(pair.server.requests == [kept])
        #expect(pair.server.message(kept) == [2])
        let closings = pair.client.seen.filter {
            if case .other(.streamClosed(gone, _)) = $0 { true } else { false }
        }
        #expect(closings.count == 1)
    }

    @Test func commandOnAnUnknownStreamDoesNothing() throws {
        let pair = try Pair()
        for session in [pair.client.session, pair.server.session] {
            for stream in [0, -1, 1, 2, 77, Int32.max, Int32.min] as [Int32] {
                #expect(!session.send([1], on: stream, endStream: true))
                #expect(!session.answer(stream, [1]))
                #expect(!session.submitTrailers(HTTP2Headers(Samples.trailers), on: stream))
                #expect(!session.reset(stream: stream, errorCode: .cancel))
                #expect(!session.isWritable(stream: stream))
                #expect(session.queuedBytes(stream: stream) == 0)
                session.consume(10, on: stream)
            }
        }
        #expect(throws: HTTP2Error.self) {
            try pair.server.session.submitUnaryRequest(HTTP2Headers(Samples.request), [])
        }
    }

    @Test func serverSendsGoAwayInTwoSteps() throws {
        var pair = try Pair()
        let first = try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [1])
        try pair.settle()
        // A request crosses the notice on the wire and is still served.
        pair.server.session.shutdownNotice()
        let crossing = try pair.client.session.submitUnaryRequest(
            HTTP2Headers(Samples.request),
            [2]
        )
        try pair.settle()
        #expect(pair.server.requests == [first, crossing])
        #expect(pair.client.session.isPeerGoingAway)
        let refusal = #expect(throws: HTTP2Error.self) {
            try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [3])
        }
        #expect(refusal?.code == .goingAway)
        pair.server.session.goAway(debug: "going home")
        try pair.settle()
        let goAways = pair.client.seen.compactMap {
            if case .other(.goAway(let last, let code, _)) = $0 { (last, code) } else { nil }
        }
        #expect(goAways.map(\.0) == [.max, crossing])
        #expect(goAways.map(\.1) == [.noError, .noError])
        #expect(!pair.server.session.isFinished)
        pair.server.session.answer(first, [1])
        pair.server.session.answer(crossing, [2])
        try pair.settle()
        #expect(pair.client.message(first) == [1])
        #expect(pair.client.message(crossing) == [2])
        #expect(pair.server.session.isFinished)
        #expect(pair.client.session.isFinished)
        #expect(pair.server.session.failure == nil)
    }

    @Test func streamAboveTheLastIdentifierIsRefused() throws {
        var pair = try Pair()
        let served = try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [1])
        try pair.settle()
        // Both sides speak at once: the request is on the wire when the GOAWAY is written.
        let refused = try pair.client.session.submitUnaryRequest(
            HTTP2Headers(Samples.request),
            [2]
        )
        let crossing = try pair.client.takeOutput()
        pair.server.session.goAway(lastStream: served)
        let goAway = try pair.server.takeOutput()
        pair.server.receive(crossing)
        pair.client.receive(goAway)
        #expect(pair.client.closeCode(refused) == .refusedStream)
        #expect(pair.server.requests == [served])
        pair.server.session.answer(served, [7])
        try pair.settle()
        #expect(pair.client.message(served) == [7])
        #expect(pair.client.closeCode(served) == .noError)
        #expect(pair.client.session.isFinished && pair.server.session.isFinished)
    }

    @Test func goAwayDebugDataIsReported() throws {
        var pair = try Pair()
        pair.server.session.goAway(errorCode: .enhanceYourCalm, debug: "too_many_pings")
        let bytes = try pair.server.takeOutput()
        try bytes.withUnsafeBytes { bytes in try pair.client.session.receive(bytes) }
        var text: String?
        while let event = pair.client.session.nextEvent() {
            if case .goAway(_, .enhanceYourCalm, let debug) = event {
                text = String(decoding: pair.client.session.bytes(debug), as: UTF8.self)
            }
        }
        #expect(text == "too_many_pings")
        #expect(pair.server.session.failure == nil, "its own decision is no failure")
        try pair.settle()
    }

    @Test func clientSendsGoAway() throws {
        var pair = try Pair()
        let stream = try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [1])
        try pair.settle()
        pair.client.session.goAway()
        #expect(throws: HTTP2Error.self) {
            try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [])
        }
        try pair.settle()
        #expect(!pair.client.session.isFinished)
        pair.server.session.answer(stream, [5])
        try pair.settle()
        #expect(pair.client.message(stream) == [5])
        #expect(pair.client.session.isFinished && pair.server.session.isFinished)
    }

    @Test func terminationIsImmediate() throws {
        var pair = try Pair()
        let stream = try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [1])
        try pair.settle()
        pair.server.session.terminate(errorCode: .internalError)
        #expect(!pair.server.session.isFinished, "the GOAWAY must be taken first")
        try pair.settle()
        #expect(pair.server.session.isFinished)
        #expect(
            pair.client.seen.contains {
                if case .other(.goAway(stream, .internalError, _)) = $0 { true } else { false }
            }
        )
    }

    @Test func endOfSessionFreesAllMemory() throws {
        weak var client: HTTP2Session?
        weak var server: HTTP2Session?
        weak var headers: HTTP2Headers.Prepared?
        try {
            let list = HTTP2Headers.Prepared([("grpc-status", "0")])
            var pair = try Pair(client: HTTP2Limits(initialStreamWindow: 100))
            let body = Samples.bytes(10_000)
            let open = try pair.client.session.submitUnaryRequest(
                HTTP2Headers(Samples.request),
                body
            )
            let other = try pair.client.session.submitUnaryRequest(
                HTTP2Headers(Samples.request),
                body
            )
            pair.client.consumes = false
            try pair.settle()
            var trailers = HTTP2Headers(list)
            pair.server.session.answer(open, body, trailers: trailers)
            trailers.append("grpc-message", "held until the body is sent")
            pair.server.session.answer(other, body, trailers: trailers)
            _ = try pair.client.session.submitUnaryRequest(HTTP2Headers(Samples.request), body)
            try pair.settle()
            client = pair.client.session
            server = pair.server.session
            headers = list
            #expect(pair.server.session.openStreams == 3)
            #expect(headers != nil)
        }()
        #expect(client == nil)
        #expect(server == nil)
        #expect(headers == nil)
    }

    @Test func waitingHeaderListIsKept() throws {
        var pair = try Pair()
        // More lists than a session keeps, each gone before it is written out.
        for number in 0..<300 {
            let list = HTTP2Headers.Prepared([
                (":method", "POST"), (":scheme", "https"), (":path", "/path-\(number)"),
                (":authority", "b"),
            ])
            _ = try pair.client.session.submitRequest(HTTP2Headers(list), endStream: true)
            if number % 90 == 0 { try pair.settle() }
        }
        try pair.settle()
        #expect(pair.server.requests.count == 300)
        for (number, stream) in pair.server.requests.enumerated() {
            #expect(pair.server.headers(stream, .request)?[":path"] == "/path-\(number)")
        }
    }

    @Test func memoryCanBeReleasedAtAnyTime() throws {
        var pair = try Pair()
        for round in 0..<20 {
            let body = Samples.bytes(round * 1000)
            let stream = try pair.client.session.submitUnaryRequest(
                HTTP2Headers(Samples.request),
                body
            )
            if round % 2 == 0 { pair.client.session.releaseMemory() }
            try pair.settle()
            pair.server.session.releaseMemory()
            pair.server.session.answer(stream, body)
            pair.server.session.releaseMemory()
            try pair.settle()
            pair.client.session.releaseMemory()
            #expect(pair.client.message(stream) == body)
        }
    }
}
