// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import NIOConcurrencyHelpers

/// One call with streams of messages of the in-process transport: what lies between its two ends.
///
/// Messages travel framed, so that both ends are the same code as over a network, window included.
final class InProcessStream: Sendable {
    /// Bytes that may be on their way, or unread, in each direction.
    static let windowBytes = 256 << 10
    static let messageLimit = 4 << 20

    private struct State {
        var server: ServerStream?
        var timer: ScheduledWork?
        var isAccepted = false
        /// The caller has its end, or will have it.
        var isFinished = false
        /// Bytes under way to the server, and to the client.
        var requestBytes = 0
        var responseBytes = 0
    }

    /// The caller's end.
    private final class ClientEnd: StreamLink {
        let stream: InProcessStream
        var executor: any NodeExecutor { stream.caller }

        init(_ stream: InProcessStream) {
            self.stream = stream
        }

        func outputWaits() { stream.sendRequests() }
        func returnCredit(_ bytes: Int) { stream.responsesRead(bytes) }
        func abandon(_ status: Status) { stream.abandon(status) }
    }

    /// The handler's end.
    private final class ServerEnd: StreamLink {
        let stream: InProcessStream
        var executor: any NodeExecutor { stream.callee }

        init(_ stream: InProcessStream) {
            self.stream = stream
        }

        func outputWaits() { stream.sendResponses() }
        func returnCredit(_ bytes: Int) { stream.requestsRead(bytes) }
        func abandon(_ status: Status) { stream.serverFinished(status, []) }
    }

    private let client = ClientStreamState(
        inbox: StreamInbox(limit: messageLimit, window: windowBytes),
        outbox: StreamOutbox(limit: messageLimit * 2)
    )
    private let caller: any NodeExecutor
    private let callee: any NodeExecutor
    private let peer: PeerIdentity
    private let state = NIOLockedValueBox(State())

    private init(
        caller: any NodeExecutor,
        callee: any NodeExecutor,
        peer: PeerIdentity
    ) {
        self.caller = caller
        self.callee = callee
        self.peer = peer
    }

    /// Opens a stream from `executor` to `endpoint`, as the caller `identity`.
    static func open(
        _ call: ClientStreamCall,
        from executor: any NodeExecutor,
        as identity: PeerIdentity,
        to endpoint: InProcessNetwork.Endpoint
    ) -> ClientStream {
        let stream = InProcessStream(
            caller: executor,
            callee: endpoint.executor,
            peer: endpoint.identity
        )
        if let deadline = call.deadline { stream.startDeadline(deadline) }
        // The two clocks may differ; what travels is the time that is left.
        let remaining = call.deadline.map { $0 - executor.now }
        endpoint.executor.execute {
            stream.serve(
                call,
                by: endpoint.router,
                as: identity,
                deadline: remaining.map { endpoint.executor.now + $0 }
            )
        }
        return ClientStream(state: stream.client, link: ClientEnd(stream))
    }

    private func startDeadline(_ deadline: MonotonicTime) {
        let timer = caller.schedule(after: max(.zero, deadline - caller.now)) { [weak self] in
            self?.abandon(
                Status(.deadlineExceeded, "no answer before the deadline", origin: .local)
            )
        }
        state.withLockedValue { $0.timer = timer }
    }

    // MARK: The caller's side

    private func sendRequests() {
        while let item = client.outbox.take(where: { _ in
            state.withLockedValue { $0.requestBytes < Self.windowBytes }
        }) {
            switch item {
            case .message(let framed):
                state.withLockedValue { $0.requestBytes += framed.count }
                callee.execute { [self] in requestArrived(framed) }
            case .endOfMessages:
                callee.execute { [self] in server?.inbox.finish(nil) }
            case .headers, .finish: break
            }
        }
    }

    private func responsesRead(_ bytes: Int) {
        guard bytes > 0 else { return }
        callee.execute { [self] in
            state.withLockedValue { $0.responseBytes -= bytes }
            sendResponses()
        }
    }

