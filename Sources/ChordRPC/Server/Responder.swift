// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// The one answer that a deferred call is still owed. It may be used from any thread; only the first
/// answer counts. One that is dropped answers INTERNAL, so that no caller waits for nothing.
package final class Responder: Sendable {
    package let state: DeferredCall
    private let executor: any NodeExecutor
    private let sink: any ResponseSink
    private let stream: Int32

    init(
        state: DeferredCall,
        executor: any NodeExecutor,
        sink: any ResponseSink,
        stream: Int32
    ) {
        self.state = state
        self.executor = executor
        self.sink = sink
        self.stream = stream
    }

    deinit {
        guard state.claim() else { return }
        finish(
            Status(.internalError, "the handler ended without an answer"),
            message: nil,
            trailers: []
        )
    }

    /// Tells the caller that its call is being worked on: its response headers go out.
    package func accept() {
        guard !state.isFinished else { return }
        executor.runOrExecute { [sink, stream] in sink.acceptCall(stream: stream) }
    }

    /// Answers with `message`, not framed.
    package func succeed(_ message: [UInt8], trailers: Metadata = []) {
        guard state.claim() else { return }
        finish(.ok, message: message, trailers: trailers)
    }

    /// Answers with a failure.
    package func fail(_ status: Status, trailers: Metadata = []) {
        guard state.claim() else { return }
        finish(status, message: nil, trailers: trailers)
    }

    /// Runs `handler` once if the caller cancels, or if the deadline passes before the answer. If
    /// that has already happened, it runs at once.
    package func onCancel(_ handler: @escaping @Sendable () -> Void) {
        state.onCancel(handler)
    }

    private func finish(_ status: Status, message: [UInt8]?, trailers: Metadata) {
        executor.runOrExecute { [sink, stream] in
            sink.finishCall(stream: stream, status: status, message: message, trailers: trailers)
        }
    }
}

/// The state that a deferred call's connection and its responder share: whether the call is
/// answered, and whether its caller still waits.
package final class DeferredCall: Sendable {
    private struct State {
        var isFinished = false
        var isCancelled = false
        var handler: (@Sendable () -> Void)?
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    package var isFinished: Bool { state.withLockedValue { $0.isFinished } }

    /// The caller no longer waits: runs the handler of `Responder.onCancel`.
    package func cancel() {
        let handler = state.withLockedValue { state -> (@Sendable () -> Void)? in
            guard !state.isFinished, !state.isCancelled else { return nil }
            state.isCancelled = true
            return state.handler.take()
        }
        handler?()
    }

    /// Returns true once: to the side that may answer.
    func claim() -> Bool {
        state.withLockedValue { state in
            guard !state.isFinished else { return false }
            state.isFinished = true
            state.handler = nil
            return true
        }
    }

    package func onCancel(_ handler: @escaping @Sendable () -> Void) {
        let runNow = state.withLockedValue { state -> Bool in
            if state.isFinished { return false }
            if state.isCancelled { return true }
            state.handler = handler
            return false
        }
        if runNow { handler() }
    }
}
