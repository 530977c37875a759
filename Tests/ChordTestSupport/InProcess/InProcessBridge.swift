// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC

// On the wire a unary call is a stream with one message each way, so either side may treat the call as
// unary or as a stream. In process these are two different code paths; this file connects them.

extension Router {
    /// A unary method as the handler of a stream: one message in, one out.
    func streamHandler(
        of route: Route,
        from caller: PeerIdentity,
        on executor: any NodeExecutor
    ) -> StreamHandler {
        { stream throws(Status) in
            guard let message = try await stream.nextMessage() else {
                throw Status(.internalError, "a unary call came without a message")
            }
            guard try await stream.nextMessage() == nil else {
                throw Status(.internalError, "a unary call came with more than one message")
            }
            let result = await unary(
                ClientCall(
                    target: PeerTarget(address: "", expected: ExpectedPeer()),
                    method: route.method,
                    message: message,
                    deadline: stream.deadline ?? .distantFuture,
                    metadata: stream.metadata
                ),
                from: caller,
                on: executor
            )
            stream.addTrailers(result.trailers)
            guard result.status.isOK else { throw result.status }
            try await stream.send(result.message)
            return []
        }
    }

    private func unary(
        _ call: ClientCall,
        from caller: PeerIdentity,
        on executor: any NodeExecutor
    ) async -> ClientResult {
        let end = AsyncOneShot<ClientResult>()
        let running = InProcessCall(observer: CompletionObserver { end.set($0) }, caller: executor)
        running.attach(peer: caller, executor: executor)
        running.serve(call, by: self, as: caller, deadline: call.deadline)
        if let result = await end.wait() { return result }
        running.cancel()
        return ClientResult(status: Status(.cancelled, "the caller gave the call up"))
    }
}

extension InProcessCall {
    /// Answers a unary call by a method of streams.
    func serveStream(
        _ call: ClientCall,
        to endpoint: InProcessNetwork.Endpoint,
        as peer: PeerIdentity,
        deadline: MonotonicTime
    ) {
        let stream = InProcessStream.open(
            ClientStreamCall(
                target: call.target,
                method: call.method,
                deadline: deadline,
                metadata: call.metadata
            ),
            from: endpoint.executor,
            as: peer,
            to: endpoint
        )
        let task = Task(executorPreference: endpoint.executor) { [self] in
            var message: [UInt8]?
            var failure: Status?
            do throws(Status) {
                try await stream.send(call.message)
                stream.finishSending()
                accept(try await stream.initialMetadata())
                message = try await stream.onlyResponse()
            } catch {
                failure = error
            }
            let result = await stream.result()
            finishCall(
                stream: 0,
                status: failure ?? result.status,
                message: message,
                trailers: result.trailers
            )
        }
        let deferred = DeferredCall()
        deferred.onCancel { task.cancel() }
        callDeferred(stream: 0, call: deferred)
    }
}
