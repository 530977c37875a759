// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordHTTP2

@Suite(.tags(.unit)) struct FlowTests {
    @Test(arguments: 0..<4 as Range<UInt64>)
    func largeBodyPassesASmallWindow(seed: UInt64) throws {
        let small = HTTP2Limits(initialStreamWindow: 5000, connectionWindow: 65_535)
        var pair = try Pair(client: small, server: small, seed: seed)
        let body = Samples.bytes(1_000_000)
        let stream = try pair.client.session.submitUnaryRequest(
            HTTP2Headers(Samples.request),
            body
        )
        try pair.settle()
        #expect(pair.server.message(stream) == body)
        pair.server.session.answer(stream, body)
        try pair.settle()
        #expect(pair.client.message(stream) == body)
        #expect(pair.client.headers(stream, .trailers) == ["grpc-status": "0"])
    }

    @Test func windowStaysClosedUntilTheReaderConsumes() throws {
        let small = HTTP2Limits(initialStreamWindow: 30_000, connectionWindow: 65_535)
        var pair = try Pair(server: small)
        pair.server.consumes = false
        try pair.settle()
        let stream = try pair.client.session.submitUnaryRequest(
            HTTP2Headers(Samples.request),
            Samples.bytes(100_000)
        )
        try pair.settle()
        #expect(pair.server.message(stream).count == 30_000)
        #expect(pair.client.session.queuedBytes(stream: stream) == 70_000)
        #expect(pair.client.session.queuedBytes == 70_000)
        pair.server.session.consume(30_000, on: stream)
        try pair.settle()
        #expect(pair.server.message(stream).count == 60_000)
        // Both the stream's and the connection's window must be open.
        pair.server.session.consumeConnection(30_000)
        try pair.settle()
        #expect(pair.server.message(stream).count == 60_000)
        #expect(pair.client.session.queuedBytes == 40_000)
    }

    @Test func slowReaderBlocksOnlyItsOwnWindow() throws {
        let limits = HTTP2Limits(initialStreamWindow: 50_000, connectionWindow: 200_000)
        var pair = try Pair(server: limits)
        pair.server.consumes = false
        try pair.settle()
        let slow = try pair.client.session.submitUnaryRequest(
            HTTP2Headers(Samples.request),
            Samples.bytes(80_000)
        )
        let quick = try pair.client.session.submitUnaryRequest(
            HTTP2Headers(Samples.request),
            Samples.bytes(40_000)
        )
        try pair.settle()
        #expect(pair.server.message(slow).count == 50_000)
        #expect(pair.server.message(quick).count == 40_000)
        // An ended stream still returns its bytes to the connection's window.
        pair.client.session.reset(stream: slow, errorCode: .cancel)
        try pair.settle()
        pair.server.session.consume(50_000, on: slow)
        pair.server.session.consume(40_000, on: quick)
        pair.server.session.answer(quick, [])
        pair.server.consumes = true
        try pair.settle()
        for _ in 0..<10 {
            let stream = try pair.client.session.submitUnaryRequest(
                HTTP2Headers(Samples.request),
                Samples.bytes(49_000)
            )
            try pair.settle()
            #expect(pair.server.message(stream).count == 49_000)
        }
    }

    @Test func writerIsPausedAndResumed() throws {
        let reader = HTTP2Limits(initialStreamWindow: 10_000)
        var pair = try Pair(client: reader, server: HTTP2Limits(streamHighWaterBytes: 20_000))
        pair.client.consumes = false
        let stream = try pair.client.session.submitRequest(
            HTTP2Headers(Samples.request),
            endStream: true
        )
        try pair.settle()
        pair.server.session.submitResponse(stream: stream, headers: HTTP2Headers(Samples.response))
        #expect(pair.server.session.isWritable(stream: stream))
        #expect(pair.server.session.send(Samples.bytes(35_000), on: stream))
        #expect(!pair.server.session.isWritable(stream: stream))
        try pair.settle()
        #expect(pair.client.message(stream).count == 10_000)
        #expect(!pair.server.saw(.streamWritable(stream: stream)))
        pair.client.session.consume(10_000, on: stream)
        try pair.settle()
        #expect(!pair.server.saw(.streamWritable(stream: stream)), "15,000 wait")
        pair.client.session.consume(10_000, on: stream)
        try pair.settle()
        #expect(pair.server.saw(.streamWritable(stream: stream)))
        #expect(pair.server.session.isWritable(stream: stream))
    }

    @Test func streamOfAPeerThatDoesNotReadIsReset() throws {
        let reader = HTTP2Limits(initialStreamWindow: 1000)
        var pair = try Pair(client: reader, server: HTTP2Limits(maxQueuedOutputBytes: 100_000))
        pair.client.consumes = false
        let first = try pair.client.session.submitRequest(
            HTTP2Headers(Samples.request),
            endStream: true
        )
        let second = try pair.client.session.submitRequest(
            HTTP2Headers(Samples.request),
            endStream: true
        )
        try pair.settle()
        #expect(pair.server.session.answer(first, Samples.bytes(60_000)))
        #expect(!pair.server.session.answer(second, Samples.bytes(60_000)))
        try pair.settle()
        #expect(pair.client.closeCode(second) == .enhanceYourCalm)
        #expect(pair.server.closeCode(second) == .enhanceYourCalm)
        #expect(pair.client.closeCode(first) == nil)
        #expect(pair.server.session.queuedBytes == 59_000)
    }

    @Test func manySmallWritesArriveInOrder() throws {
        var pair = try Pair(server: HTTP2Limits(initialStreamWindow: 3000))
        let stream = try pair.client.session.submitRequest(HTTP2Headers(Samples.request))
        var sent: [UInt8] = []
        for round in 0..<200 {
            let piece = Samples.bytes(round * 7 % 400)
            #expect(pair.client.session.send(piece, on: stream))
            sent += piece
            if round % 5 == 0 { _ = try pair.carry(pair.client, pair.server) }
            if round % 11 == 0 { _ = try pair.carry(pair.server, pair.client) }
        }
        pair.client.session.send([], on: stream, endStream: true)
        try pair.settle()
        #expect(pair.server.message(stream) == sent)
        #expect(pair.client.session.queuedBytes == 0)
    }
}
