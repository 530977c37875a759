// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC
import CoreMetrics
import NIOCore

/// Receives requests: from a stream's headers to its handler.
extension ServerConnection {
    func beginCall(
        _ stream: Int32,
        _ block: HTTP2HeaderBlock,
        _ endStream: Bool,
        _ session: HTTP2Session
    ) {
        guard let head = callHead(stream, block, session) else {
            countCall(of: nil)
            return unwant(stream, endStream)
        }
        let route = head.route
        countCall(of: route)
        if endStream, !route.isStream { return refuse(stream, MessageAssembler.noMessage) }
        if let refusal = refusal(of: route) {
            refuse(stream, refusal)
            if !endStream { refusedAtLimit.insert(stream) }
            return unwant(stream, endStream)
        }
        let call = enroll(stream, head)
        if route.isStream { beginStream(call, route, endStream) }
    }

    /// A call was answered at its headers: its stream is reset instead of waiting for the rest of the
    /// request.
    private func unwant(_ stream: Int32, _ isComplete: Bool) {
        if !isComplete { unwanted.append(stream) }
    }

    /// Creates the record of a call.
    private func enroll(_ stream: Int32, _ head: CallHead) -> ServerCallRecord {
        let call = streams.make(
            stream,
            route: head.route,
            deadline: head.timeout.map { now + $0 }
        )
        call.begun = now
        call.limit = head.limit
        if let encoding = head.encoding { call.encoding = encoding }
        if let accepted = head.acceptedEncoding { call.acceptedEncoding = accepted }
        if !head.metadata.isEmpty { call.metadata = head.metadata }
        return call
    }

    /// The call head of a request's header list: parsed now, or remembered from an earlier call
    /// with the same list.
    ///
    /// - Returns: nil if the list names no call; the client has then been answered.
    private func callHead(
        _ stream: Int32,
        _ block: HTTP2HeaderBlock,
        _ session: HTTP2Session
    ) -> CallHead? {
        if block.repetition != 0, let repeatedHead, repeatedHead.repetition == block.repetition {
            return repeatedHead
        }
        let head = RequestHead(block, of: session)
        guard let method = head.method, method.isEqual(to: "POST") else {
            return refuse(stream, with: ServerHeaders.methodNotAllowed)
        }
        guard let contentType = head.contentType, ContentType.isGRPC(contentType) else {
            return refuse(stream, with: ServerHeaders.unsupportedMediaType)
        }
        guard let route = router.route(path: head.path) else {
            refuse(stream, Router.unimplemented(path: head.path))
            return nil
        }
        var encoding: MessageEncoding?
        if let named = head.encoding, !named.isEqual(to: "identity") {
            guard named.isEqual(to: "gzip") else {
                refuseEncoding(stream, named)
                return nil
            }
            encoding = .gzip
        }
        var timeout: Duration?
        if let text = head.timeout {
            guard let duration = GRPCTimeout.parse(text) else {
                refuse(stream, Status(.internalError, "the grpc-timeout is malformed"))
                return nil
            }
            timeout = duration
        }
        // Every grpcio client sends the encodings that it accepts; a server that does not compress
        // skips them.
        let accepts =
            (route.isStream || compressesAnswers) && head.acceptedEncodings?.listsGzip == true
        var metadata = Metadata()
        if head.hasMetadata {
            guard let sent = MetadataHeaders.read(block, of: session) else {
                refuse(stream, Status(.internalError, "binary metadata is not base64"))
                return nil
            }
            metadata = sent
        }
        let read = CallHead(
            repetition: block.repetition,
            route: route,
            limit: min(route.method.maximumMessageBytes, receiveLimitBytes),
            encoding: encoding,
            acceptedEncoding: accepts ? .gzip : nil,
            timeout: timeout,
            metadata: metadata
        )
        if block.repetition != 0 { repeatedHead = read }
        return read
    }

    private func refuse(_ stream: Int32, with headers: HTTP2Headers) -> CallHead? {
        session?.submitResponse(stream: stream, headers: headers, endStream: true)
        return nil
    }

