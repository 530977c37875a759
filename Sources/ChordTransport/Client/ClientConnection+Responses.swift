// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// Receives answers: from the response's headers to the end of the call.
extension ClientConnection {
    func receiveHead(
        _ stream: Int32,
        _ block: HTTP2HeaderBlock,
        _ endStream: Bool,
        _ session: HTTP2Session
    ) {
        guard let call = table.find(stream) else { return }
        let status = session.value(of: ":status", in: block).flatMap(\.decimal) ?? 0
        call.httpStatus = status
        // A failure without a message is one header list, which is its trailers too.
        if endStream {
            finish(call, block, session)
            // The peer has answered before the end of the request: the rest need not be sent.
            if session.queuedBytes(stream: stream) > 0 {
                session.reset(stream: stream, errorCode: .cancel)
            }
            return
        }
        guard status == 200 else {
            var failure = Status(http: status)
            failure.origin = .transport
            return giveUp(call, failure)
        }
        guard let type = session.value(of: "content-type", in: block), ContentType.isGRPC(type)
        else {
            return giveUp(
                call,
                Status(
                    .unknown,
                    "the peer's answer is not gRPC: it has another content-type",
                    origin: .transport
                )
            )
        }
        if let encoding = session.value(of: "grpc-encoding", in: block),
            !encoding.isEqual(to: "identity")
        {
            guard call.request.compression != nil, encoding.isEqual(to: "gzip") else {
                return giveUp(
                    call,
                    Status(
                        .internalError,
                        "the peer compresses its answer with an encoding that was not agreed",
                        origin: .transport
                    )
                )
            }
            call.encoding = .gzip
        }
        guard let metadata = MetadataHeaders.read(block, of: session) else {
            return giveUp(call, Self.badMetadata)
        }
        call.flow?.accepted(call.encoding)
        call.accepted(metadata)
    }

    func receiveData(
        _ stream: Int32,
        _ bytes: UnsafeRawBufferPointer,
        _ endStream: Bool,
        _ session: HTTP2Session
    ) {
        let found = table.find(stream)
        if let call = found, let flow = call.flow {
            flow.receive(bytes, session)
            if endStream { giveUp(call, Self.noStatus) }
            return
        }
        // Bytes for a call that has ended still count against the connection's window.
        if endStream {
            session.consumeConnection(bytes.count)
        } else {
            session.consume(bytes.count, on: stream)
        }
        guard let call = found else { return }
        do throws(Status) {
            try append(bytes, to: call)
        } catch {
            var failure = error
            failure.origin = .transport
            return giveUp(call, failure)
        }
        guard endStream else { return }
        giveUp(call, Self.noStatus)
    }

    private func append(_ bytes: UnsafeRawBufferPointer, to call: NetworkCall) throws(Status) {
        if bytes.isEmpty { return }
        guard call.message == nil else { throw MessageAssembler.secondMessage }
        let limit = receiveLimit
        if call.assembler.isEmpty, call.encoding == nil {
            if let message = try MessageAssembler.wholeMessage(in: bytes, limit: limit) {
                call.message = Array(message)
                return
            }
        }
        // A peer that begins long answers to many calls and completes none would fill our memory.
        guard heldBytes + bytes.count <= client.configuration.client.maxHeldBytesPerConnection
        else {
            throw Status(
                .resourceExhausted,
                "the peer has begun answers of more than"
                    + " \(client.configuration.client.maxHeldBytesPerConnection) bytes on this connection"
                    + " and ended none of them"
            )
        }
        try call.assembler.append(bytes, limit: limit, encoding: call.encoding)
        hold(call.assembler.count, for: call)
    }

    /// Sets how many bytes are held of an incomplete answer.
    func hold(_ bytes: Int, for call: NetworkCall) {
        heldBytes += bytes - call.heldBytes
        call.heldBytes = bytes
    }

    func receiveTrailers(_ stream: Int32, _ block: HTTP2HeaderBlock, _ session: HTTP2Session) {
        guard let call = table.find(stream) else { return }
        finish(call, block, session)
    }

