// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// Streaming calls: each has a handler that runs as a task, and a flow between handler and session.
extension ServerConnection {
    /// Begins a call with its headers, before any message.
    func beginStream(_ call: ServerCallRecord, _ route: Router.Route, _ isComplete: Bool) {
        guard case .stream(let handler, let handlerExecutor) = route.handler, let calls else {
            return
        }
        if let refusal = router.refusal(of: route, to: calls.peer) {
            return abandonRequest(call, refusal, isComplete: isComplete)
        }
        let limits = shared.configuration.limits
        let flow = ServerStreamFlow(id: call.id, connection: self)
        let stream = ServerStream(
            method: route.method,
            peer: calls.peer,
            metadata: call.metadata,
            deadline: call.deadline,
            inbox: StreamInbox(
                limit: call.limit,
                window: Int(limits.initialStreamWindow),
                inflation: share?.account.inflation
            ),
            outbox: StreamOutbox(limit: StreamRoom.messageLimit(limits)),
            link: flow,
            accepted: call.acceptedEncoding,
            isCompressing: compressesAnswers
        )
        if let encoding = call.encoding { stream.inbox.setEncoding(encoding) }
        flow.begin(stream)
        streams.attach(flow, to: call)
        call.phase = .handling
        if isComplete { flow.endRequests() }
        if let deadline = call.deadline { watch(deadline) }
        stream.start(handler, on: handlerExecutor ?? executor)
    }

    /// Gives the session what the handler has sent, as far as it has room.
    func sendWaiting(of flow: ServerStreamFlow) {
        guard let session, let call = streams.find(flow.id), call.flow === flow,
            let stream = flow.stream
        else { return }
        touchClock()
        while let item = stream.outbox.take(where: { count in
            (!call.isAccepted || session.isWritable(stream: flow.id))
                && room.admits(count, of: flow, in: session, if: mayHold(count))
        }) {
            // Only if something is sent: a stream without room would request a flush in every flush.
            scheduleFlush()
            switch item {
            case .headers(let metadata): beginResponse(call, metadata, session)
            case .message(let framed):
                beginResponse(call, [], session)
                framed.withUnsafeBytes { _ = session.send($0, on: flow.id) }
            case .endOfMessages: break
            case .finish(let status, let trailers):
                return finishStream(call, status, trailers: trailers)
            }
        }
    }

    private func beginResponse(
        _ call: ServerCallRecord,
        _ metadata: Metadata,
        _ session: HTTP2Session
    ) {
        guard !call.isAccepted else { return }
        call.isAccepted = true
        var headers = ServerHeaders.head(
            of: call,
            isCompressed: call.flow?.stream?.encoding != nil
        )
        if !metadata.isEmpty { MetadataHeaders.append(metadata, to: &headers) }
        session.submitResponse(stream: call.id, headers: headers)
    }

    /// Ends a call after the messages that were given to the session.
    func finishStream(_ call: ServerCallRecord, _ status: Status, trailers: Metadata) {
        guard let flow = call.flow, let session else { return }
        let id = call.id
        if status.isOK {
            beginResponse(call, [], session)
            call.phase = .answered
            var headers = HTTP2Headers(ServerHeaders.okTrailers.prepared)
            MetadataHeaders.append(trailers, to: &headers)
            session.submitTrailers(headers, on: id)
        } else {
            answer(call, failure: status, trailers: trailers)
        }
        streams.remove(call)
        // The rest of the requests is not wanted: the client need not send it.
        if !flow.isRequestComplete { unwanted.append(id) }
        flow.end(status)
        scheduleFlush()
    }

    func abandon(_ flow: ServerStreamFlow, _ status: Status) {
        guard let call = streams.find(flow.id), call.flow === flow else { return }
        finishStream(call, status, trailers: [])
    }
}
