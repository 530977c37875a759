// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import FuzzSupport
import NIOCore

/// A session with an owner that answers and checks the session's promises.
final class HTTP2Peer {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private static let request = HTTP2Headers.Prepared([
        (":method", "POST"), (":scheme", "https"), (":path", "/chord.v1.Ring/FindSuccessor"),
        (":authority", "n1.example"), ("te", "trailers"), ("content-type", "application/grpc"),
    ])
    private static let response = HTTP2Headers.Prepared([
        (":status", "200"), ("content-type", "application/grpc"),
    ])
    private static let trailers = HTTP2Headers.Prepared([("grpc-status", "0")])
    private static let body = [UInt8](repeating: 7, count: 600)
    /// A request's header block without indexing or Huffman coding, so that mutations stay readable.
    private static let block: [UInt8] =
        [0x83, 0x87, 0x04, 2, 0x2f, 0x61, 0x01, 1, 0x62, 0x0f, 0x10, 1, 0x63]

    private enum Life { case open, closed }

    private let session: HTTP2Session
    private let options: UInt8
    private var lives: [Int32: Life] = [:]
    private var received = 0
    private var taken = 0
    private var answered = 0
    private var hasFailed = false

    init(_ options: UInt8) throws {
        self.options = options
        var limits = HTTP2Limits()
        if options & 8 != 0 {
            limits.maxConcurrentStreams = 3
            limits.maxHeaderListBytes = 200
            limits.maxHeaderBytesPerRead = 500
            limits.headerTableBytes = 64
            limits.maxStreamResets = 4
            limits.streamResetsPerSecond = 1
            limits.maxContinuations = 2
            limits.maxOutboundAcknowledgements = 4
            limits.maxSettings = 3
            limits.streamHighWaterBytes = 100
            limits.maxQueuedOutputBytes = 2000
            limits.initialStreamWindow = 300
        }
        session = try HTTP2Session(role: options & 1 == 1 ? .server : .client, limits: limits)
        if session.role == .client { try ask() }
    }

    /// The bytes of a client and a server during three calls.
    static func conversation() throws -> (client: [UInt8], server: [UInt8]) {
        let client = try HTTP2Peer(0)
        let server = try HTTP2Peer(1)
        var said: (client: [UInt8], server: [UInt8]) = ([], [])
        for _ in 0..<4 {
            let asked = try client.takeOutput()
            said.client += asked
            _ = try asked.withUnsafeBytes { try server.receive($0, taking: false) }
            let answered = try server.takeOutput()
            said.server += answered
            _ = try answered.withUnsafeBytes { try client.receive($0, taking: false) }
        }
        return said
    }

    /// A frame of right length out of the input: type, flags, stream, length, payload. Type 15 is a
    /// whole request, whose payload comes after its pseudo-header fields.
    static func frame(_ input: inout FuzzInput) -> [UInt8] {
        let type = input.byte() % 16
        let flags = input.byte()
        let stream = input.byte()
        let payload = (type == 15 ? block : []) + input.field()
        let count = UInt8(payload.count >> 8)
        return [
            0, count, UInt8(payload.count & 255), type == 15 ? 1 : type, flags, 0, 0, 0, stream,
        ]
            + payload
    }

    /// All forms of requests: complete, unfinished, without a message.
    private func ask() throws {
        let headers = HTTP2Headers(Self.request)
        let streams = [
            try Self.body.withUnsafeBytes { try session.submitUnaryRequest(headers, body: $0) },
            try session.submitRequest(headers),
            try session.submitRequest(headers, endStream: true),
        ]
        for stream in streams { lives[stream] = .open }
        _ = Self.body.withUnsafeBytes { session.send($0, on: streams[1]) }
        // The peer's answers make sense only once the requests are out.
        _ = try takeOutput()
    }

    /// Feeds bytes and acts as an owner in each turn.
    ///
    /// - Returns: whether the connection goes on.
    func receive(_ bytes: UnsafeRawBufferPointer, taking: Bool = true) throws -> Bool {
        received += bytes.count
        do throws(HTTP2Error) {
            try session.receive(bytes)
        } catch {
            hasFailed = true
            try require(session.failure?.code == error.code, "another failure is kept: \(error)")
        }
        try drain()
        // A peer that does not read stops an honest owner from reading on only at its high-water mark.
        if taking, options & 16 == 0 { _ = try takeOutput() }
        return !hasFailed && !session.isFinished
    }