    func receive(
        _ stream: Int32,
        _ bytes: UnsafeRawBufferPointer,
        _ endStream: Bool,
        _ session: HTTP2Session
    ) {
        let found = streams.find(stream)
        if let found, let flow = found.flow {
            return receive(found, flow, bytes, endStream, session)
        }
        // The bytes leave the session here, answered or not: its windows open again. A stream that
        // sends no more needs no window of its own.
        if endStream {
            session.consumeConnection(bytes.count)
        } else {
            session.consume(bytes.count, on: stream)
        }
        guard let call = found, call.phase == .receiving else { return }
        let limit = call.limit
        do throws(Status) {
            if endStream, call.request.isEmpty, call.encoding == nil,
                let message = try MessageAssembler.wholeMessage(in: bytes, limit: limit)
            {
                return dispatch(call, message, session)
            }
            if let refusal = refusal(toHold: bytes.count) { throw refusal }
            do throws(Status) {
                try call.request.append(bytes, limit: limit, encoding: call.encoding)
            } catch {
                if error.code == .resourceExhausted { shared.limits.count(.messageSize) }
                throw error
            }
            streams.hold(call.request.count, for: call)
            guard endStream else { return }
            try call.request.finish()
            if call.request.compression != nil {
                return try dispatchCompressed(call, limit, session)
            }
        } catch {
            return abandonRequest(call, error, isComplete: endStream)
        }
        streams.hold(0, for: call)
        // The request's memory is on loan to the handler while it runs.
        var request = MessageAssembler()
        swap(&request, &call.request)
        request.withMessage { dispatch(call, $0, session) }
        if call.id == 0 {
            request.reset(retaining: ServerCallRecord.retainedBytes)
            swap(&request, &call.request)
        }
    }

    private func dispatchCompressed(
        _ call: ServerCallRecord,
        _ limit: Int,
        _ session: HTTP2Session
    ) throws(Status) {
        let budget = share?.account.inflation
        if let budget, !budget.allowsMore(at: now) {
            shared.limits.count(.inflatedBytes)
            throw budget.refusal
        }
        let request = call.request
        call.request = MessageAssembler()
        streams.hold(0, for: call)
        let message: [UInt8]
        do throws(Status) {
            message = try request.takeMessage(limit: limit, budget: budget, at: now)
        } catch {
            if error.code == .resourceExhausted { shared.limits.count(.messageSize) }
            throw error
        }
        message.withUnsafeBytes { dispatch(call, $0, session) }
    }

    /// Adds received bytes to a streaming call.
    private func receive(
        _ call: ServerCallRecord,
        _ flow: ServerStreamFlow,
        _ bytes: UnsafeRawBufferPointer,
        _ endStream: Bool,
        _ session: HTTP2Session
    ) {
        guard let refusal = refusal(toHold: bytes.count) else {
            flow.receive(bytes, endStream, session)
            // It may have ended the call.
            if call.flow === flow { streams.hold(flow.unreadBytes, for: call) }
            return
        }
        session.consumeConnection(bytes.count)
        if endStream { flow.endRequests() }
        finishStream(call, refusal, trailers: [])
    }

    /// The client ended its side with trailers, which have no meaning in gRPC requests.
    func endRequest(_ stream: Int32) {
        guard let session else { return }
        receive(stream, UnsafeRawBufferPointer(start: nil, count: 0), true, session)
    }

    /// Runs the handler, which answers at once or keeps a responder.
    private func dispatch(
        _ stream: ServerCallRecord,
        _ request: UnsafeRawBufferPointer,
        _ session: HTTP2Session
    ) {
        guard let route = stream.route, let calls else { return }
        if let refusal = refusalOfAnswers(session) {
            return abandonRequest(stream, refusal, isComplete: true)
        }
        stream.phase = .handling
        var call = ServerCall(
            deadline: stream.deadline,
            metadata: stream.metadata,
            reply: takeReplyBuffer(),
            context: calls,
            stream: stream.id
        )
        dispatched = stream.id
        let outcome = router.dispatch(route, request: request, call: &call)
        dispatched = 0
        conclude(stream, outcome, &call.reply, session)
        giveBackReplyBuffer(&call.reply)
    }