    func streamClosed(_ stream: Int32, _ code: HTTP2ErrorCode) {
        guard let call = table.find(stream) else { return }
        end(call) { call in
            if code == .refusedStream, call.flow?.isReplayable ?? true {
                refused(call)
            } else {
                var failure = Status(streamReset: code.rawValue)
                failure.origin = .transport
                if !call.isResetByPeer {
                    failure.message =
                        "the peer's answer is malformed or passes a limit: this side reset the"
                        + " stream (\(code))"
                }
                call.fail(failure, peer: peerIdentity)
            }
        }
    }

    /// The trailers of a call have arrived.
    private func finish(_ call: NetworkCall, _ block: HTTP2HeaderBlock, _ session: HTTP2Session) {
        let result = result(of: call, block, session)
        end(call) { $0.finish(result) }
        // A unary request is complete; a stream's requests end here, even if some were not sent.
        if let flow = call.flow,
            !flow.hasEnded || session.queuedBytes(stream: call.stream) > 0
        {
            session.reset(stream: call.stream, errorCode: .cancel)
        }
    }

    private func result(
        of call: NetworkCall,
        _ block: HTTP2HeaderBlock,
        _ session: HTTP2Session
    ) -> ClientResult {
        guard let number = session.value(of: "grpc-status", in: block) else {
            var failure = Status(http: call.httpStatus ?? 0)
            failure.origin = .transport
            return ClientResult(status: failure, peer: peerIdentity)
        }
        guard let trailers = MetadataHeaders.read(block, of: session) else {
            return ClientResult(status: Self.badMetadata, peer: peerIdentity)
        }
        let code = number.decimal.map { StatusCode(wire: $0) } ?? .unknown
        guard code == .ok else {
            var text =
                session.value(of: "grpc-message", in: block).map(PercentEncoding.decode) ?? ""
            if text.isEmpty, code == .unknown, number.decimal != Int(code.rawValue) {
                let value = String(decoding: number.prefix(20), as: UTF8.self)
                text = "the peer's grpc-status is not defined by gRPC: \"\(value)\""
            }
            let reason = session.value(of: Status.Reason.trailer, in: block)
                .flatMap { Status.Reason(trailer: $0) }
            return ClientResult(
                status: Status(code, text, origin: .peer, reason: reason),
                trailers: trailers,
                peer: peerIdentity
            )
        }
        do throws(Status) {
            return ClientResult(
                status: .ok,
                message: call.flow == nil ? try call.takeMessage(limit: receiveLimit) : [],
                trailers: trailers,
                peer: peerIdentity
            )
        } catch {
            var failure = error
            failure.origin = .transport
            return ClientResult(status: failure, peer: peerIdentity)
        }
    }

    /// Ends a call whose answer breaks the rules, and tells the peer to stop.
    private func giveUp(_ call: NetworkCall, _ status: Status) {
        session?.reset(stream: call.stream, errorCode: .cancel)
        end(call) { $0.fail(status, peer: peerIdentity) }
    }

    private func end(_ call: NetworkCall, _ body: (NetworkCall) -> Void) {
        guard table.remove(call) else { return }
        hold(0, for: call)
        if let session { call.flow?.leave(session) }
        body(call)
        hasGainedRoom()
    }

    private static let noStatus = Status(
        .unknown,
        "the peer ended its answer without a status",
        origin: .transport
    )
    private static let badMetadata = Status(
        .internalError,
        "the peer's binary metadata is not base64",
        origin: .transport
    )
}

extension NetworkCall {
    /// The answer's message, once its stream has ended well.
    ///
    /// - Throws: INTERNAL if there is none, or only a part, RESOURCE_EXHAUSTED if it is longer
    ///   decompressed than `limit`.
    func takeMessage(limit: Int) throws(Status) -> [UInt8] {
        if let whole = message.take() { return whole }
        try assembler.finish()
        var taken = MessageAssembler()
        swap(&taken, &assembler)
        return try taken.takeMessage(limit: limit)
    }
}
