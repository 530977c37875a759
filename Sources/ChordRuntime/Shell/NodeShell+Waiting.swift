// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC

// Tasks that wait for a time, or for membership.

extension NodeShell {
    /// Waits for a time. The wait ends early if the node ends or the task is cancelled.
    package func pause(_ duration: Duration) async {
        lastWaiter += 1
        let key = lastWaiter
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                guard end == nil, !Task.isCancelled else { return continuation.resume() }
                let timer = executor.schedule(after: duration) { [weak self] in
                    self?.assumeIsolated { $0.endPause(key) }
                }
                pauses[key] = (continuation, timer)
            }
        } onCancel: {
            enter { $0.endPause(key) }
        }
    }

    func endPause(_ key: Int) {
        guard let (continuation, timer) = pauses.removeValue(forKey: key) else { return }
        timer.cancel()
        continuation.resume()
    }

    /// Wakes all tasks in a pause.
    func endPauses() {
        for key in pauses.keys.sorted() { endPause(key) }
    }

    func joined() {
        hasJoined = true
        endPauses()
        for key in joinWaiters.keys.sorted() { joinWaiters.removeValue(forKey: key)?.resume() }
    }

    /// Waits until the node is a member.
    ///
    /// - Throws: the reason why the node will not become a member, or `CancellationError`.
    package func waitUntilJoined() async throws {
        lastWaiter += 1
        let key = lastWaiter
        try await withTaskCancellationHandler {
            // This is checked here because the actor may have run other work while this method was
            // entered.
            try await withCheckedThrowingContinuation {
                (continuation: CheckedContinuation<Void, any Error>) in
                switch (machine.phase, end) {
                case (.member, nil) where reach.tenure.hasJoined: continuation.resume()
                case (_, .failed(let error)): continuation.resume(throwing: error)
                case (_, .left), (.left, _):
                    continuation.resume(
                        throwing: ChordError(.stopped, "the node has left the ring")
                    )
                case (_, nil) where Task.isCancelled:
                    continuation.resume(throwing: CancellationError())
                case (.notJoined, nil), (.founding, nil), (.member, nil):
                    joinWaiters[key] = continuation
                }
            }
        } onCancel: {
            enter { $0.joinWaiters.removeValue(forKey: key)?.resume(throwing: CancellationError()) }
        }
    }
}
