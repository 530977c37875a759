// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordRPC

extension StoreNode {
    /// Applies committed entries by one work of the rows.
    func apply(_ entries: [LogEntry], of replica: Replica) {
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
                    guard let replica = node.replicas[range] else { return }
                    switch result {
                    case .success(let outcome): node.applied(entries, outcome, of: replica)
                    case .failure(let error): node.notApplied(entries, error, of: replica)
                    }
                }
            }
        )
        replica.undurable.append((sequence, last))
    }

    private func applied(
        _ entries: [LogEntry],
        _ outcome: AppliedState.Outcome,
        of replica: Replica
    ) {
        replica.view = outcome.view
        for (entry, result) in zip(entries, outcome.results) {
            answer(entry, result, of: replica)
        }
        runConfirmedReads(of: replica)
        drive(replica) { $0.applied(through: outcome.view.applied) }
    }

    /// Committed entries must be applied. A full disk is waited for; a replica that cannot read its data or
    /// does not know an entry stops and counts as lost.
    private func notApplied(_ entries: [LogEntry], _ error: StoreError, of replica: Replica) {
        guard error.code == .diskFull else { return fail(error) }
        let range = replica.range
        _ = executor.schedule(after: .seconds(1)) { [weak self] in
            self?.assumeIsolated { node in
                guard let replica = node.replicas[range] else { return }
                node.apply(entries, of: replica)
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
        guard let replica = replica(at: write.position) else {
            return completion(.failed(.notHere))
        }
        propose(.write(write), at: replica, completion)
    }

    func propose(
        _ action: RangeCommand.Action,
        at replica: Replica,
        _ completion: @escaping @Sendable (WriteResult) -> Void
    ) {
        let command = RangeCommand(time: replica.time(at: executor.now), action: action)
        let payload = command.encoded(in: space)
        drive(replica) { machine in
            do throws(RaftRefusal) {
                let place = try machine.propose(payload)
                replica.writes[place.index] = PendingWrite(
                    term: place.term,
                    completion: completion
                )
            } catch {
                completion(.failed(refusal(error, of: replica)))
            }
        }
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
        case .nothing, .expired, .descriptorChanged:
            let outcome = WriteOutcome(applied: true, version: entry.index, operations: [])
            write.completion(.done(outcome, replica.view))
        }
    }

    func refusal(_ reason: RaftRefusal, of replica: Replica) -> StoreRefusal {
        switch reason {
        case .notLeader, .transferring, .halted: .elsewhere(hint(of: replica))
        case .tooMuchUncommitted, .termNotCommitted, .changePending: .busy(reason.description)
        case .entryTooLarge, .sameConfiguration, .notVoter, .noSnapshotNeeded, .wrongAddress,
            .unknownSender, .secondLeader, .malformed:
            .busy(reason.description)
        }
    }

    // MARK: - Reads

    /// Reads at this node's replica, after a majority has confirmed that it leads.
    ///
    /// - Parameter run: reads the rows, as a work of the engine.
    package func read<Output: Sendable>(
        at position: Identifier,
        _ run:
            @escaping @Sendable (RangeState, inout any RowEngineTransaction) throws(StoreError) ->
            Output,
        _ completion: @escaping @Sendable (Result<(Output, RangeView), StoreRefusal>) -> Void
    ) {
        if let failure { return completion(.failure(.unavailable(failure))) }
        guard let replica = replica(at: position) else { return completion(.failure(.notHere)) }
        let id = replica.nextRead()
        replica.reads[id] = PendingRead { [weak self] in
            guard let self else { return }
            assumeIsolated { $0.perform(run, at: position, of: replica.range, completion) }
        } failed: { refusal in
            completion(.failure(refusal))
        }
        drive(replica) { machine in
            do throws(RaftRefusal) {
                try machine.read(id)
            } catch {
                replica.reads[id] = nil
                completion(.failure(refusal(error, of: replica)))
            }
        }
    }

    private func perform<Output: Sendable>(
        _ run:
            @escaping @Sendable (RangeState, inout any RowEngineTransaction) throws(StoreError) ->
            Output,
        at position: Identifier,
        of range: RangeID,
        _ completion: @escaping @Sendable (Result<(Output, RangeView), StoreRefusal>) -> Void
    ) {
        guard let state = replicas[range]?.state else { return completion(.failure(.notHere)) }
        rows.submit(
            { transaction throws(StoreError) -> (Output, RangeView)? in
                try state.refresh(in: &transaction)
                // A split may have moved the position meanwhile.
                guard state.state.descriptor.bounds.contains(position) else { return nil }
                return (try run(state.state, &transaction), RangeView(state.state))
            },
            { result in
                switch result {
                case .success(let output?): completion(.success(output))
                case .success(nil): completion(.failure(.notHere))
                case .failure(let error): completion(.failure(.unavailable(error)))
                }
            }
        )
    }

    /// A majority has confirmed the reads: they run once everything up to the index is applied.
    func confirm(_ ids: [UInt64], at index: LogIndex, of replica: Replica) {
        let reads = ids.compactMap { replica.reads.removeValue(forKey: $0) }
        replica.confirmed.append((index, reads))
        runConfirmedReads(of: replica)
    }

    func runConfirmedReads(of replica: Replica) {
        while let first = replica.confirmed.first, first.index <= replica.view.applied {
            replica.confirmed.removeFirst()
            for read in first.reads { read.run() }
        }
    }

    func failReads(_ ids: [UInt64], of replica: Replica) {
        let hint = hint(of: replica)
        for id in ids { replica.reads.removeValue(forKey: id)?.failed(.elsewhere(hint)) }
    }

    // MARK: - Finding

    /// This node's replica whose range has the position.
    func replica(at position: Identifier) -> Replica? {
        replicas.values.first { $0.view.descriptor.bounds.contains(position) }
    }

    /// What this node knows of a range of which it has a replica.
    func hint(of replica: Replica) -> RangeHint {
        RangeHint(
            descriptor: replica.view.descriptor,
            leader: replica.machine.leader,
            term: replica.machine.term
        )
    }

    /// The range with a position, if this node has a replica of it.
    package func locate(_ position: Identifier) -> RangeHint? {
        replica(at: position).map(hint)
    }
}
