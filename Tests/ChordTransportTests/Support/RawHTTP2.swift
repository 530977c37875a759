// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import ChordHTTP2
import ChordIdentity
import ChordTLS
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

@testable import ChordTransport

/// An end of HTTP/2 over TLS that knows no gRPC and does as a test says: what our own ends never
/// send can be sent with it.
final class RawHTTP2: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Confined to the event loop, as all of this class is.
    private(set) var session: HTTP2Session?
    private var context: ChannelHandlerContext?
    /// Nil for an end that speaks no HTTP/2 at all.
    private let role: HTTP2Session.Role?
    private let limits: HTTP2Limits
    private let handler: (RawHTTP2, HTTP2Session, HTTP2Event) -> Void
    private let onReady: (RawHTTP2) -> Void
    private let onEnd: () -> Void
    /// It stops to take in what comes, as a stopped process does.
    var isDeaf = false

    init(
        role: HTTP2Session.Role?,
        limits: HTTP2Limits = HTTP2Limits(),
        onReady: @escaping (RawHTTP2) -> Void = { _ in },
        onEnd: @escaping () -> Void = {},
        handler: @escaping (RawHTTP2, HTTP2Session, HTTP2Event) -> Void
    ) {
        self.role = role
        self.limits = limits
        self.onReady = onReady
        self.onEnd = onEnd
        self.handler = handler
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is TLSHandshakeCompleted else { return }
        session = role.flatMap { try? HTTP2Session(role: $0, limits: limits) }
        onReady(self)
        flush()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let session, !isDeaf else { return }
        unwrapInboundIn(data).withUnsafeReadableBytes { try? session.receive($0) }
        pump()
    }

    private func pump() {
        guard let session else { return }
        while let event = session.nextEvent() {
            if case .data(let stream, let payload, _) = event {
                session.consume(payload.count, on: stream)
            }
            handler(self, session, event)
        }
        session.removeEvents()
        flush()
    }

    func flush() {
        guard let session, let context else { return }
        var buffer = ByteBuffer()
        _ = try? session.takeOutput(into: &buffer)
        if buffer.readableBytes > 0 { context.writeAndFlush(NIOAny(buffer), promise: nil) }
        if session.nextEvent() != nil { pump() }
    }

    /// Sends bytes that no session has made.
    func write(_ bytes: [UInt8]) {
        context?.writeAndFlush(NIOAny(ByteBuffer(bytes: bytes)), promise: nil)
    }

    func close() {
        context?.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        onEnd()
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// What came back on one stream.
struct RawResponse: Sendable {
    var lists: [[String: String]] = []
    var data: [UInt8] = []
    var closeCode: HTTP2ErrorCode?

    subscript(_ name: String) -> String? {
        lists.lazy.compactMap { $0[name] }.first
    }
}

enum RawPeers {
    static func fields(_ block: HTTP2HeaderBlock, _ session: HTTP2Session) -> [String: String] {
        var fields: [String: String] = [:]
        session.forEachHeader(block) { name, value in
            fields[String(decoding: name, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
        }
        return fields
    }

    /// One request by a raw client, and all that comes back until its stream is closed.
    static func exchange(
        with address: String,
        as tls: TLSContext,
        _ headers: [(name: String, value: String)],
        body: [[UInt8]],
        trailers: [(name: String, value: String)]? = nil,
        isEndless: Bool = false
    ) async throws -> RawResponse {
        let target = try NetworkAddress(address)
        let loop = testExecutors.all[1].eventLoop
        let promise = loop.makePromise(of: RawResponse.self)
        let response = NIOLockedValueBox(RawResponse())
        let channel = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let raw = RawHTTP2(
                        role: .client,
                        onReady: { raw in
                            guard let session = raw.session else { return }
                            let list = HTTP2Headers(HTTP2Headers.Prepared(headers))
                            let isBare = body.isEmpty && trailers == nil
                            guard
                                let stream = try? session.submitRequest(list, endStream: isBare)
                            else { return promise.fail(ChannelError.eof) }
                            for (index, piece) in body.enumerated() {
                                let isLast =
                                    index == body.count - 1 && trailers == nil && !isEndless
                                session.send(
                                    ByteBuffer(bytes: piece),
                                    on: stream,
                                    endStream: isLast
                                )
                                raw.flush()
                            }
                            if let trailers {
                                session.submitTrailers(
                                    HTTP2Headers(HTTP2Headers.Prepared(trailers)),
                                    on: stream
                                )
                            }
                        },
                        onEnd: { promise.fail(ChannelError.eof) }
                    ) { _, session, event in
                        switch event {
                        case .headers(_, let block, _, _):
                            let list = fields(block, session)
                            response.withLockedValue { $0.lists.append(list) }
                        case .data(_, let payload, _):
                            let bytes = Array(session.bytes(payload))
                            response.withLockedValue { $0.data += bytes }
                        case .streamClosed(_, let code):
                            response.withLockedValue { $0.closeCode = code }
                            promise.succeed(response.withLockedValue { $0 })
                        default: break
                        }
                    }
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler(
                            context: tls,
                            side: .client(
                                expected: ExpectedPeer(name: "n1"),
                                serverName: nil,
                                address: address
                            )
                        ), raw,
                    ])
                }
            }
            .connect(host: target.host, port: target.port).get()
        defer { channel.close(promise: nil) }
        return try await promise.futureResult.get()
    }

    /// A raw client; without a role it says nothing by itself: no preface, no SETTINGS.
    static func connect(
        _ host: String,
        _ port: Int,
        as tls: TLSContext,
        role: HTTP2Session.Role? = nil,
        limits: HTTP2Limits = HTTP2Limits(),
        onSecured: @escaping @Sendable (RawHTTP2) -> Void
    ) async throws -> any Channel {
        try await ClientBootstrap(group: testExecutors.all[1].eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let raw = RawHTTP2(role: role, limits: limits, onReady: onSecured) { _, _, _ in
                    }
                    let side = TLSConnection.Side.client(
                        expected: ExpectedPeer(name: "n1"),
                        serverName: nil,
                        address: host
                    )
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler(context: tls, side: side), raw,
                    ])
                }
            }
            .connect(host: host, port: port).get()
    }

    /// A raw server for the time of `body`.
    static func serve<R: Sendable>(
        as tls: TLSContext,
        limits: HTTP2Limits = HTTP2Limits(),
        handler: @escaping @Sendable (RawHTTP2, HTTP2Session, HTTP2Event) -> Void,
        onConnection: @escaping @Sendable (RawHTTP2) -> Void = { _ in },
        onEnd: @escaping @Sendable () -> Void = {},
        _ body: @Sendable (_ address: String) async throws -> R
    ) async throws -> R {
        let channel = try await ServerBootstrap(group: testExecutors.all[1].eventLoop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let raw = RawHTTP2(
                        role: .server,
                        limits: limits,
                        onReady: onConnection,
                        onEnd: onEnd,
                        handler: handler
                    )
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler(context: tls, side: .server(address: "a client")), raw,
                    ])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let address = "127.0.0.1:\(channel.localAddress?.port ?? 0)"
        do {
            let result = try await body(address)
            try await channel.close().get()
            return result
        } catch {
            try? await channel.close().get()
            throw error
        }
    }
}
