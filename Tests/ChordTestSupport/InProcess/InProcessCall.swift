// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import NIOConcurrencyHelpers

/// One call of the in-process transport: the caller's handle and the server's sink in one object.
final class InProcessCall: ClientCallHandle, ResponseSink {
    private struct State {
        var peer: PeerIdentity?
        var serverExecutor: (any NodeExecutor)?
        var timer: ScheduledWork?
        var deferred: DeferredCall?
        var isAccepted = false
        /// The caller has its end, or will have it: nothing more is sent to it.
        var isFinished = false
        /// The caller has its end.
        var hasToldEnd = false
    }

    private let observer: any ClientCallObserver
    private let caller: any NodeExecutor
    private let state = NIOLockedValueBox(State())

    init(observer: any ClientCallObserver, caller: any NodeExecutor) {
        self.observer = observer
        self.caller = caller
    }

    // MARK: The caller's side

    func startDeadline(_ deadline: MonotonicTime) {
        let timer = caller.schedule(after: max(.zero, deadline - caller.now)) { [weak self] in
            self?.abandon(
                Status(.deadlineExceeded, "no answer before the deadline", origin: .local)
            )
        }
        state.withLockedValue { $0.timer = timer }
    }

    func attach(peer: PeerIdentity, executor: any NodeExecutor) {
        state.withLockedValue { state in
            state.peer = peer
            state.serverExecutor = executor
        }
    }

    func cancel() {
        abandon(Status(.cancelled, "the caller cancelled", origin: .local))
    }

    func finishLater(_ result: ClientResult) {
        guard claim() else { return }
        caller.execute { [self] in
            state.withLockedValue { $0.hasToldEnd = true }
            observer.callFinished(result)
        }
    }

    private func abandon(_ status: Status) {
        finishLater(ClientResult(status: status, peer: state.withLockedValue { $0.peer }))
        // Only now: a handler that defers the call later sees that it has ended.
        let server = state.withLockedValue { ($0.serverExecutor, $0.deferred) }
        if let executor = server.0, let deferred = server.1 {
            executor.execute { deferred.cancel() }
        }
    }

    /// True once: for whoever tells the caller the end.
    private func claim() -> Bool {
        let (isFirst, timer) = state.withLockedValue { state -> (Bool, ScheduledWork?) in
            guard !state.isFinished else { return (false, nil) }
            state.isFinished = true
            return (true, state.timer.take())
        }
        timer?.cancel()
        return isFirst
    }

    // MARK: The server's side

    func serve(
        _ call: ClientCall,
        by router: Router,
        as peer: PeerIdentity,
        deadline: MonotonicTime
    ) {
        guard let executor = state.withLockedValue({ $0.isFinished ? nil : $0.serverExecutor })
        else { return }
        caller.execute { [observer] in observer.callSent() }
        let path = Array(call.method.path.utf8)
        guard let route = path.withUnsafeBytes({ router.route(path: $0) }) else {
            let status = path.withUnsafeBytes { Router.unimplemented(path: $0) }
            finishCall(stream: 0, status: status, message: nil, trailers: [])
            return
        }
        if route.isStream {
            let endpoint = InProcessNetwork.Endpoint(
                router: router,
                identity: state.withLockedValue { $0.peer } ?? peer,
                executor: executor
            )
            return serveStream(call, to: endpoint, as: peer, deadline: deadline)
        }
        guard call.message.count <= route.method.maximumMessageBytes else {
            let status = Status(
                .resourceExhausted,
                "a message of \(call.message.count) bytes is over the limit of "
                    + "\(route.method.maximumMessageBytes)"
            )
            finishCall(stream: 0, status: status, message: nil, trailers: [])
            return
        }
        var server = ServerCall(
            deadline: deadline,
            metadata: call.metadata,
            reply: [],
            context: ServerCallContext(peer: peer, executor: executor, sink: self),
            stream: 0
        )
        let outcome = call.message.withUnsafeBytes { request in
            router.dispatch(route, request: request, call: &server)
        }
        switch outcome {
        case .replied: finishCall(stream: 0, status: .ok, message: server.reply, trailers: [])
        case .failed(let status):
            finishCall(stream: 0, status: status, message: nil, trailers: [])
        case .deferred: break
        }
    }

    func callDeferred(stream: Int32, call: DeferredCall) {
        let isGone = state.withLockedValue { state in
            state.deferred = call
            return state.isFinished
        }
        if isGone { call.cancel() }
    }

    func acceptCall(stream: Int32) {
        accept([])
    }

    /// Tells the caller once what the answer begins with.
    func accept(_ metadata: Metadata) {
        let isFirst = state.withLockedValue { state in
            guard !state.isAccepted, !state.isFinished else { return false }
            state.isAccepted = true
            return true
        }
        guard isFirst else { return }
        caller.execute { [self] in
            // Another thread may have been quicker with the end, which nothing follows.
            guard !state.withLockedValue({ $0.hasToldEnd }) else { return }
            observer.callAccepted(metadata)
        }
    }

    func finishCall(stream: Int32, status: Status, message: [UInt8]?, trailers: Metadata) {
        finishLater(
            ClientResult(
                status: status,
                message: message ?? [],
                trailers: trailers,
                peer: state.withLockedValue { $0.peer }
            )
        )
    }
}
