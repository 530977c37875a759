// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC
import ChordTLS

@testable import ChordTransport

/// How a raw server answers a request; called once per stream, when the request has ended.
typealias RawAnswer = @Sendable (RawHTTP2, HTTP2Session, _ stream: Int32) -> Void

/// A suite that calls raw servers, which can give answers that our own server never gives.
protocol RawServerSuite {}

extension RawServerSuite {
    static var grpc: [(name: String, value: String)] {
        [
            (":status", "200"), ("content-type", "application/grpc"),
        ]
    }

    static func headers(_ list: [(name: String, value: String)]) -> HTTP2Headers {
        HTTP2Headers(HTTP2Headers.Prepared(list))
    }

    static func handler(
        _ answer: @escaping RawAnswer
    ) -> @Sendable (RawHTTP2, HTTP2Session, HTTP2Event) -> Void {
        { raw, session, event in
            if case .data(let stream, _, endStream: true) = event { answer(raw, session, stream) }
        }
    }

    func outcome(
        configuration: TransportConfiguration = TransportConfiguration(),
        of answer: @escaping RawAnswer
    ) async throws -> ClientResult {
        let certificates = try await Certificates.get()
        return try await RawPeers.serve(as: certificates.n1, handler: Self.handler(answer)) {
            address in
            try await TestNode.calling(as: certificates.n2, configuration: configuration) {
                client in
                await client.call(TestMethod.echo, [1], at: address)
            }
        }
    }
}

/// A gRPC frame of a message of no bytes; a constant, so that a pointer to it stays good.
nonisolated(unsafe) let emptyMessage: UnsafeRawBufferPointer = {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 5, alignment: 1)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    return UnsafeRawBufferPointer(bytes)
}()
