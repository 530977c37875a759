// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
package import ChordRPC
package import ChordWire

/// The answer of a peer.
package struct PeerResponse: Sendable {
    /// The result of the last call.
    package var result: ClientResult
    /// The replies of all calls, if they succeeded.
    package var answers: [[UInt8]]
    /// The dialect of the request.
    package var dialect: any Dialect
}

/// Options of a call to a peer.
package struct CallOptions: Sendable {
    /// The deadline.
    package var deadline: MonotonicTime
    /// The shortest peer timeout.
    package var floor: Duration
    /// How long connecting may take; nil stands for the limit of maintenance.
    package var connectLimit: Duration?
    /// Whether a new connection is used.
    package var isSecondTry = false
    /// The peer timeout for other implementations, which give no sign before their answer.
    package var foreignPatience: Duration?
    /// The only dialect to use; nil stands for the peer's dialect.
    package var only: DialectName?
    /// The claim that goes along with a question for a state.
    package var claim: RangeClaim?

    package init(deadline: MonotonicTime, floor: Duration, connectLimit: Duration? = nil) {
        self.deadline = deadline
        self.floor = floor
        self.connectLimit = connectLimit
    }
}

extension PeerCalls {
    /// Sends a request to a peer in the peer's dialect. The callback runs on `executor`, after this
    /// method has returned.
    @discardableResult
    package func say(
        _ statement: PeerOperation,
        to target: PeerTarget,
        in parameters: RingParameters,
        _ options: CallOptions,
        on executor: any NodeExecutor,
        completion: @escaping @Sendable (PeerResponse) -> Void
    ) -> PeerRequest {
        let saying = PeerRequest(
            statement,
            target,
            parameters,
            options,
            peers: self,
            executor: executor,
            completion: completion
        )
        saying.start()
        return saying
    }

    /// Sends a request and waits for its result. It serves joining and clients. Cancelling the task
    /// ends the calls with the status `cancelled`.
    package func say(
        _ statement: PeerOperation,
        to target: PeerTarget,
        in parameters: RingParameters,
        timeout: Duration,
        on executor: any NodeExecutor
    ) async -> PeerResponse {
        let cancelled = PeerResponse(result: .cancelled, answers: [], dialect: Dialects.native)
        return await executor.answer(orWhenCancelled: cancelled) { [self] completion in
            let options = CallOptions(
                deadline: executor.now + timeout,
                floor: limits.maintenanceFloor
            )
            let saying = say(
                statement,
                to: target,
                in: parameters,
                options,
                on: executor,
                completion: completion
            )
            return { saying.cancel() }
        }
    }
}

/// The calls of one request. Dialects are tried until the peer knows one; a dialect may need
/// several calls.
///
/// `@unchecked Sendable`: every method runs on `executor`, which runs one thing at a time.
package final class PeerRequest: @unchecked Sendable {
    private let statement: PeerOperation
    private let target: PeerTarget
    private let parameters: RingParameters
    private let options: CallOptions
    private let peers: PeerCalls
    private let executor: any NodeExecutor
    private var completion: (@Sendable (PeerResponse) -> Void)?
    private var dialects: ArraySlice<any Dialect>
    private var calls: ArraySlice<DialectCall> = []
    private var answers: [[UInt8]] = []
    private var call: WatchedCall?

    init(
        _ statement: PeerOperation,
        _ target: PeerTarget,
        _ parameters: RingParameters,
        _ options: CallOptions,
        peers: PeerCalls,
        executor: any NodeExecutor,
        completion: @escaping @Sendable (PeerResponse) -> Void
    ) {
        self.statement = statement
        self.target = target
        self.parameters = parameters
        self.options = options
        self.peers = peers
        self.executor = executor
        self.completion = completion
        let order = peers.dialects.order(for: target.address)
        dialects = order.filter { options.only == nil || $0.name == options.only }[...]
    }

    func start() {
        guard let dialect = dialects.first else { return }
        calls = dialect.calls(for: statement, in: parameters)[...]
        answers = []
        guard !calls.isEmpty else {
            // This dialect has no such call. The callback must not run before the caller has
            // returned.
            return executor.execute { [self] in
                finish(ClientResult(status: .ok), dialect)
            }
        }
        next(in: dialect)
    }

    /// Ends the request without an answer.
    func cancel() {
        completion = nil
        call?.cancel()
    }

    private func next(in dialect: any Dialect) {
        guard let request = calls.popFirst() else { return }
        call = peers.call(
            RPCMethod(calling: request.method, of: dialect.service),
            at: target,
            message: request.message,
            deadline: options.deadline,
            // Nodes of other implementations give no sign before their answer, and may be slow. A
            // wrong verdict `dead` would lead to a wrong owner, so they get the longest timeout. A
            // crashed node refuses the connection at once.
            floor: dialect.name == .native ? options.floor : max(options.floor, peers.limits.cap),
            connectLimit: options.connectLimit,
            isSecondTry: options.isSecondTry && answers.isEmpty,
            patience: dialect.name == .native ? nil : options.foreignPatience,
            on: executor
        ) { [self] result in
            ended(result, dialect)
        }
    }

    private func ended(_ result: ClientResult, _ dialect: any Dialect) {
        call = nil
        guard completion != nil else { return }
        let address = target.address
        if result.status.origin == .peer {
            if result.status.code == .unimplemented {
                dialects.removeFirst()
                guard dialects.isEmpty else { return start() }
                peers.dialects.forget(address)
                return finish(result, dialect)
            }
            peers.dialects.answered(address, in: dialect.name, over: result.connection)
        }
        guard result.status.isOK else { return finish(result, dialect) }
        answers.append(result.message)
        if calls.isEmpty { finish(result, dialect) } else { next(in: dialect) }
    }

    private func finish(_ result: ClientResult, _ dialect: any Dialect) {
        let completion = completion.take()
        completion?(PeerResponse(result: result, answers: answers, dialect: dialect))
    }
}
