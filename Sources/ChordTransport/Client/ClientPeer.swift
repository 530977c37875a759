// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTLS
import CoreMetrics
import NIOCore
import NIOPosix

/// One peer as called from one loop: the calls that wait for it, the connection that new calls use,
/// and those that still finish what they have. Confined to the loop.
final class ClientPeer: @unchecked Sendable {
    let target: PeerTarget
    let client: EventLoopClient
    private let address: Result<NetworkAddress, AddressError>
    private let expected: ExpectedPeer
    private var waiting = CircularBuffer<NetworkCall>()
    private var isDialling = false
    /// What new calls use, once it is ready.
    private(set) var connection: ClientConnection?
    private var draining: [ClientConnection] = []
    var backoff: ClientBackoff
    private var alarm = DeadlineAlarm()
    private var dialStart: MonotonicTime?
    private var redialTimer: Scheduled<Void>?
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
            // Where no host was named, the certificate must hold for the one that was dialled.
            if expected.host == nil { expected.host = parsed.host }
            self.expected = expected
        } catch {
            address = .failure(error)
            expected = target.expected
        }
    }

    var connections: [ClientConnection] { draining + (connection.map { [$0] } ?? []) }

    var hasConnection: Bool { isDialling || connection != nil || !draining.isEmpty }

    /// Connections open or on their way.
    var connectionCount: Int { connections.count + (isDialling ? 1 : 0) }

    /// The connection that could make way for another, as nobody uses it.
    var idleConnection: ClientConnection? {
        guard let connection, connection.phase == .ready, connection.table.isEmpty else {
            return nil
        }
        return connection
    }

    // MARK: Calls

    func start(_ call: NetworkCall) {
        call.peer = self
        // One that was refused there has had its new connection, and one that is being made is new.
        if call.request.wantsNewConnection, !call.isRetried, connection?.phase == .ready {
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
            // The connection takes no more; it has said so to us, and the call finds another.
            return wait(call)
        }
    }

    /// Gives waiting calls to the connection, as many as it takes.
    private func submitWaiting() {
        while let connection, connection.hasRoom, let call = waiting.popFirst() {
            if call.phase != .finished { submit(call, on: connection) }
        }
    }

    /// A call that waits was ended from this side.
    func abandoned(_ call: NetworkCall) {
        waiting.removeAll { $0 === call }
    }

    /// The peer has refused a stream unseen: its call may be tried once more.
    func refused(_ call: NetworkCall) {
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

    /// Fails the calls that wait, but for those that are to wait until the peer is there.
    private func failWaiting(_ status: Status, all: Bool = false) {
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

    /// Dials again, for the calls that wait for it, as soon as that may be.
    private func redialLater() {
        guard redialTimer == nil else { return }
        let wait = backoff.remaining(at: client.executor.now) ?? .zero
        redialTimer = client.executor.eventLoop.scheduleTask(in: TimeAmount(clamping: wait)) {
            [weak self] in
            self?.redialTimer = nil
            self?.redial()
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

    // MARK: Dialling

    /// Starts to dial, or fails the call because that may not be yet.
    private func dial(for call: NetworkCall) -> Bool {
        let host: NetworkAddress
        switch address {
        case .success(let parsed): host = parsed
        case .failure(let error):
            call.fail(Status(.unavailable, error.message, origin: .transport), isLater: true)
            return false
        }
        if let remaining = backoff.remaining(at: client.executor.now) {
            if call.request.waitsForReady {
                redialLater()
                return true
            }
            call.fail(
                unreachable(backoff.lastFailure, backoff.lastReason, until: remaining),
                isLater: true
            )
            return false
        }
        guard client.makeRoomToDial() else {
            call.fail(
                Status(
                    .resourceExhausted,
                    "as many connections as allowed are open, and all are in use",
                    origin: .local
                ),
                isLater: true
            )
            return false
        }
        dial(host)
        return true
    }

    private func unreachable(
        _ reason: String,
        _ failure: Status.Reason? = nil,
        until remaining: Duration
    ) -> Status {
        var status = Status(
            .unavailable,
            "cannot reach \(target.address): \(reason)",
            origin: .transport,
            reason: failure
        )
        status.redialMilliseconds = UInt32(clamping: remaining.clampedNanoseconds / 1_000_000)
        return status
    }

    private func dial(_ host: NetworkAddress) {
        isDialling = true
        dialStart = client.executor.now
        let settings = client.configuration.client
        let number = host.numericAddress
        let side = TLSConnection.Side.client(
            expected: expected,
            // TLS has names of servers only for hosts that are no numbers.
            serverName: number == nil ? host.host : nil,
            address: target.address
        )
        let bootstrap = ConnectionSockets(client.configuration)
            .set(on: ClientBootstrap(group: client.executor.eventLoop))
            .connectTimeout(TimeAmount(clamping: settings.connectTimeout))
            .channelOption(.recvAllocator, value: ConnectionBuffers.receiving)
            // A name with several addresses makes several channels, of which one is kept.
            .channelInitializer { [client, target] channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = ClientConnection(client: client, address: target.address)
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler(context: connection.judgedBy, side: side), connection,
                    ])
                }
            }
        // The system looks up a number too, and on another thread.
        let dialled =
            number.map { bootstrap.connect(to: $0) }
            ?? bootstrap.connect(host: host.host, port: host.port)
        dialled.whenComplete { [self] result in
            switch result {
            case .success(let channel): connected(channel)
            case .failure(let error):
                dialFailed(DialFailure.describe(error), DialFailure.reason(for: error))
            }
        }
    }

    private func connected(_ channel: any Channel) {
        isDialling = false
        guard
            let connection = try? channel.pipeline.syncOperations.handler(
                type: ClientConnection.self
            )
        else {
            channel.close(promise: nil)
            return dialFailed("the connection closed at once")
        }
        guard !client.isShuttingDown else {
            channel.close(promise: nil)
            return dialFailed("this side is shutting down")
        }
        self.connection = connection
        connection.attach(to: self)
    }

    private func dialFailed(_ reason: String, _ failure: Status.Reason? = nil) {
        isDialling = false
        client.metrics.clientDialFailures.increment()
        let now = client.executor.now
        var generator = client.executor.generator
        backoff.failed(reason, failure, at: now, using: &generator)
        client.log.failure(
            "a peer cannot be reached",
            peer: target.address,
            error: Status(.unavailable, reason, origin: .transport, reason: failure),
            // A peer that stays away is news once.
            isRoutine: backoff.failures > 1,
            at: now
        )
        failWaiting(unreachable(reason, failure, until: backoff.remaining(at: now) ?? .zero))
        client.connectionClosed()
    }

    func resetBackoff() {
        backoff.reset()
        if redialTimer != nil {
            redialTimer?.cancel()
            redialTimer = nil
            redial()
        }
    }

    // MARK: The connections' reports

    func connectionReady(_ connection: ClientConnection) {
        guard connection === self.connection else { return }
        if backoff.failures > 0 {
            client.log.change("a peer is reached again", address: target.address)
        }
        backoff.reset()
        client.metrics.clientConnections.increment()
        if let dialStart {
            client.metrics.dialTime.recordNanoseconds(
                (client.executor.now - dialStart).clampedNanoseconds
            )
        }
        submitWaiting()
    }

    /// A stream has ended, or the peer allows more of them.
    func connectionHasRoom(_ connection: ClientConnection) {
        if !waiting.isEmpty { submitWaiting() }
    }

    /// The connection takes no new calls any more and finishes those it has.
    func connectionDrains(_ connection: ClientConnection) {
        guard connection === self.connection else { return }
        self.connection = nil
        draining.append(connection)
        redial()
    }

    /// The connection is gone; its calls have been told.
    func connectionClosed(
        _ connection: ClientConnection,
        wasReady: Bool,
        reason: String,
        failure: Status.Reason?
    ) {
        draining.removeAll { $0 === connection }
        if connection === self.connection {
            self.connection = nil
            if wasReady {
                // Nobody had announced it: the peer is gone, or the way to it.
                if !client.isShuttingDown { client.losses.report(target.address) }
                redial()
            } else {
                dialFailed(reason, failure)
            }
        }
        client.connectionClosed()
    }

    /// Calls that wait need another connection, at once.
    private func redial() {
        guard let first = waiting.first, connection == nil, !isDialling else { return }
        guard !client.isShuttingDown else {
            return failWaiting(EventLoopClient.shuttingDown, all: true)
        }
        if let remaining = backoff.remaining(at: client.executor.now) {
            return failWaiting(
                unreachable(backoff.lastFailure, backoff.lastReason, until: remaining)
            )
        }
        // What keeps the first call from being dialled for keeps them all.
        if !dial(for: first) { failWaiting(unreachable("no dial is possible", until: .zero)) }
    }

    // MARK: Rest and end

    /// - Returns: whether nothing is left here to remember.
    func sweep(at now: MonotonicTime) -> Bool {
        for connection in connections { connection.sweep(at: now) }
        // A backoff is remembered well past its end, or the next failure would start from the least
        // wait again.
        let memory = client.configuration.client.maxBackoff * 4
        if let until = backoff.until, until + memory > now { return false }
        return !hasConnection && waiting.isEmpty
    }

    func drain() {
        failWaiting(EventLoopClient.shuttingDown, all: true)
        connection?.drain()
    }

    func close() {
        failWaiting(EventLoopClient.shuttingDown, all: true)
        // A dial under way may take as long as a name server or a silent host likes. Nobody waits for it:
        // what comes of it closes at once.
        isDialling = false
        for connection in connections {
            connection.close(because: "this side is shutting down")
        }
    }
}
