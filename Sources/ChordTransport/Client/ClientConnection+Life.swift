// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC
import ChordTLS
import CoreMetrics
import NIOCore

/// Executes the decisions of `ClientConnectionState`.
extension ClientConnection {
    /// The handler between this one and the socket.
    private var tlsHandler: TLSHandler? {
        try? context?.pipeline.syncOperations.handler(type: TLSHandler.self)
    }

    /// Takes no new calls and closes once those under way have ended.
    func drain() {
        carryOut(state.drain(hasCalls: !table.isEmpty))
    }

    /// A call on this connection was ended from this side.
    func abandoned(_ call: NetworkCall, isOverdue: Bool) {
        guard table.remove(call), let session else { return }
        hold(0, for: call)
        session.reset(stream: call.stream, errorCode: .cancel)
        call.flow?.leave(session)
        carryOut(
            state.callAbandoned(
                at: client.executor.now,
                isOverdue: isOverdue,
                sentAt: call.sentAt
            )
        )
        scheduleFlush()
        hasGainedRoom()
    }

    /// Looks whether the connection is still of use.
    func check(at now: MonotonicTime) {
        let distrust = trust.refusal(
            of: peerIdentity,
            by: client.tls.current,
            wallClockMilliseconds: client.executor.wallClockMilliseconds,
            tlsHandler
        )
        carryOut(state.check(at: now, hasCalls: !table.isEmpty, distrust: distrust))
    }

    func carryOut(_ actions: [ClientConnectionState.Action]) {
        assert(client.executor.isCurrent)
        guard !actions.isEmpty else { return }
        for action in actions { carryOut(action) }
        armTimer()
    }

    func armTimer() {
        guard let deadline = state.nextDeadline else { return }
        timer.include(deadline, on: client.executor.eventLoop) { [weak self] in
            self?.timeReached()
        }
    }

    private func timeReached() {
        timer.hasFired()
        carryOut(state.timeReached(client.executor.now, hasCalls: !table.isEmpty))
        armTimer()
    }

    private func carryOut(_ action: ClientConnectionState.Action) {
        switch action {
        case .sendPing(let value):
            session?.ping(value)
            scheduleFlush()
        case .reportDraining: peer?.connectionDrains(self)
        case .reportPingsRefused: peer?.pingsRefused()
        case .reportCalm(let reason): peer?.askedForCalm(self, reason)
        case .releaseMemory:
            session?.releaseMemory()
            output.releaseMemory()
            tlsHandler?.releaseMemory()
        case .close(let reason):
            if case .silence = reason { client.metrics.silentConnections.increment() }
            closeChannel()
        }
    }

    // MARK: The end

    /// The peer broke the rules of HTTP/2: it is told, and the connection ends.
    func fail(_ error: HTTP2Error) {
        client.metrics.clientProtocolErrors.increment()
        if let session, let context, state.phase != .closed,
            (try? output.write(from: session, to: context)) == true
        {
            reportSent()
        }
        close(because: "\(error)")
    }

    /// Closes the connection after the output that is already written; its calls fail now.
    func close(because reason: String) {
        assert(client.executor.isCurrent)
        if state.close(because: reason) { closeChannel() }
    }

    private func closeChannel() {
        if let session, let context {
            // Calls that will be retried must not also be sent here.
            for call in unsent { session.reset(stream: call.stream, errorCode: .cancel) }
            session.goAway()
            _ = try? output.write(from: session, to: context)
        }
        ended()
        context?.close(promise: nil)
    }

    var lost: Status {
        let what =
            state.wasReady
            ? "the connection to \(address) was lost" : "cannot connect to \(address)"
        return Status(
            .unavailable,
            "\(what): \(state.reason ?? "the peer closed it")",
            origin: .transport,
            reason: failure
        )
    }

    /// Fails or retries the calls, and tells the peer object, once.
    func ended() {
        timer.cancel()
        // Calls that have not left this side can be sent again without harm.
        let unseen = Set(unsent.map(ObjectIdentifier.init))
        unsent = []
        let status = lost
        var retried: [NetworkCall] = []
        for call in table.removeAll() {
            let isRepeatable = call.flow?.isReplayable ?? true
            if peer != nil, isRepeatable, unseen.contains(ObjectIdentifier(call)) {
                retried.append(call)
            } else {
                call.fail(status, peer: peerIdentity, isLater: true)
            }
        }
        guard let peer else { return }
        defer { for call in retried { peer.refused(call) } }
        self.peer = nil
        peer.connectionClosed(
            self,
            wasReady: state.wasReady,
            reason: state.reason ?? "the peer closed the connection",
            failure: failure
        )
    }
}
