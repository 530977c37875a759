// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import NIOConcurrencyHelpers

@testable import ChordRuntime

/// What happens to calls on their way from one address to another.
enum Fault: Sendable {
    /// The peer is stopped: the connection takes the request and nothing ever comes back.
    case silent
    /// The connections that there are lead nowhere any more; a new one does.
    case silentUntilDialledAnew
    /// No connection comes about, and nothing says so.
    case unconnected
    /// The answer takes longer by this much; acceptance does not.
    case slowAnswer(Duration)
    /// The peer answers with this and nothing else.
    case answers(Status)
    /// The peer accepts lookups, and nothing more comes.
    case silentAfterHeaders
    /// The peer answers lookups with what this gives, and everything else as it should; nil for an honest
    /// answer.
    case lies(@Sendable (FindSuccessorRequest) -> FindSuccessorReply?)
    /// The peer answers lookups of joiners with this, and everything else as it should.
    case refusesJoiners(Status)
    /// Everything takes longer by this much, each way.
    case delay(Duration)
}

/// The faults of a network, and the calls under way on it.
final class FaultPlan: Sendable {
    private struct State {
        var faults: [String: Fault] = [:]
        var calls: [ObjectIdentifier: FaultyCall] = [:]
        var started: [RPCMethod: Int] = [:]
        var startedFrom: [String: [RPCMethod: Int]] = [:]
        var lastOrder = 0
    }

    private let state = NIOLockedValueBox(State())
    /// The time that a message takes one way.
    let latency: Duration

    init(latency: Duration) {
        self.latency = latency
    }

    /// Sets or clears what happens to calls to `to`; from everybody, or from one address.
    func set(_ fault: Fault?, from: String = "*", to: String) {
        state.withLockedValue { $0.faults["\(from) \(to)"] = fault }
    }

    func fault(from: String, to: String) -> Fault? {
        state.withLockedValue { $0.faults["\(from) \(to)"] ?? $0.faults["* \(to)"] }
    }

    /// Calls that were started, by method.
    func started(_ method: RPCMethod) -> Int { state.withLockedValue { $0.started[method] ?? 0 } }

    /// Calls that one caller has started, by method.
    func started(_ method: RPCMethod, from address: String) -> Int {
        state.withLockedValue { $0.startedFrom[address]?[method] ?? 0 }
    }

    /// Calls that have not ended.
    var callsUnderWay: Int { state.withLockedValue { $0.calls.count } }

    /// Calls of a method that have not ended.
    func callsUnderWay(_ method: RPCMethod) -> Int {
        state.withLockedValue { $0.calls.values.count { $0.call.method == method } }
    }

    /// Lookups of one identifier that have not ended.
    func lookupsUnderWay(of id: Identifier) -> Int {
        let calls = state.withLockedValue { Array($0.calls.values) }
        return calls.count { call in
            let request = try? FindSuccessorRequest(decoding: call.call.message, space: .standard)
            return call.call.method == ChordMethods.findSuccessor && request?.id == id
        }
    }

    /// The place of a call among all of them.
    func nextOrder() -> Int {
        state.withLockedValue { state in
            state.lastOrder += 1
            return state.lastOrder
        }
    }

    func begin(_ call: FaultyCall) {
        state.withLockedValue { state in
            state.calls[ObjectIdentifier(call)] = call
            state.started[call.call.method, default: 0] += 1
            state.startedFrom[call.from, default: [:]][call.call.method, default: 0] += 1
        }
    }

    func end(_ call: FaultyCall) {
        state.withLockedValue { $0.calls[ObjectIdentifier(call)] = nil }
    }

    /// Breaks the connections of a node that has crashed.
    func breakCalls(of address: String) {
        let calls = state.withLockedValue { Array($0.calls.values) }
            .filter { $0.from == address || $0.call.target.address == address }
            .sorted { $0.order < $1.order }
        for call in calls {
            call.finish(
                ClientResult(
                    status: Status(.unavailable, "connection reset", origin: .transport),
                    peer: call.peer
                )
            )
        }
    }
}

/// The in-process transport of one node, with latency and faults.
final class FaultyTransport: ClientTransport {
    private let address: String
    private let base: any ClientTransport
    private let plan: FaultPlan
    private let isDead = NIOLockedValueBox(false)
    private let resets = NIOLockedValueBox<[String]>([])

    init(address: String, base: any ClientTransport, plan: FaultPlan) {
        self.address = address
        self.base = base
        self.plan = plan
    }

    /// The addresses whose backoff was reset, in order.
    var backoffResets: [String] { resets.withLockedValue { $0 } }

