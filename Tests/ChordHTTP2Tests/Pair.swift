// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import ChordBase
import NIOCore
import Testing

@testable import ChordHTTP2

/// An event with what it carried, which outlives the session's memory of it.
enum Seen: Equatable {
    case headers(Int32, [String: String], HTTP2HeaderKind, end: Bool)
    case data(Int32, [UInt8], end: Bool)
    case other(HTTP2Event)
}

/// A session and everything that happened on it.
final class Endpoint {
    let session: HTTP2Session
    var seen: [Seen] = []
    /// Whether arriving data returns its credit at once.
    var consumes = true
    var failure: HTTP2Error?

    init(_ role: HTTP2Session.Role, _ limits: HTTP2Limits = HTTP2Limits()) throws {
        session = try HTTP2Session(role: role, limits: limits)
    }

    func takeOutput(limit: Int? = nil) throws -> [UInt8] {
        var buffer = ByteBuffer()
        let count = try session.takeOutput(into: &buffer, limit: limit)
        #expect(count == buffer.readableBytes)
        drain()
        return Array(buffer.readableBytesView)
    }

    func receive(_ bytes: some Collection<UInt8>) {
        Array(bytes).withUnsafeBytes { bytes in
            do throws(HTTP2Error) {
                try session.receive(bytes)
            } catch {
                failure = error
            }
        }
        drain()
    }

    func drain() {
        while let event = session.nextEvent() {
            switch event {
            case .headers(let stream, let block, let kind, let end):
                var fields: [String: String] = [:]
                session.forEachHeader(block) {
                    fields[String(decoding: $0, as: UTF8.self)] = String(
                        decoding: $1,
                        as: UTF8.self
                    )
                }
                seen.append(.headers(stream, fields, kind, end: end))
            case .data(let stream, let payload, let end):
                seen.append(.data(stream, Array(session.bytes(payload)), end: end))
                if consumes { session.consume(payload.count, on: stream) }
            default: seen.append(.other(event))
            }
        }
        session.removeEvents()
    }

    /// The message bytes of a stream in one piece.
    func message(_ stream: Int32) -> [UInt8] {
        seen.reduce(into: []) { all, event in
            if case .data(stream, let bytes, _) = event { all += bytes }
        }
    }

    func headers(_ stream: Int32, _ kind: HTTP2HeaderKind) -> [String: String]? {
        for case .headers(stream, let fields, kind, _) in seen { return fields }
        return nil
    }

    func closeCode(_ stream: Int32) -> HTTP2ErrorCode? {
        for case .other(.streamClosed(stream, let code)) in seen { return code }
        return nil
    }

    func saw(_ event: HTTP2Event) -> Bool { seen.contains(.other(event)) }

    var requests: [Int32] {
        seen.compactMap {
            if case .headers(let stream, _, .request, _) = $0 { stream } else { nil }
        }
    }
}

/// A client and a server with a wire that splits bytes at random.
struct Pair {
    let client: Endpoint
    let server: Endpoint
    var generator: SeededGenerator

    init(
        client: HTTP2Limits = HTTP2Limits(),
        server: HTTP2Limits = HTTP2Limits(),
        seed: UInt64 = 1
    ) throws {
        self.client = try Endpoint(.client, client)
        self.server = try Endpoint(.server, server)
        generator = SeededGenerator(seed: seed)
    }

    /// Passes bytes both ways until none are left.
    mutating func settle() throws {
        var quiet = 0
        while quiet < 2 {
            let moved = try carry(client, server) + carry(server, client)
            quiet = moved == 0 ? quiet + 1 : 0
        }
    }

    mutating func carry(_ from: Endpoint, _ to: Endpoint) throws -> Int {
        let bytes = try from.takeOutput()
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Int.random(
                in: 1...max(1, Int.random(in: 1...20_000, using: &generator)),
                using: &generator
            )
            to.receive(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        return bytes.count
    }
}

enum Samples {
    static let request = HTTP2Headers.Prepared([
        (":method", "POST"), (":scheme", "https"), (":path", "/chord.v1.Ring/FindSuccessor"),
        (":authority", "node-1.example"), ("te", "trailers"),
        ("content-type", "application/grpc"),
    ])
    static let response = HTTP2Headers.Prepared([
        (":status", "200"), ("content-type", "application/grpc"),
    ])
    static let trailers = HTTP2Headers.Prepared([("grpc-status", "0")])

    static func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0) } }
}

extension HTTP2Session {
    @discardableResult
    func send(_ bytes: [UInt8], on stream: Int32, endStream: Bool = false) -> Bool {
        bytes.withUnsafeBytes { send($0, on: stream, endStream: endStream) }
    }

    func submitUnaryRequest(_ headers: HTTP2Headers, _ body: [UInt8]) throws -> Int32 {
        try body.withUnsafeBytes { bytes in
            try submitUnaryRequest(headers, body: bytes)
        }
    }

    @discardableResult
    func answer(
        _ stream: Int32,
        _ body: [UInt8],
        trailers: HTTP2Headers = HTTP2Headers(Samples.trailers)
    ) -> Bool {
        body.withUnsafeBytes {
            submitUnaryResponse(
                stream: stream,
                headers: HTTP2Headers(Samples.response),
                body: $0,
                trailers: trailers
            )
        }
    }
}
