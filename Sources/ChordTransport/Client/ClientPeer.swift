// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTLS
import CoreMetrics
import NIOCore
import NIOPosix

/// One peer as called from one event loop: the calls that wait, the connection for new calls, and the
/// connections that are draining. Confined to the loop, which debug builds assert.
final class ClientPeer: @unchecked Sendable {
    let target: PeerTarget
    let client: EventLoopClient
    let address: Result<NetworkAddress, AddressError>
    let expected: ExpectedPeer
    var waiting = CircularBuffer<NetworkCall>()
    var isDialling = false
    /// The connection for new calls, once it is ready.
    var connection: ClientConnection?
    var draining: [ClientConnection] = []
    var backoff: ClientBackoff
    private var alarm = DeadlineAlarm()
    var dialStart: MonotonicTime?
    var redialTimer: Scheduled<Void>?
    /// How long a connection may be silent before it is pinged. It doubles when the peer objects.
    var keepaliveInterval: Duration?

    init(target: PeerTarget, client: EventLoopClient) {
        self.target = target
        self.client = client
        backoff = ClientBackoff(configuration: client.configuration.client)
        keepaliveInterval = client.configuration.client.keepalive.interval
        do throws(AddressError) {
            let parsed = try NetworkAddress(target.address)
            address = .success(parsed)
            var expected = target.expected
            // If no host was named, the certificate must be valid for the one that is dialled.
            if expected.host == nil { expected.host = parsed.host }
            self.expected = expected
        } catch {
            address = .failure(error)
            expected = target.expected
        }
    }

    var connections: [ClientConnection] { draining + (connection.map { [$0] } ?? []) }

    var hasConnection: Bool { isDialling || connection != nil || !draining.isEmpty }

    /// Connections open or being dialled.
    var connectionCount: Int { connections.count + (isDialling ? 1 : 0) }

    /// A connection without calls, which may be closed to make room for another.
    var idleConnection: ClientConnection? {
        guard let connection, connection.state.phase == .ready, connection.table.isEmpty else {
            return nil
        }
        return connection
    }

    // MARK: Calls

    func start(_ call: NetworkCall) {
        assert(client.executor.isCurrent)
        call.peer = self
        // A retried call has had its new connection already, and a connection being dialled is new.
        if call.request.wantsNewConnection, !call.isRetried, connection?.state.phase == .ready {
            connection?.drain()
        }
        if let connection, waiting.isEmpty, connection.hasRoom {
            submit(call, on: connection)
        } else {
            wait(call)
        }
    }

    private func wait(_ call: NetworkCall) {
        let limit = client.configuration.client.maxWaitingCalls
        guard waiting.count < limit else {
            return call.fail(
                Status(
                    .resourceExhausted,
                    "\(limit) calls wait for \(target.address) already",
                    origin: .local
                ),
                isLater: true
            )
        }
        guard connection != nil || isDialling || dial(for: call) else { return }
        waiting.append(call)
        watch(call.deadline)
    }

    private func submit(_ call: NetworkCall, on connection: ClientConnection) {
        watch(call.deadline)
        guard connection.submit(call) else {
            // The connection takes no more calls and has reported that; the call waits for another.
            return wait(call)
        }
    }

    /// Gives waiting calls to the connection, as many as it takes.
    func submitWaiting() {
        while let connection, connection.hasRoom, let call = waiting.popFirst() {
            if call.phase != .finished { submit(call, on: connection) }
        }
    }

    /// A waiting call was ended from this side.
    func abandoned(_ call: NetworkCall) {
        assert(client.executor.isCurrent)
        waiting.removeAll { $0 === call }
    }

    /// The peer has refused a stream without processing it: its call may be retried once.
    func refused(_ call: NetworkCall) {
        assert(client.executor.isCurrent)
        guard call.phase != .finished else { return }
        guard !client.isShuttingDown else {
            return call.fail(EventLoopClient.shuttingDown, isLater: true)
        }
        guard !call.isRetried else {
            return call.fail(
                Status(
                    .unavailable,
                    "\(target.address) refused the call before looking at it",
                    origin: .transport
                ),
                isLater: true
            )
        }
        call.isRetried = true
        client.metrics.callsRetried.increment()
        call.returned()
        start(call)
    }

    /// Fails the waiting calls, except those that wait until the peer is reachable.
    func failWaiting(_ status: Status, all: Bool = false) {
        let calls = waiting
        waiting = []
        for call in calls where call.phase != .finished {
            if !all, call.request.waitsForReady {
                waiting.append(call)
            } else {
                call.fail(status, isLater: true)
            }
        }
        if waiting.isEmpty {
            redialTimer?.cancel()
            redialTimer = nil
        } else {
            redialLater()
        }
    }

    // MARK: Deadlines

    private func watch(_ deadline: MonotonicTime) {
        alarm.include(deadline, on: client.executor.eventLoop) { [weak self] in
            self?.deadlinePassed()
        }
    }

    private func deadlinePassed() {
        alarm.hasFired()
        let now = client.executor.now
        var calls = Array(waiting)
        for connection in connections { calls += connection.calls }
        var next: MonotonicTime?
        for call in calls where call.phase != .finished {
            guard call.deadline <= now else {
                next = min(next ?? call.deadline, call.deadline)
                continue
            }
            let text =
                call.phase == .open
                ? "no answer from \(target.address) before the deadline"
                : "the deadline passed before a connection to \(target.address) had room"
            call.abandon(Status(.deadlineExceeded, text, origin: .local))
        }
        if let next { watch(next) }
    }

    // MARK: Rest and end

    /// - Returns: whether this object can be forgotten.
    func sweep(at now: MonotonicTime) -> Bool {
        assert(client.executor.isCurrent)
        for connection in connections { connection.check(at: now) }
        // A backoff is kept well past its end, or the next failure would start from the shortest wait
        // again.
        let memory = client.configuration.client.maxBackoff * 4
        if let until = backoff.until, until + memory > now { return false }
        return !hasConnection && waiting.isEmpty
    }

    func drain() {
        assert(client.executor.isCurrent)
        failWaiting(EventLoopClient.shuttingDown, all: true)
        connection?.drain()
    }

    func close() {
        assert(client.executor.isCurrent)
        failWaiting(EventLoopClient.shuttingDown, all: true)
        // A dial in progress may take long because of a name server or a silent host. It is no
        // longer needed, so its connection is closed at once.
        isDialling = false
        for connection in connections {
            connection.close(because: "this side is shutting down")
        }
    }
}
