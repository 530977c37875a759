// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordRuntime
import ChordTransport
import NIOConcurrencyHelpers
import NIOCore
import ServiceLifecycle

// Running and closing a node; a node runs once.

extension ChordNode {
    /// Joins the ring, or begins it, alone or with other founders. Takes part in it until the
    /// surrounding task is shut down gracefully or cancelled. Then leaves the ring and ends the
    /// calls in progress.
    ///
    /// - Throws: `ChordError` with `serviceFailed` if a service does not start; `nameTaken`,
    ///   `parametersDiffer`, `noContact` or `refused` if the node cannot join; `unreachable` if
    ///   other nodes cannot dial its advertised address; `replaced` if a newer process with its
    ///   name took its place.
    public func run() async throws {
        let mayRun = phase.withLockedValue { phase in
            guard phase == .made else { return false }
            phase = .running
            return true
        }
        guard mayRun else {
            throw ChordError(
                .invalidState,
                "run() of node \(configuration.name) was called again, or after "
                    + "close(): a node runs once; make a new one"
            )
        }
        let failure = await remembering {
            let failure: (any Error)?
            do {
                let shell = shell
                transport.onConnectionLoss { [weak shell] in shell?.connectionLost(to: $0) }
                server.onCallerLoss { [weak shell] in shell?.callerLost($0) }
                try await cancelWhenGracefulShutdown { [services] in
                    try await shell.start(services)
                }
                try await server.serve(Router(services, authority: access.control))
                certificateWatch.watch(
                    tls.current,
                    optionalList: configuration.certificates.optionalRevocationList,
                    saying: "certificates"
                )
                certificateReloader.start()
                policyReloader?.start()
                failure = await withGracefulShutdownHandler {
                    await withTaskCancellationHandler {
                        await takePart()
                    } onCancel: {
                        shell.requestLeave()
                    }
                } onGracefulShutdown: {
                    shell.requestLeave()
                }
            } catch let error as ChordError where error.cause is CancellationError {
                // The node was stopped before its services had started.
                failure = nil
            } catch {
                failure = error
            }
            await stop()
            return failure
        }
        phase.withLockedValue { if $0 == .running { $0 = .ended } }
        if let failure { throw failure }
    }

    /// Runs `body`, which returns when the node ends. Meanwhile the state file is kept up to date.
    private func remembering(_ body: () async -> (any Error)?) async -> (any Error)? {
        guard let keeper else { return await body() }
        // The subscription comes first, so that no event is missed.
        let events = shell.events.events()
        return await withTaskGroup(of: Void.self) { [memory, shell] tasks in
            tasks.addTask { await keeper.keep(memory, of: shell, at: events) }
            return await body()
        }
    }

    /// Joins, then stays a member until the node is stopped or fails.
    private func takePart() async -> ChordError? {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.becomeMember() }
            let end = await shell.waitForEnd()
            // A join may be waiting for a silent node.
            tasks.cancelAll()
            return end
        }
    }

    private func becomeMember() async {
        let former = memory.members.filter { $0.name != configuration.name }.map {
            shell.reference(
                name: $0.name,
                address: $0.address,
                incarnation: $0.incarnation,
                placeIndex: $0.place ?? 0
            )
        }
        do throws(ChordError) {
            if configuration.initialRing.isEmpty || memory.isMember {
                // A former member returns to its ring and does not found another one.
                try await shell.join(
                    through: configuration.contacts + configuration.initialRing,
                    for: configuration.joinTimeout,
                    remembering: former,
                    hasBeenMember: memory.isMember,
                    placeIndex: memory.place
                )
            } else {
                try await shell.found(
                    with: configuration.initialRing,
                    for: configuration.joinTimeout
                )
            }
        } catch {
            await shell.fail(error)
        }
    }

    /// Leaves the ring for good: the node's part of the store moves to other nodes first. After that ``run()``
    /// returns. A node that is only stopped keeps its part, and is expected back.
    ///
    /// Cancelling the task while the data move keeps the node in its ring.
    ///
    /// - Throws: `ChordError` with `notMember`; `callFailed` if the data cannot move, with a ``Status`` that
    ///   says which would be lost; `cancelled`. The node then stays.
    public func leave() async throws(ChordError) {
        guard shell.view.phase == .member else {
            throw ChordError(.notMember, "node \(configuration.name) is not a member of a ring")
        }
        do throws(Status) {
            try await shell.leaveForGood()
        } catch {
            guard error.code != .cancelled else {
                throw ChordError(.cancelled, "node \(configuration.name) stays in its ring")
            }
            throw ChordError(
                .callFailed,
                "node \(configuration.name) cannot leave: \(error.message)",
                cause: error
            )
        }
    }

    private func stop() async {
        certificateReloader.stop()
        policyReloader?.stop()
        certificateWatch.stop()
        await shell.leave()
        let hasClosedStore = storeNetwork.gate.close()
        await server.shutdown(grace: configuration.shutdownGrace)
        await shell.stopServices()
        await transport.shutdown(grace: .zero)
        // Operations of the program must not use the event loops after their end.
        if hasClosedStore { await storeNetwork.gate.whenEmpty() }
        await access.audit?.close()
    }

    /// Releases the port, the threads and other resources of a node that will not run or that has
    /// run, without waiting for the last reference to it. It does nothing while the node runs:
    /// graceful shutdown or cancellation ends a running node. A closed node answers no calls.
    public func close() async {
        let isNew = phase.withLockedValue { phase in
            guard phase != .running, phase != .closed else { return false }
            phase = .closed
            return true
        }
        guard isNew else { return }
        await stop()
        try? await ownGroup?.shutdownGracefully()
    }

    /// Waits until this node is a member. In a service it waits at most until graceful shutdown.
    ///
    /// - Throws: the reason why the node will not become a member, or `CancellationError`, also on
    ///   graceful shutdown.
    public func waitUntilJoined() async throws {
        guard !isClosed else { throw ChordError(.stopped, "the node is closed") }
        try await cancelWhenGracefulShutdown { [shell] in try await shell.waitUntilJoined() }
    }

    var isClosed: Bool { phase.withLockedValue { $0 == .closed } }
}