    /// Completes a call after its handler has returned.
    private func conclude(
        _ stream: ServerCallRecord,
        _ outcome: HandlerOutcome,
        _ written: inout [UInt8],
        _ session: HTTP2Session
    ) {
        if stream.phase == .handling {
            switch outcome {
            // One that took a responder and replied all the same was answered by whichever came first.
            case .replied: answer(stream, &written, session)
            case .failed(let status): answer(stream, failure: status, trailers: [])
            case .deferred:
                if stream.deferred == nil {
                    answer(stream, failure: Self.noResponder, trailers: [])
                }
            }
        }
        if stream.phase == .answered {
            streams.remove(stream)
        } else if let deadline = stream.deadline {
            watch(deadline)
        }
    }

    private static let noResponder = Status(
        .internalError,
        "the handler deferred without a responder"
    )

    func streamClosed(_ id: Int32) {
        guard let stream = streams.find(id) else { return }
        let (deferred, flow) = (stream.deferred, stream.flow)
        streams.remove(stream)
        deferred?.cancel()
        flow?.end(Status(.cancelled, "the caller gave the call up"))
    }

    // MARK: Deadlines

    /// Only a call whose handler kept a responder, or runs as a task, can miss its deadline; all others
    /// have ended.
    func watch(_ deadline: MonotonicTime) {
        alarm.include(deadline, on: executor.eventLoop) { [weak self] in self?.deadlinePassed() }
    }

    private func deadlinePassed() {
        alarm.hasFired()
        let now = executor.now
        var next: MonotonicTime?
        for stream in streams.all where stream.phase == .handling {
            guard let deadline = stream.deadline else { continue }
            guard deadline <= now else {
                next = min(next ?? deadline, deadline)
                continue
            }
            shared.metrics.deadlinesMissed.increment()
            let status = Status(.deadlineExceeded, "the deadline passed at the server")
            if stream.flow != nil {
                finishStream(stream, status, trailers: [])
                continue
            }
            let deferred = stream.deferred
            answer(stream, failure: status, trailers: [])
            streams.remove(stream)
            deferred?.cancel()
        }
        if let next { watch(next) }
        scheduleFlush()
    }
}

/// A call's request as given by its header list. A class, because calls with equal lists share one.
final class CallHead {
    /// The number of the list on its connection; zero if it is new.
    let repetition: UInt32
    let route: Router.Route
    /// The longest message, in bytes.
    let limit: Int
    /// How the request may be compressed.
    let encoding: MessageEncoding?
    /// How the caller reads a compressed answer; nil if it does not.
    let acceptedEncoding: MessageEncoding?
    /// How long the caller waits.
    let timeout: Duration?
    let metadata: Metadata

    init(
        repetition: UInt32,
        route: Router.Route,
        limit: Int,
        encoding: MessageEncoding?,
        acceptedEncoding: MessageEncoding?,
        timeout: Duration?,
        metadata: Metadata
    ) {
        self.repetition = repetition
        self.route = route
        self.limit = limit
        self.encoding = encoding
        self.acceptedEncoding = acceptedEncoding
        self.timeout = timeout
        self.metadata = metadata
    }
}

/// The parts of a request's header list that the transport needs, found in one pass.
struct RequestHead {
    var method: UnsafeRawBufferPointer?
    var path = UnsafeRawBufferPointer(start: nil, count: 0)
    var contentType: UnsafeRawBufferPointer?
    var timeout: UnsafeRawBufferPointer?
    var encoding: UnsafeRawBufferPointer?
    var acceptedEncodings: UnsafeRawBufferPointer?
    /// Whether there is anything that the application sent.
    var hasMetadata = false

    /// The pointers are the session's and live as long as its events.
    init(_ block: HTTP2HeaderBlock, of session: HTTP2Session) {
        for index in 0..<Int(block.count) {
            let (name, value) = session.knownField(index, of: block)
            switch name {
            case .path: path = value
            case .method: method = value
            case .contentType: contentType = value
            case .grpcTimeout: timeout = value
            case .grpcEncoding: encoding = value
            case .grpcAcceptEncoding: acceptedEncodings = value
            case .te, .scheme, .authority, .userAgent: break
            case .other, .host, .contentLength, .connectionSpecific:
                if !MetadataHeaders.isReserved(session.field(index, of: block).name) {
                    hasMetadata = true
                }
            }
        }
    }
}