    private func abandon(_ status: Status) {
        finish(ClientResult(status: status, peer: peer))
        let heard =
            status.code == .deadlineExceeded ? status : Status(.cancelled, "the caller cancelled")
        // There, where the handler is started, so that it is missed neither before nor after.
        callee.execute { [self] in
            let server = state.withLockedValue { $0.server.take() }
            server?.callEnded(Status(heard.code, heard.message))
        }
    }

    /// Tells the caller the end, once.
    private func finish(_ result: ClientResult) {
        let (isFirst, timer) = state.withLockedValue { state -> (Bool, ScheduledWork?) in
            guard !state.isFinished else { return (false, nil) }
            state.isFinished = true
            return (true, state.timer.take())
        }
        timer?.cancel()
        if isFirst { client.callFinished(result) }
    }

    // MARK: The server's side

    private var server: ServerStream? { state.withLockedValue { $0.server } }

    private func serve(
        _ call: ClientStreamCall,
        by router: Router,
        as caller: PeerIdentity,
        deadline: MonotonicTime?
    ) {
        guard state.withLockedValue({ !$0.isFinished }) else { return }
        let path = Array(call.method.path.utf8)
        guard let route = path.withUnsafeBytes({ router.route(path: $0) }) else {
            return serverFinished(path.withUnsafeBytes { Router.unimplemented(path: $0) }, [])
        }
        if let refusal = router.refusal(of: route, to: caller) {
            return serverFinished(refusal, [])
        }
        let server = ServerStream(
            method: route.method,
            peer: caller,
            metadata: call.metadata,
            deadline: deadline,
            inbox: StreamInbox(
                limit: min(route.method.maximumMessageBytes, Self.messageLimit),
                window: Self.windowBytes
            ),
            outbox: StreamOutbox(limit: Self.messageLimit * 2),
            link: ServerEnd(self)
        )
        state.withLockedValue { $0.server = server }
        switch route.handler {
        case .stream(let handler, let executor): server.start(handler, on: executor ?? callee)
        case .unary:
            server.start(router.streamHandler(of: route, from: caller, on: callee), on: callee)
        }
    }

    private func requestArrived(_ framed: [UInt8]) {
        guard let server else { return }
        requestsRead(framed.withUnsafeBytes { server.inbox.append($0) })
    }

    private func requestsRead(_ bytes: Int) {
        guard bytes > 0 else { return }
        caller.execute { [self] in
            state.withLockedValue { $0.requestBytes -= bytes }
            sendRequests()
        }
    }

    private func sendResponses() {
        guard let server else { return }
        while let item = server.outbox.take(where: { _ in
            state.withLockedValue { $0.responseBytes < Self.windowBytes }
        }) {
            switch item {
            case .headers(let metadata): accept(metadata)
            case .message(let framed):
                accept([])
                state.withLockedValue { $0.responseBytes += framed.count }
                caller.execute { [self] in
                    responsesRead(framed.withUnsafeBytes { client.inbox.append($0) })
                }
            case .finish(let status, let trailers):
                if status.isOK { accept([]) }
                return serverFinished(status, trailers)
            case .endOfMessages: break
            }
        }
    }

    private func accept(_ metadata: Metadata) {
        let isFirst = state.withLockedValue { state in
            defer { state.isAccepted = true }
            return !state.isAccepted
        }
        if isFirst { caller.execute { [client] in client.callAccepted(metadata) } }
    }

    private func serverFinished(_ status: Status, _ trailers: Metadata) {
        let server = state.withLockedValue { $0.server.take() }
        server?.callEnded(status)
        // A status is its receiver's peer's word, wherever the handler had it from.
        let told = status.asSent
        caller.execute { [self] in
            finish(ClientResult(status: told, trailers: trailers, peer: peer))
        }
    }
}
