// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordIdentity
import ChordRPC
import ChordRuntime
import ChordWire

/// Calls of a node's store to the stores of other nodes. All methods and completions run on the node's executor.
///
/// The calls do not count for the ring's judgement of its members: silence of a store is judged by its groups.
package struct StoreCalls: Sendable {
    let context: NodeContext
    let executor: any NodeExecutor

    private let metrics: StoreMetrics

    init(_ context: NodeContext, metrics: StoreMetrics) {
        self.context = context
        self.metrics = metrics
        executor = context.executor
    }

    var space: IdentifierSpace { context.parameters.space }

    /// Calls a method of a node.
    ///
    /// - Parameters:
    ///   - name: the name that the node's certificate must prove.
    ///   - deadline: when to give up.
    @discardableResult
    func call(
        _ method: RPCMethod,
        of name: String,
        at address: String,
        _ message: [UInt8],
        deadline: MonotonicTime,
        _ completion: @escaping @Sendable (_ result: ClientResult, _ wasSent: Bool) -> Void
    ) -> any ClientCallHandle {
        if method == StorePeerMethods.sendChunk { metrics.sentSnapshot(bytes: message.count) }
        let host = NetworkAddress.host(of: address)
        let target = PeerTarget(
            address: address,
            expected: ExpectedPeer(name: name, host: host)
        )
        return context.transport.start(
            ClientCall(target: target, method: method, message: message, deadline: deadline),
            on: executor,
            observer: CallObserver(completion)
        )
    }

    /// Calls a method of a node and decodes the answer; nil without one.
    func ask<Reply: WireMessage>(
        _ method: RPCMethod,
        of member: StoreMember,
        _ request: some WireMessage,
        timeout: Duration,
        _ completion: @escaping @Sendable (Reply?) -> Void
    ) {
        let space = space
        call(
            method,
            of: member.node,
            at: member.address,
            request.encoded(in: space),
            deadline: executor.now + timeout
        ) { result, _ in
            guard result.status.isOK else { return completion(nil) }
            completion(try? Reply(decoding: result.message, space: space))
        }
    }

    /// The same for tasks on the node's executor.
    func answer<Reply: WireMessage>(
        _ method: RPCMethod,
        of member: StoreMember,
        _ request: some WireMessage,
        timeout: Duration,
        isolation: isolated (any Actor)? = #isolation
    ) async -> Reply? {
        await withCheckedContinuation { continuation in
            ask(method, of: member, request, timeout: timeout) {
                continuation.resume(returning: $0)
            }
        }
    }
}

/// Tells of the end of a call, and whether the request had left.
///
/// Unchecked: the transport calls it on the call's executor, one call at a time.
private final class CallObserver: ClientCallObserver, @unchecked Sendable {
    private let completion: @Sendable (ClientResult, Bool) -> Void
    private var wasSent = false

    init(_ completion: @escaping @Sendable (ClientResult, Bool) -> Void) {
        self.completion = completion
    }

    func callSent() { wasSent = true }

    func callFinished(_ result: ClientResult) { completion(result, wasSent) }
}
