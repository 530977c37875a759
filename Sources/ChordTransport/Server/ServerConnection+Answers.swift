// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// Sends answers: at once from a handler, later from a responder.
extension ServerConnection: ResponseSink {
    /// The buffer for one answer, empty behind room for the prefix. The caller gives it back.
    func takeReplyBuffer() -> [UInt8] {
        var buffer: [UInt8] = []
        swap(&buffer, &reply)
        if buffer.count >= MessageFraming.prefixBytes {
            // The prefix is written over; only the message goes.
            buffer.removeLast(buffer.count - MessageFraming.prefixBytes)
        } else {
            buffer = [UInt8](repeating: 0, count: MessageFraming.prefixBytes)
        }
        return buffer
    }

    /// Takes the buffer of `takeReplyBuffer` back.
    func giveBackReplyBuffer(_ buffer: inout [UInt8]) {
        swap(&reply, &buffer)
        if reply.capacity > ServerCallRecord.retainedBytes { reply = [] }
    }

    /// Sends the message in `framed`, which has room for its prefix, without compression or metadata.
    private func answer(_ stream: Int32, plain framed: inout [UInt8], _ session: HTTP2Session) {
        guard framed.count >= MessageFraming.prefixBytes else {
            return refuse(stream, Self.noRoomForPrefix)
        }
        MessageFraming.writePrefix(
            count: framed.count - MessageFraming.prefixBytes,
            into: &framed,
            at: 0
        )
        framed.withUnsafeBytes { body in
            _ = session.submitUnaryResponse(
                stream: stream,
                head: ServerHeaders.response,
                body: body,
                trailers: ServerHeaders.ok
            )
        }
    }

    /// Sends the message in `framed`, which has room for its prefix.
    func answer(_ stream: ServerCallRecord, _ framed: inout [UInt8], _ session: HTTP2Session) {
        guard framed.count >= MessageFraming.prefixBytes else {
            return answer(stream, failure: Self.noRoomForPrefix, trailers: [])
        }
        stream.phase = .answered
        var isCompressed = false
        if let encoding = stream.acceptedEncoding, !stream.isAccepted {
            isCompressed = compress(&framed, encoding)
        }
        if !isCompressed {
            if !stream.isAccepted, stream.encoding == nil {
                return answer(stream.id, plain: &framed, session)
            }
            MessageFraming.writePrefix(
                count: framed.count - MessageFraming.prefixBytes,
                into: &framed,
                at: 0
            )
        }
        framed.withUnsafeBytes { body in
            if stream.isAccepted {
                session.send(body, on: stream.id)
                session.submitTrailers(ServerHeaders.okTrailers, on: stream.id)
            } else {
                session.submitUnaryResponse(
                    stream: stream.id,
                    headers: ServerHeaders.head(of: stream, isCompressed: isCompressed),
                    body: body,
                    trailers: ServerHeaders.okTrailers
                )
            }
        }
    }

    private static let noRoomForPrefix = Status(
        .internalError,
        "the handler took the transport's bytes away"
    )

    /// Compresses the message in `framed` if it is long enough and becomes shorter.
    private func compress(_ framed: inout [UInt8], _ encoding: MessageEncoding) -> Bool {
        guard framed.count - MessageFraming.prefixBytes >= MessageEncoding.leastBytes,
            let smaller = encoding.compress(Array(framed.dropFirst(MessageFraming.prefixBytes)))
        else { return false }
        framed.replaceSubrange(MessageFraming.prefixBytes..., with: smaller)
        MessageFraming.writePrefix(
            count: smaller.count,
            isCompressed: true,
            into: &framed,
            at: 0
        )
        return true
    }

    /// Sends a failure: as trailers if the headers were sent already, else as headers alone.
    func answer(_ stream: ServerCallRecord, failure status: Status, trailers: Metadata) {
        stream.phase = .answered
        if stream.isAccepted {
            var headers = HTTP2Headers()
            Self.append(status, trailers, to: &headers)
            session?.submitTrailers(headers, on: stream.id)
        } else {
            refuse(
                stream.id,
                status,
                trailers: trailers,
                offersEncodings: stream.encoding != nil
            )
        }
    }

    /// Answers a call with a failure and nothing else.
    ///
    /// - Parameter offersEncodings: Whether to say how messages may be compressed.
    func refuse(
        _ stream: Int32,
        _ status: Status,
        trailers: Metadata = [],
        offersEncodings: Bool = false
    ) {
        failureHeaders.removeAppended()
        Self.append(status, trailers, to: &failureHeaders)
        if offersEncodings { ServerHeaders.offerEncodings(in: &failureHeaders) }
        session?.submitResponse(stream: stream, headers: failureHeaders, endStream: true)
    }