    func resetBackoff(of address: String) {
        resets.withLockedValue { $0.append(address) }
    }

    /// From now on nothing leaves.
    func kill() {
        isDead.withLockedValue { $0 = true }
    }

    func start(
        _ call: ClientCall,
        on executor: any NodeExecutor,
        observer: any ClientCallObserver
    ) -> any ClientCallHandle {
        let running = FaultyCall(
            call,
            from: address,
            order: plan.nextOrder(),
            plan: plan,
            base: base,
            executor: executor,
            observer: observer
        )
        running.start(
            fault: isDead.withLockedValue { $0 }
                ? .unconnected : plan.fault(from: address, to: call.target.address)
        )
        return running
    }
}

/// A call through a ``FaultyTransport``.
///
/// `@unchecked Sendable`: everything runs on `executor`, which runs one thing at a time.
final class FaultyCall: ClientCallHandle, ClientCallObserver, @unchecked Sendable {
    let call: ClientCall
    let from: String
    let order: Int
    private(set) var peer: PeerIdentity?
    private let plan: FaultPlan
    private let base: any ClientTransport
    private let executor: any NodeExecutor
    private var observer: (any ClientCallObserver)?
    private var inner: (any ClientCallHandle)?
    private var deadline: ScheduledWork?
    private var extra = Duration.zero
    private var answerExtra = Duration.zero
    private var isRefused = false

    init(
        _ call: ClientCall,
        from: String,
        order: Int,
        plan: FaultPlan,
        base: any ClientTransport,
        executor: any NodeExecutor,
        observer: any ClientCallObserver
    ) {
        self.call = call
        self.from = from
        self.order = order
        self.plan = plan
        self.base = base
        self.executor = executor
        self.observer = observer
    }

    func start(fault: Fault?) {
        plan.begin(self)
        deadline = executor.schedule(after: call.deadline - executor.now) { [weak self] in
            self?.finish(
                ClientResult(
                    status: Status(.deadlineExceeded, "no answer in time", origin: .local)
                )
            )
        }
        switch fault {
        case .silentUntilDialledAnew where call.wantsNewConnection: break
        case .unconnected: return
        case .silent, .silentUntilDialledAnew:
            executor.execute { [self] in observer?.callSent() }
            return
        case .answers(let status):
            callFinished(ClientResult(status: status))
            return
        case .silentAfterHeaders where call.method == ChordMethods.findSuccessor:
            executor.execute { [self] in observer?.callSent() }
            callAccepted([])
            return
        case .silentAfterHeaders: break
        case .lies(let lie) where call.method == ChordMethods.findSuccessor:
            guard let message = lying(lie, in: .standard) else { break }
            executor.execute { [self] in observer?.callSent() }
            return callFinished(ClientResult(status: .ok, message: message))
        case .refusesJoiners(let status) where call.method == ChordMethods.findSuccessor:
            let request = try? FindSuccessorRequest(decoding: call.message, space: .standard)
            guard request?.joiner != nil else { break }
            return callFinished(ClientResult(status: status))
        case .lies, .refusesJoiners: break
        case .slowAnswer(let duration): answerExtra = duration
        case .delay(let duration): extra = duration
        case nil: break
        }
        _ = executor.schedule(after: plan.latency + extra) { [self] in
            guard observer != nil else { return }
            inner = base.start(call, on: executor, observer: self)
        }
        executor.execute { [self] in observer?.callSent() }
    }

    private func lying(
        _ lie: (FindSuccessorRequest) -> FindSuccessorReply?,
        in space: IdentifierSpace
    ) -> [UInt8]? {
        guard let request = try? FindSuccessorRequest(decoding: call.message, space: space) else {
            return nil
        }
        return lie(request)?.encoded(in: space)
    }

    func cancel() {
        finish(ClientResult(status: Status(.cancelled, "cancelled here", origin: .local)))
    }

    func callAccepted(_ metadata: Metadata) {
        _ = executor.schedule(after: plan.latency + extra) { [self] in
            observer?.callAccepted(metadata)
        }
    }

    func callFinished(_ result: ClientResult) {
        // What is not the peer's word comes from a connection that was refused: at once.
        peer = result.peer
        _ = executor.schedule(after: plan.latency + extra + answerExtra) { [self] in
            finish(result)
        }
    }

    func finish(_ result: ClientResult) {
        guard let observer else { return }
        self.observer = nil
        deadline?.cancel()
        inner?.cancel()
        inner = nil
        plan.end(self)
        executor.execute { observer.callFinished(result) }
    }
}
