// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordRuntime

/// One call from one node to another, with everything that happens to it on the way. The object
/// holds both ends of the call; the ends exchange only messages, which may be late or lost.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class SimulatedCall: ClientCallHandle, ResponseSink, @unchecked Sendable {
    let call: ClientCall
    private let number: UInt64
    private let caller: SimulatedNode
    private let network: NodeNetwork
    /// The dialled node; 0, which no node has, if the address is not a node's.
    let target: Int
    private var observer: (any ClientCallObserver)?
    private var deadline: ScheduledWork?
    /// The incarnation at the other end of the connection.
    private var life: UInt32?
    private var peer: PeerIdentity?

    // The node at the server's end.
    private var server: SimulatedNode?
    private var deferred: DeferredCall?
    private var serverDeadline: ScheduledWork?
    private var isAccepted = false
    private var isAnswered = false
    private var lastArrival: Int64 = 0
    /// The answer, once it is in flight.
    private(set) var answer: ClientResult?
    /// Whether the call arrived at a process that had ended.
    private(set) var isUnheard = false

    init(
        _ call: ClientCall,
        number: UInt64,
        caller: SimulatedNode,
        network: NodeNetwork,
        observer: any ClientCallObserver
    ) {
        self.call = call
        self.number = number
        self.caller = caller
        self.network = network
        self.observer = observer
        target = SimulatedNode.number(ofAddress: call.target.address) ?? 0
    }

    // MARK: The caller's side

    func start() {
        guard caller.isUp else {
            return finish(.transport(.unavailable, "the process has ended"))
        }
        caller.calls[number] = self
        deadline = caller.executor.schedule(after: call.deadline - caller.executor.now) {
            [weak self] in
            self?.giveUp(
                Status(.deadlineExceeded, "no answer before the deadline", origin: .local)
            )
        }
        if !call.wantsNewConnection, let life = caller.connections[target],
            let node = network.node(target)
        {
            connected(to: node.identity, life: life)
        } else {
            dial()
        }
    }

    func cancel() {
        giveUp(Status(.cancelled, "the caller cancelled", origin: .local))
    }

    private func giveUp(_ status: Status) {
        guard observer != nil else { return }
        finish(ClientResult(status: status, peer: peer))
        guard life != nil else { return }
        toServer { [self] in
            server?.executor.execute { [self] in deferred?.cancel() }
        }
    }

    /// Opening a connection takes a round trip, and needs a running process at the other end.
    private func dial() {
        toServer { [self] in
            guard let node = network.node(target), node.isUp else {
                isUnheard = true
                guard network.settings.refusesWhenDown else { return }
                return toCaller { [self] in
                    finish(
                        .transport(
                            .unavailable,
                            "nothing listens at \(call.target.address)",
                            .nothingListens
                        )
                    )
                }
            }
            node.executor.execute { [self] in
                guard node.isUp else { return }
                toCaller { [self] in dialled(node) }
            }
        }
    }

    private func dialled(_ node: SimulatedNode) {
        guard observer != nil, caller.isUp else { return }
        do throws(IdentityError) {
            try call.target.expected.verify(node.identity, presentedBy: call.target.address)
        } catch {
            return finish(.transport(.unavailable, "\(error)"))
        }
        caller.connections[target] = node.life
        connected(to: node.identity, life: node.life)
    }

    private func connected(to identity: PeerIdentity, life: UInt32) {
        peer = identity
        self.life = life
        // The caller may still be inside `start`, which must not call back.
        caller.executor.execute { [self] in observer?.callSent() }
        let remaining = call.deadline - caller.executor.now
        toServer { [self] in arrived(remaining) }
    }

    func connectionBroke(to number: Int, life: UInt32) {
        guard target == number, self.life == life else { return }
        finish(
            ClientResult(
                status: Status(.unavailable, "connection reset", origin: .transport),
                peer: peer
            )
        )
    }

    /// Ends the call for its caller.
    func finish(_ result: ClientResult) {
        guard let observer else { return }
        self.observer = nil
        deadline?.cancel()
        deadline = nil
        caller.calls[number] = nil
        caller.executor.execute { observer.callFinished(result) }
    }

    // MARK: Delivery

    private var way: NodeNetwork.Call {
        NodeNetwork.Call(caller: caller.number, called: target)
    }

    private func toServer(_ arrival: @escaping @Sendable () -> Void) {
        guard caller.isUp else { return }
        network.transmit(from: caller.number, to: target, of: way, arrival)
    }

    private func toCaller(_ arrival: @escaping @Sendable () -> Void) {
        let due = network.transmit(
            from: target,
            to: caller.number,
            of: way,
            notBefore: lastArrival
        ) { [self] in
            guard caller.isUp else { return }
            caller.executor.execute(arrival)
        }
        lastArrival = max(lastArrival, due ?? 0)
    }

    // MARK: The server's side

    private func arrived(_ remaining: Duration) {
        guard let node = network.node(target), node.isUp, node.life == life else {
            // The process at the address, if there is one, does not know this connection.
            let isThere = network.node(target)?.isUp ?? false
            isUnheard = true
            guard isThere || network.settings.refusesWhenDown else { return }
            return toCaller { [self] in
                guard let life else { return }
                if caller.connections[target] == life { caller.connections[target] = nil }
                connectionBroke(to: target, life: life)
            }
        }
        server = node
        node.executor.execute { [self] in serve(node, remaining) }
    }

    private func serve(_ node: SimulatedNode, _ remaining: Duration) {
        guard node.isUp else {
            isUnheard = true
            return
        }
        let path = Array(call.method.path.utf8)
        guard let route = path.withUnsafeBytes({ node.router.route(path: $0) }) else {
            let status = path.withUnsafeBytes { Router.unimplemented(path: $0) }
            return finishCall(stream: 0, status: status, message: nil, trailers: [])
        }
        let until = node.executor.now + remaining
        var served = ServerCall(
            deadline: until,
            metadata: call.metadata,
            reply: [],
            context: ServerCallContext(
                peer: caller.identity,
                executor: node.executor,
                sink: self
            ),
            stream: 0
        )
        let outcome = call.message.withUnsafeBytes { request in
            node.router.dispatch(route, request: request, call: &served)
        }
        switch outcome {
        case .replied: finishCall(stream: 0, status: .ok, message: served.reply, trailers: [])
        case .failed(let status):
            finishCall(stream: 0, status: status, message: nil, trailers: [])
        case .deferred:
            guard !isAnswered, let deferred else { return }
            serverDeadline = node.executor.schedule(after: remaining) { deferred.cancel() }
        }
    }

    func callDeferred(stream: Int32, call: DeferredCall) {
        deferred = call
    }

    func acceptCall(stream: Int32) {
        guard !isAccepted, !isAnswered, server?.isUp == true else { return }
        isAccepted = true
        toCaller { [self] in observer?.callAccepted([]) }
    }

    func finishCall(stream: Int32, status: Status, message: [UInt8]?, trailers: Metadata) {
        guard !isAnswered else { return }
        isAnswered = true
        serverDeadline?.cancel()
        serverDeadline = nil
        deferred = nil
        guard server?.isUp == true else { return }
        let result = ClientResult(
            status: status,
            message: message ?? [],
            trailers: trailers,
            peer: peer
        )
        answer = result
        if call.method == ChordMethods.getSuccessorList, status.isOK {
            network.hasNewAnswers = true
        }
        toCaller { [self] in finish(result) }
    }
}

extension ClientResult {
    fileprivate static func transport(
        _ code: StatusCode,
        _ message: String,
        _ reason: Status.Reason? = nil
    ) -> ClientResult {
        ClientResult(status: Status(code, message, origin: .transport, reason: reason))
    }
}