    /// Takes the remaining output and checks the end.
    func finish() throws {
        _ = try takeOutput()
        if hasFailed {
            try require(session.isFinished || session.failure != nil, "failed, and goes on")
            let again = [UInt8](repeating: 0, count: 9)
            var isRefused = false
            do {
                try again.withUnsafeBytes { try session.receive($0) }
            } catch {
                isRefused = true
            }
            try require(isRefused, "reads on after a failure")
        }
        session.releaseMemory()
        try check()
    }

    func takeOutput() throws -> [UInt8] {
        var buffer = ByteBuffer()
        do throws(HTTP2Error) {
            try session.takeOutput(into: &buffer)
        } catch {
            hasFailed = true
        }
        taken += buffer.readableBytes
        // Every answer is an answer to something: bytes out are bounded by bytes in.
        let most = 2048 + 40 * received + answered * (Self.body.count + 300)
        try require(taken <= most, "\(taken) bytes out for \(received) bytes in")
        try drain()
        return Array(buffer.readableBytesView)
    }

    private func check() throws {
        let counters = session.counters
        try require(
            Int(counters.streamsOpened) - Int(counters.streamsClosed) == session.openStreams,
            "\(session.openStreams) streams, by the counters \(counters)"
        )
        try require(
            (0...session.limits.maxQueuedOutputBytes).contains(session.queuedBytes),
            "\(session.queuedBytes) bytes queued"
        )
        let most = Int(session.limits.maxConcurrentStreams)
        try require(
            session.role == .client || session.openStreams <= most,
            "\(session.openStreams) streams open, at most \(most)"
        )
        let queued = lives.keys.reduce(0) { $0 + session.queuedBytes(stream: $1) }
        try require(
            queued == session.queuedBytes,
            "\(queued) of \(session.queuedBytes) bytes found"
        )
    }

    private func drain() throws {
        while let event = session.nextEvent() { try handle(event) }
        session.removeEvents()
        try check()
    }

    private func handle(_ event: HTTP2Event) throws {
        switch event {
        case .headers(let stream, let block, let kind, _):
            for index in 0..<Int(block.count) {
                let field = session.field(index, of: block)
                try require(field.name.allSatisfy { $0 != 0 }, "a field's name with a zero byte")
            }
            if kind == .request {
                try require(session.role == .server, "a client is asked")
                try require(lives[stream] == nil, "stream \(stream) is opened again")
                lives[stream] = .open
                answer(stream)
            }
            try requireOpen(stream, event)
        case .data(let stream, let payload, _):
            try requireOpen(stream, event)
            try require(session.bytes(payload).count == payload.count, "data that is not there")
            if options & 32 == 0 { session.consume(payload.count, on: stream) }
        case .reset(let stream, _), .streamWritable(let stream): try requireOpen(stream, event)
        case .streamClosed(let stream, _):
            try requireOpen(stream, event)
            lives[stream] = .closed
        case .goAway(_, _, let debug): _ = session.bytes(debug).reduce(0, ^)
        case .settings, .settingsAck, .pingAck: break
        }
    }

    private func requireOpen(_ stream: Int32, _ event: HTTP2Event) throws {
        try require(lives[stream] == .open, "\(event) of a stream that is not open")
    }

    /// Answers of each form, by the stream.
    private func answer(_ stream: Int32) {
        answered += 1
        let headers = HTTP2Headers(Self.response)
        var trailers = HTTP2Headers(Self.trailers)
        switch stream / 2 % 5 {
        case 0, 1:
            if stream / 2 % 5 == 1 { trailers.append("grpc-message", "an answer of its own") }
            _ = Self.body.withUnsafeBytes {
                session.submitUnaryResponse(
                    stream: stream,
                    headers: headers,
                    body: $0,
                    trailers: trailers
                )
            }
        case 2:
            session.submitResponse(stream: stream, headers: headers)
            _ = Self.body.withUnsafeBytes { session.send($0, on: stream) }
            session.submitTrailers(trailers, on: stream)
        case 3: session.reset(stream: stream, errorCode: .cancel)
        default: session.submitResponse(stream: stream, headers: trailers, endStream: true)
        }
    }
}
