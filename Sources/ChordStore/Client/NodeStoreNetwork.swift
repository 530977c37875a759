// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
package import ChordRPC
package import ChordRuntime
import ChordWire
import NIOConcurrencyHelpers

/// The store of a ring as one of its nodes sees it.
///
/// Calls for the node itself are answered in the process, by the handlers that answer callers from outside. So a
/// local operation and a remote one cannot differ in what they check and in what their errors mean.
package struct NodeStoreNetwork: StoreNetwork {
    /// Successors that are asked besides the node itself.
    private static let others = 3

    private let context: NodeContext
    /// The handlers of the node's part of the store, by the paths of their methods; empty if it has none.
    private let handlers: [String: UnaryHandler]
    private let service: StoreService?
    private let peers: PeerCalls
    /// Closed when the node stops.
    package let gate = ClientGate()

    package init(_ context: NodeContext, service: StoreService?) {
        self.context = context
        peers = context.makePeers()
        var handlers: [String: UnaryHandler] = [:]
        for method in service?.clientMethods ?? [] {
            guard case .unary(let handler) = method.handler else { continue }
            handlers[method.method.path] = handler
        }
        self.handlers = handlers
        self.service = service
    }

    package var executor: any NodeExecutor { context.executor }

    /// The node, then its next successors, which may have a store where the node has none.
    package var contacts: [PeerTarget] {
        let view = context.view
        let others = view.successors.filter { $0.name != view.node.name }.prefix(Self.others)
        return ([view.node] + others).map { PeerTarget($0) }
    }

    package func keyHash() async throws(ChordError) -> RingClient.KeyHash { context.keyHash }

    package func call(
        _ method: RPCMethod,
        at target: PeerTarget,
        _ message: [UInt8],
        timeout: Duration
    ) async -> ClientResult {
        guard !gate.isClosed else { return ClientResult(status: Self.stopped) }
        let own = context.reference
        guard isOwn(target) else {
            return await peers.call(
                method,
                at: target,
                message: message,
                timeout: timeout,
                on: executor
            )
        }
        guard let handler = handlers[method.path] else {
            return ClientResult(
                status: Status(.unimplemented, "\(own.name) has no part of a store")
            )
        }
        guard method.callers.contains(Role.node) else {
            return ClientResult(
                status: Status(.permissionDenied, "a node may not call \(method)")
            )
        }
        let executor = executor
        return await executor.answer(orWhenCancelled: ClientResult(status: Self.cancelled)) {
            completion in
            let call = LocalCall(completion)
            call.begin(
                handler,
                message,
                deadline: executor.now + timeout,
                as: identity,
                on: executor
            )
            return { call.abandon() }
        }
    }

    package func watch(
        _ target: PeerTarget,
        _ message: [UInt8]
    ) async throws(Status) -> any WatchSource {
        guard !gate.isClosed else { throw Self.stopped }
        let own = context.reference
        guard isOwn(target) else {
            return try await context.transport.openWatch(target, message, on: executor)
        }
        guard let server = service?.current else {
            throw Status(.unimplemented, "\(own.name) has no part of a store")
        }
        let request: StoreWatchRequest
        do throws(WireError) {
            request = try StoreWatchRequest(decoding: message, space: server.space)
        } catch {
            throw Status(.invalidArgument, "\(error)")
        }
        return LocalWatch(try await server.watch(request, by: identity))
    }

    /// A descriptor may still have the address that the node had before its last start.
    private func isOwn(_ target: PeerTarget) -> Bool {
        let own = context.reference
        return target.address == own.address || target.expected.name == own.name
    }

    private var identity: PeerIdentity {
        PeerIdentity(role: .node, name: context.reference.name, trustDomain: nil, proof: .spiffe)
    }

    package func whileOpen<Answer>(
        _ body: () async throws(ChordError) -> Answer
    ) async throws(ChordError) -> Answer {
        try await gate.whileOpen(orFailing: "the node has stopped", body)
    }

    private static let stopped = Status(.unavailable, "the node has stopped", origin: .local)
    private static let cancelled = Status(
        .cancelled,
        "the caller no longer waits",
        origin: .local
    )
}

/// A stream of the node to itself.
private final class LocalWatch: WatchSource {
    private let source: NIOLockedValueBox<(any MessageSource)?>

    init(_ source: any MessageSource) {
        self.source = NIOLockedValueBox(source)
    }

    nonisolated(nonsending) func nextMessage() async throws(Status) -> [UInt8]? {
        guard let source = source.withLockedValue({ $0 }) else { return nil }
        return try await source.nextMessage()
    }

    func cancel() {
        let source = source.withLockedValue { $0.take() }
        (source as? WatchSession)?.end()
    }
}

/// A call of the node to itself.
///
/// Unchecked: confined to the executor of the node, on which handlers answer.
private final class LocalCall: ResponseSink, @unchecked Sendable {
    private let completion: @Sendable (ClientResult) -> Void
    private var deferred: DeferredCall?
    private var isOver = false

    init(_ completion: @escaping @Sendable (ClientResult) -> Void) {
        self.completion = completion
    }

    func begin(
        _ handler: UnaryHandler,
        _ message: [UInt8],
        deadline: MonotonicTime,
        as identity: PeerIdentity,
        on executor: any NodeExecutor
    ) {
        var call = ServerCall(
            deadline: deadline,
            metadata: [],
            reply: [],
            context: ServerCallContext(peer: identity, executor: executor, sink: self),
            stream: 0
        )
        let outcome = message.withUnsafeBytes { handler($0, &call) }
        switch outcome {
        case .replied: end(.ok, call.reply)
        case .failed(let status): end(status, [])
        case .deferred: break
        }
    }

    func abandon() {
        isOver = true
        deferred?.cancel()
    }

    func callDeferred(stream: Int32, call: DeferredCall) { deferred = call }

    func acceptCall(stream: Int32) {}

    func finishCall(stream: Int32, status: Status, message: [UInt8]?, trailers: Metadata) {
        end(status, message ?? [])
    }

    private func end(_ status: Status, _ message: [UInt8]) {
        guard !isOver else { return }
        isOver = true
        deferred = nil
        completion(ClientResult(status: status, message: message))
    }
}