    func refuseEncoding(_ stream: Int32, _ encoding: UnsafeRawBufferPointer) {
        let name = String(decoding: encoding.prefix(40), as: UTF8.self)
        let status = Status(
            .unimplemented,
            "the encoding \(name) is not offered; identity and gzip are"
        )
        refuse(stream, status, offersEncodings: true)
    }

    /// Answers a request that broke a rule while it was received.
    func abandonRequest(_ stream: ServerCallRecord, _ status: Status, isComplete: Bool) {
        let id = stream.id
        answer(stream, failure: status, trailers: [])
        streams.remove(stream)
        // The rest of the request is not wanted: the client need not send it.
        if !isComplete { unwanted.append(id) }
    }

    private static func append(
        _ status: Status,
        _ trailers: Metadata,
        to headers: inout HTTP2Headers
    ) {
        headers.append("grpc-status", String(status.code.rawValue))
        if !status.message.isEmpty {
            // A long text could exceed the peer's limit of headers, and the status would be lost.
            let text = PercentEncoding.encode(String(status.message.prefix(1000)))
            headers.append("grpc-message", text, indexed: false)
        }
        if let reason = status.reason?.trailerValue {
            headers.append(Status.Reason.trailer, reason)
        }
        MetadataHeaders.append(trailers, to: &headers)
    }

    // MARK: The responder's side

    func callDeferred(stream: Int32, call: DeferredCall) {
        assert(executor.isCurrent)
        guard let found = streams.find(stream), found.phase == .handling else {
            return call.cancel()
        }
        found.deferred = call
    }

    func acceptCall(stream: Int32) {
        assert(executor.isCurrent)
        guard let found = streams.find(stream), found.phase == .handling, !found.isAccepted,
            let session
        else { return }
        found.isAccepted = true
        session.submitResponse(stream: stream, headers: ServerHeaders.head(of: found))
        scheduleFlush()
    }

    func finishCall(stream: Int32, status: Status, message: [UInt8]?, trailers: Metadata) {
        assert(executor.isCurrent)
        guard let found = streams.find(stream), found.phase == .handling, let session else {
            return
        }
        touchClock()
        if status.isOK, let message, trailers.isEmpty {
            var framed = takeReplyBuffer()
            framed.append(contentsOf: message)
            answer(found, &framed, session)
            if framed.capacity <= ServerCallRecord.retainedBytes { swap(&framed, &reply) }
        } else if status.isOK, let message {
            finishWithTrailers(found, MessageFraming.frame(message), trailers, session)
        } else {
            answer(found, failure: status, trailers: trailers)
        }
        // While the handler runs, `conclude` removes the record.
        if found.id != dispatched { streams.remove(found) }
        scheduleFlush()
    }

    private func finishWithTrailers(
        _ stream: ServerCallRecord,
        _ framed: [UInt8],
        _ trailers: Metadata,
        _ session: HTTP2Session
    ) {
        stream.phase = .answered
        var headers = HTTP2Headers(ServerHeaders.okTrailers.prepared)
        MetadataHeaders.append(trailers, to: &headers)
        framed.withUnsafeBytes { body in
            if stream.isAccepted {
                session.send(body, on: stream.id)
                session.submitTrailers(headers, on: stream.id)
            } else {
                session.submitUnaryResponse(
                    stream: stream.id,
                    headers: ServerHeaders.head(of: stream),
                    body: body,
                    trailers: headers
                )
            }
        }
    }
}

/// The header lists that a server sends, prepared once.
enum ServerHeaders {
    /// The headers of a gRPC answer; with a status appended, those of a failure.
    static let response = HTTP2Headers.Prepared([
        (":status", "200"), ("content-type", "application/grpc"),
    ])
    static let accepted = HTTP2Headers(response)
    /// The head of a gRPC answer whose messages may be compressed.
    static let acceptedCompressed = HTTP2Headers(
        HTTP2Headers.Prepared([
            (":status", "200"), ("content-type", "application/grpc"), ("grpc-encoding", "gzip"),
        ])
    )

    /// The head of a call's answer.
    ///
    /// A client that sent compressed messages is told which encodings are accepted, as gRPC demands; to
    /// tell all clients would cost every call some bytes.
    static func head(of call: ServerCallRecord, isCompressed: Bool = false) -> HTTP2Headers {
        var headers = isCompressed ? acceptedCompressed : accepted
        if call.encoding != nil { offerEncodings(in: &headers) }
        return headers
    }

    static func offerEncodings(in headers: inout HTTP2Headers) {
        headers.append("grpc-accept-encoding", MessageEncoding.offered)
    }

    static let ok = HTTP2Headers.Prepared([("grpc-status", "0")])
    static let okTrailers = HTTP2Headers(ok)
    static let methodNotAllowed = HTTP2Headers(
        HTTP2Headers.Prepared([(":status", "405"), ("allow", "POST")])
    )
    static let unsupportedMediaType = HTTP2Headers(
        HTTP2Headers.Prepared([(":status", "415"), ("accept-post", "application/grpc")])
    )
}
