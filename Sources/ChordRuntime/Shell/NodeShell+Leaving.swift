// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
package import ChordRPC
import Logging

// Leaving the ring.

extension NodeShell {
    /// Starts to leave, from any thread and without waiting. `waitForEnd` returns when it is done.
    ///
    /// - Parameter intent: whether this node is expected back.
    package nonisolated func requestLeave(intent: LeaveNotice.Intent = .returning) {
        Task(executorPreference: executor) { await self.leave(intent: intent) }
    }

    /// Leaves the ring when the services are ready. The neighbours are told. The node waits until
    /// they have answered or failed, but no longer than `leaveTimeout`.
    ///
    /// - Parameter intent: whether this node is expected back; the neighbours hear of it.
    package func leave(intent: LeaveNotice.Intent = .returning) async {
        guard end == nil else { return }
        // An operator's word outweighs the end of the process that follows it.
        if leaveIntent != .forGood { leaveIntent = intent }
        await prepareToLeave()
        guard end == nil else { return }
        perform(machine.leave(intent: leaveIntent))
        ticker?.cancel()
        ticker = nil
        if leavesUnderWay > 0 {
            let timer = executor.schedule(after: configuration.leaveTimeout) { [weak self] in
                self?.assumeIsolated { shell in
                    guard shell.end == nil, shell.leavesUnderWay > 0 else { return }
                    shell.logger.warning(
                        "left before all neighbours answered: they will detect it by themselves"
                    )
                    shell.endLeaving()
                }
            }
            await withCheckedContinuation { continuation in
                // The actor may have run other work since, as the last answer.
                guard leavesUnderWay > 0, end == nil else { return continuation.resume() }
                leaveWaiters.append(continuation)
            }
            timer.cancel()
        }
        finish(.left)
    }

    /// Moves the data of the node's services to other nodes, and leaves the ring after that.
    ///
    /// - Throws: the status of a service that keeps its data; the node then stays.
    package func leaveForGood() async throws(Status) {
        for service in holdingServices { try await service.moveAway() }
        await leave(intent: .forGood)
    }

    func leaveAnswered() {
        leavesUnderWay -= 1
        if leavesUnderWay == 0 { endLeaving() }
    }

    private func endLeaving() {
        for waiter in leaveWaiters { waiter.resume() }
        leaveWaiters = []
    }

    /// Ends the node without a Leave, because it cannot continue.
    package func fail(_ error: ChordError) {
        guard end == nil else { return }
        // Without this the node would still answer as a member.
        perform(machine.leave().filter { !$0.isSendLeave })
        finish(.failed(error))
    }
}
