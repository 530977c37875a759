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

// The life of a node: it runs once, and is closed.

extension ChordNode {
    /// Serves the ring: joins it (or makes it, alone or with other founders), takes part until the surrounding
    /// task is shut down gracefully or cancelled, then leaves and ends what is under way.
    ///
    /// - Throws: `ChordError` with `serviceFailed` when a service does not start; `nameTaken`,
    ///   `parametersDiffer`, `noContact` or `refused` when it cannot join; `unreachable` when the others cannot dial its advertised address; `replaced` when a newer life of this node took its place.
    public func run() async throws {
        let mayRun = phase.withLockedValue { phase in
            guard phase == .made else { return false }
            phase = .running
            return true
        }
        guard mayRun else {
            throw ChordError(
                .invalidState,
                "run() of node \(configuration.name) was called again: a node runs once, and is not run "
                    + "after close(); make another one"
            )
        }
        let failure = await remembering {
            let failure: (any Error)?
            do {
                let shell = shell
                transport.onConnectionLoss { [weak shell] in shell?.connectionLost(to: $0) }
                try await cancelWhenGracefulShutdown { [services] in
                    try await shell.start(services)
                }
                try await server.serve(Router(services))
                tell(of: tls.current, "certificates")
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
                // The node was to end before its services had started.
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

    /// Runs `body`, which ends with the node, and writes down meanwhile what the node is to remember.
    private func remembering(_ body: () async -> (any Error)?) async -> (any Error)? {
        guard let keeper else { return await body() }
        // Listening begins before anything happens, so that nothing is missed.
        let events = shell.events.events()
        return await withTaskGroup(of: Void.self) { [memory, shell] tasks in
            tasks.addTask { await keeper.keep(memory, of: shell, at: events) }
            return await body()
        }
    }

    /// Becomes a member and is one, until the node is to end or cannot go on.
    private func takePart() async -> ChordError? {
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.becomeMember() }
            let end = await shell.waitForEnd()
            // Joining may be in the middle of a call to somebody who is silent.
            tasks.cancelAll()
            return end
        }
    }

    private func becomeMember() async {
        let former = memory.members.filter { $0.name != configuration.name }.map {
            shell.reference(name: $0.name, address: $0.address, incarnation: $0.incarnation)
        }
        do throws(ChordError) {
            if configuration.initialRing.isEmpty || memory.isMember {
                // Who has been a member goes back to that ring, and does not found another.
                try await shell.join(
                    through: configuration.contacts + configuration.initialRing,
                    for: configuration.joinTimeout,
                    remembering: former,
                    hasBeenMember: memory.isMember
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

    private func stop() async {
        certificateWatch.stop()
        await shell.leave()
        await server.shutdown(grace: configuration.shutdownGrace)
        await shell.stopServices()
        await transport.shutdown(grace: .zero)
    }

    /// Frees the port, the threads and the other things of a node that is not going to run, or that has run:
    /// at once, rather than when the last reference to it goes. It does nothing to a node that runs, which is
    /// ended by graceful shutdown or cancellation. A closed node is not asked anything any more.
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

    /// Waits until this node is a member. In a service it waits no longer than until graceful shutdown.
    ///
    /// - Throws: why it will not become one, or `CancellationError`, also on graceful shutdown.
    public func waitUntilJoined() async throws {
        guard !isClosed else { throw ChordError(.stopped, "the node is closed") }
        try await cancelWhenGracefulShutdown { [shell] in try await shell.waitUntilJoined() }
    }

    var isClosed: Bool { phase.withLockedValue { $0 == .closed } }
}
