// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore
import ChordRPC

extension StoreNode {
    /// Bytes of entries from which on a work of the rows takes no more. A longer work lets other ranges wait longer; a
    /// shorter one does the same for each entry more often.
    static let bytesOfWork = 256 << 10

    /// Applies committed entries, as few works of the rows as their sizes allow.
    func applyAtOnce(_ entries: [LogEntry], of replica: Replica) {
        guard replica.unapplied.isEmpty else {
            replica.keepUnapplied(entries)
            return
        }
        for work in entries.divided(byBytes: Self.bytesOfWork) { applyByOneWork(work, of: replica) }
    }

    private func applyByOneWork(_ entries: [LogEntry], of replica: Replica) {
        guard let last = entries.last?.index else { return }
        let state = replica.state
        let range = replica.range
        let sequence = rows.submit(
            { transaction throws(StoreError) in
                try state.refresh(in: &transaction)
                return try state.apply(entries, in: &transaction)
            },
            { [weak self] result in
                self?.assumeIsolated { node in
                    let replica = node.replicas[range]
                    if case .success(let outcome) = result {
                        let isLed = replica?.isLeader == true
                        for child in outcome.births { node.bear(child, of: range, isLed: isLed) }
                        if outcome.hasDiscardedRows { node.clearDiscardedRows() }
                    }
                    guard let replica else { return }
                    switch result {
                    case .success(let outcome): node.applied(entries, outcome, of: replica)
                    case .failure(let error): node.notApplied(entries, error, of: replica)
                    }
                }
            }
        )
        replica.undurable.append((sequence, last))
    }

    /// The work that applied these entries was undone, so its place says nothing about what is durable.
    private func forget(_ entries: [LogEntry], of replica: Replica) {
        replica.undurable.removeAll { $0.index == entries.last?.index }
    }

    private func applied(
        _ entries: [LogEntry],
        _ outcome: AppliedState.Outcome,
        of replica: Replica
    ) {
        entriesApplied &+= UInt64(entries.count)
        countBytes(from: replica.view.size, to: outcome.view.size)
        replica.view = outcome.view
        noteBounds(of: replica)
        publish(outcome.changes, of: replica)
        for (entry, result) in zip(entries, outcome.results) {
            answer(entry, result, of: replica)
        }
        runConfirmedReads(of: replica)
        driveTogether(replica) { $0.applied(through: outcome.view.applied) }
        if outcome.results.contains(.descriptorChanged) { placeAtOnce(replica.range) }
    }

    /// Committed entries must be applied. A full disk is waited for; a replica that cannot read its data or
    /// does not know an entry stops and counts as lost.
    private func notApplied(_ entries: [LogEntry], _ error: StoreError, of replica: Replica) {
        // What was submitted after a refused work fails because entries before it are missing. Works end in their order.
        let isNext = entries.first?.index == replica.view.applied.successor
        guard error.code == .diskFull || !isNext else { return failed(error, of: replica.range) }
        forget(entries, of: replica)
        let isFirst = replica.unapplied.isEmpty
        replica.keepUnapplied(entries)
        if isFirst { applyAgainLater(replica.range) }
    }

    private func applyAgainLater(_ range: RangeID) {
        _ = executor.schedule(after: .seconds(1)) { [weak self] in
            self?.assumeIsolated { node in
                guard node.failure == nil, let replica = node.replicas[range] else { return }
                // A snapshot replaces what these entries build on.
                guard !replica.isInstalling else { return node.applyAgainLater(range) }
                let entries = replica.unapplied
                replica.unapplied = []
                node.applyAtOnce(entries, of: replica)
            }
        }
    }

    /// The engine has made the changes of works durable, so the log need not keep their entries.
    func rowsDurable(through sequence: RowSequence) {
        for replica in replicas.values {
            let durable = replica.undurable.prefix { $0.sequence <= sequence }
            guard let last = durable.last else { continue }
            replica.durablyApplied = max(replica.durablyApplied, last.index)
            replica.undurable.removeFirst(durable.count)
            compact(replica)
        }
    }

    // MARK: - Writes

    /// Proposes a write at this node's replica of its range.
    package func write(
        _ write: WriteCommand,
        _ completion: @escaping @Sendable (WriteResult) -> Void
    ) {
        if let failure { return completion(.failed(.unavailable(failure))) }
        if let refusal = lackOfRoom(for: write) { return completion(.failed(refusal)) }
        guard let replica = replica(at: write.position) else {
            return completion(.failed(absence(of: write.position)))
        }
        if let reached = quota.reached, write.mayGrow {
            return completion(.failed(.quotaReached(reached)))
        }
        propose(.write(write), at: replica, completion)
    }

    /// Sets the number of voters that the range with a position wants.
    package func setReplication(
        _ count: Int,
        at position: Identifier,
        _ completion: @escaping @Sendable (WriteResult) -> Void
    ) {
        if let failure { return completion(.failed(.unavailable(failure))) }
        guard let replica = replica(at: position) else {
            return completion(.failed(absence(of: position)))
        }
        propose(.setReplication(count), at: replica, completion)
    }

    /// Makes all later versions of the range with a position higher than one.
    package func raiseVersions(
        above floor: LogIndex,
        at position: Identifier,
        _ completion: @escaping @Sendable (WriteResult) -> Void
    ) {
        if let failure { return completion(.failed(.unavailable(failure))) }
        guard let replica = replica(at: position) else {
            return completion(.failed(absence(of: position)))
        }
        propose(.raiseVersions(above: floor), at: replica, completion)
    }

    func propose(
        _ action: RangeCommand.Action,
        at replica: Replica,
        _ completion: @escaping @Sendable (WriteResult) -> Void
    ) {
        let command = RangeCommand(time: replica.time(at: executor.now), action: action)
        let payload = command.encoded(in: space)
        var refused: RaftRefusal?
        driveTogether(replica) { machine in
            do throws(RaftRefusal) {
                let place = try machine.propose(payload)
                if action.changesDescriptor { replica.decidedThrough = place.index }
                replica.writes[place.index] = PendingWrite(
                    term: place.term,
                    completion: completion
                )
            } catch {
                refused = error
            }
        }
        if let refused { completion(.failed(refusal(refused, of: replica))) }
    }

    private func answer(_ entry: LogEntry, _ result: AppliedEntry, of replica: Replica) {
        guard let write = replica.writes.removeValue(forKey: entry.index) else { return }
        guard write.term == entry.term else {
            // Another leader's entry stands in its place, so the write was never committed.
            return write.completion(.failed(.elsewhere(hint(of: replica))))
        }
        switch result {
        case .written(let outcome): write.completion(.done(outcome, replica.view))
        case .refused(let reason): write.completion(.failed(.refused(reason)))
        case .nothing, .expired, .descriptorChanged, .split:
            let version = replica.view.version
            let outcome = WriteOutcome(applied: true, version: version, operations: [])
            write.completion(.done(outcome, replica.view))
        }
    }

    func refusal(_ reason: RaftRefusal, of replica: Replica) -> StoreRefusal {
        switch reason {
        case .notLeader, .transferring, .halted: .elsewhere(hint(of: replica))
        default: .busy(reason.description)
        }
    }
}
