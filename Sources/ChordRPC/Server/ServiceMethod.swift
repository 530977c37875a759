// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordIdentity

/// Answers a unary call on the connection's executor, or takes a responder and answers later. The
/// request is valid during the run only.
package typealias UnaryHandler =
    @Sendable (_ request: UnsafeRawBufferPointer, _ call: inout ServerCall) -> HandlerOutcome

/// A method with the handler that answers its calls.
public struct ServiceMethod: Sendable {
    package enum Handler: Sendable {
        /// One request, one answer.
        case unary(UnaryHandler)
        /// Messages in both directions, handled by a task on the executor, or on the connection's
        /// executor if there is none, which saves a hop for each message.
        case stream(StreamHandler, on: (any NodeExecutor)?)
    }

    /// The method.
    public let method: RPCMethod
    package let handler: Handler

    /// Answers a unary method at once, or later through a responder.
    package init(_ method: RPCMethod, _ handler: @escaping UnaryHandler) {
        self.method = method
        self.handler = .unary(handler)
    }

    /// Answers a method of streams with a task on `executor`.
    package init(
        _ method: RPCMethod,
        on executor: (any NodeExecutor)?,
        stream handler: @escaping StreamHandler
    ) {
        self.method = method
        self.handler = .stream(handler, on: executor)
    }

    /// Answers a unary method with a task on `executor`, or on the connection's executor if there
    /// is none. Its calls are accepted before the task runs. Use it for rare calls, because each
    /// costs a task.
    package init(
        _ method: RPCMethod,
        on executor: (any NodeExecutor)?,
        task handler:
            @escaping @Sendable ([UInt8], PeerIdentity) async throws(Status) -> [UInt8]
    ) {
        self.init(method) { request, call in
            let bytes = [UInt8](request)
            let peer = call.peer
            let executor = executor ?? call.executor
            let responder = call.makeResponder()
            // Callers of a slow method learn early that the node is alive.
            responder.accept()
            let task = Task(executorPreference: executor) {
                do throws(Status) {
                    responder.succeed(try await handler(bytes, peer))
                } catch {
                    responder.fail(error)
                }
            }
            responder.onCancel { task.cancel() }
            return .deferred
        }
    }

    /// Answers a unary method with a task, which is cancelled when the caller no longer waits.
    ///
    /// - Parameters:
    ///   - method: the method, of kind `unary`.
    ///   - answer: makes the answer from the request and the identity of the caller, who may call
    ///     the method. A ``Status`` that it throws is sent to the caller. Any other error is sent
    ///     as UNKNOWN, without its text.
    public init(
        _ method: RPCMethod,
        answer: @escaping @Sendable ([UInt8], PeerIdentity) async throws -> [UInt8]
    ) {
        self.init(method, on: nil) { request, peer async throws(Status) in
            do {
                return try await answer(request, peer)
            } catch {
                throw Status(of: error, in: method)
            }
        }
    }

    /// Answers a streaming method with a task, which is cancelled when the call ends.
    ///
    /// - Parameters:
    ///   - method: the method, of any kind except `unary`.
    ///   - answer: reads the caller's messages and sends answers; the call ends when it returns. A
    ///     ``Status`` that it throws is sent to the caller. Any other error is sent as UNKNOWN,
    ///     without its text.
    public init(
        _ method: RPCMethod,
        streaming answer: @escaping @Sendable (ServerStream) async throws -> Void
    ) {
        self.init(method, on: nil) { stream async throws(Status) in
            do {
                try await answer(stream)
                return []
            } catch {
                throw Status(of: error, in: method)
            }
        }
    }
}

extension Status {
    fileprivate init(of error: any Error, in method: RPCMethod) {
        self = error as? Status ?? Status(.unknown, "the handler of \(method) failed")
    }
}
