// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordRPC
import NIOConcurrencyHelpers

extension NodeShell {
    /// Looks up the owner of an identifier, from any thread. What this node knows by itself is answered at once;
    /// everything else costs one continuation. Cancelling the task ends the lookup here and at the nodes that forward
    /// it.
    ///
    /// - Throws: `notMember`, `lookupFailed` (also when cancelled) or `deadlineExceeded`.
    package nonisolated func lookup(
        _ id: Identifier,
        timeout: Duration? = nil,
        wantsPath: Bool = false
    ) async throws(ChordError) -> LookupResult {
        let view = view
        if !wantsPath, !Task.isCancelled, case .owner(let owner) = view.step(for: id) {
            return try LookupResult.make(id, .success(view.reply(owner: owner))).get()
        }
        let limits = configuration.lookups
        let duration = min(timeout ?? limits.deadline, limits.longestDeadline)
        let budget =
            limits.hopBudget
            ?? LookupMachine.defaultHopBudget(width: parameters.space.width)
        let caller = LookupCaller()
        let result: Result<LookupResult, ChordError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                executor.runOrExecute { [self] in
                    let run = RecursiveLookup(
                        LookupMachine(
                            target: id,
                            hopBudget: budget,
                            silent: silent.toGoAround(at: executor.now)
                        ),
                        wantsPath: wantsPath,
                        deadline: executor.now + duration,
                        context: lookupContext,
                        executor: executor
                    ) { result, _ in
                        continuation.resume(returning: LookupResult.make(id, result))
                    }
                    if caller.waits(for: run) { run.start() } else { run.abandon() }
                }
            }
        } onCancel: {
            guard let run = caller.cancel() else { return }
            executor.execute { run.abandon() }
        }
        return try result.get()
    }

    /// Looks up the owner of an identifier over several paths that share no node. The owner must
    /// confirm the result. It can be called from any thread.
    ///
    /// - Throws: `notMember`, `lookupFailed` if no owner confirmed, or `deadlineExceeded`.
    package nonisolated func verifiedLookup(
        _ id: Identifier,
        timeout: Duration? = nil
    ) async throws(ChordError) -> LookupResult {
        let limits = configuration.lookups
        let view = view
        var starts: [NodeReference] = []
        switch view.step(for: id) {
        case .owner(let owner) where owner.id == view.node.id:
            // This node knows its own predecessor, so no lookup is needed.
            return try LookupResult.make(id, .success(view.reply(owner: owner))).get()
        case .owner: break
        case .forward(let candidates): starts = candidates
        case .notMember: throw ChordError(lookup: view.notMember)
        case .exhausted, .nameTaken:
            throw ChordError(.lookupFailed, "\(view.node.name) knows no live node to ask")
        }
        let check = AnswerCheck(of: id, isPlaced: states.isRightlyPlaced)
        // A node that was alone until a Notify arrived knows one other node, which is not in its
        // list yet.
        let list = view.successors.isEmpty ? [view.predecessor] : view.successors
        let search = VerifiedSearch(
            check,
            from: starts,
            ways: limits.verifiedWays,
            named: check.owner(in: list, of: view.node.id).map { [$0] } ?? []
        )
        let lookup = VerifiedLookup(
            peers: peers,
            parameters: parameters,
            executor: executor,
            limits: limits
        )
        let duration = min(timeout ?? limits.deadline, limits.longestDeadline)
        return try await lookup.run(search, id, timeout: duration)
    }
}

/// The task that waits for a lookup. It may be cancelled before the lookup starts, and from any
/// thread.
private final class LookupCaller: Sendable {
    private let state = NIOLockedValueBox<(run: RecursiveLookup?, isCancelled: Bool)>((nil, false))

    /// Stores the lookup; false if the task was cancelled before.
    func waits(for run: RecursiveLookup) -> Bool {
        state.withLockedValue { state in
            state.run = run
            return !state.isCancelled
        }
    }

    /// The lookup to abandon; nil if it has not started.
    func cancel() -> RecursiveLookup? {
        state.withLockedValue { state in
            state.isCancelled = true
            return state.run
        }
    }
}
