// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore

extension StoreNode {
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
        guard let replica = replica(at: position) else {
            return completion(.failure(absence(of: position)))
        }
        let range = replica.range
        beginRead(of: replica) { [weak self] in
            guard let self else { return }
            assumeIsolated { $0.perform(run, at: position, of: range, completion) }
        } failed: { refusal in
            completion(.failure(refusal))
        }
    }

    /// Has a majority confirm that this node's replica leads.
    ///
    /// - Parameters:
    ///   - run: called when the replica has applied everything that was committed when the read began.
    ///   - failed: called instead if the replica does not lead.
    func beginRead(
        of replica: Replica,
        _ run: @escaping @Sendable () -> Void,
        failed: @escaping @Sendable (StoreRefusal) -> Void
    ) {
        let id = replica.nextRead()
        replica.reads[id] = PendingRead(run: run, failed: failed)
        var refused: RaftRefusal?
        driveTogether(replica) { machine in
            do throws(RaftRefusal) {
                try machine.read(id)
            } catch {
                refused = error
            }
        }
        if let refused {
            replica.reads[id] = nil
            failed(refusal(refused, of: replica))
        }
    }

    /// Reads the rows as they are once the works before have run.
    func perform<Output: Sendable>(
        _ run:
            @escaping @Sendable (RangeState, inout any RowEngineTransaction) throws(StoreError) ->
            Output,
        at position: Identifier,
        of range: RangeID,
        _ completion: @escaping @Sendable (Result<(Output, RangeView), StoreRefusal>) -> Void
    ) {
        guard let replica = replicas[range] else { return completion(.failure(.notHere)) }
        let state = replica.state
        let descriptor = replica.view.descriptor
        rows.submit(
            { transaction throws(StoreError) -> (Output, RangeView)? in
                try state.refresh(in: &transaction)
                // A split may have moved the position meanwhile.
                guard state.state.hasData, state.state.descriptor.bounds.contains(position) else {
                    return nil
                }
                return (try run(state.state, &transaction), RangeView(state.state))
            },
            { [weak self] result in
                switch result {
                case .success(let output?): completion(.success(output))
                case .success(nil): completion(.failure(.notHere))
                case .failure(let error) where error.code == .corrupted:
                    // Another replica has the row.
                    self?.assumeIsolated { $0.failed(error, of: range) }
                    completion(.failure(.noLeader(descriptor)))
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

    /// This node's replica whose range has the position. The bounds of one without data are hearsay: it only
    /// serves to find the leader.
    func replica(at position: Identifier) -> Replica? {
        (held.range(at: position) ?? hearsay.range(at: position)).flatMap { replicas[$0] }
    }

    /// Keeps the bounds of a replica that was made, or has applied something.
    func noteBounds(of replica: Replica) {
        let bounds = replica.view.descriptor.bounds
        held.set(replica.range, replica.view.hasData ? bounds : nil)
        hearsay.set(replica.range, replica.view.hasData ? nil : bounds)
    }

    /// Why there is no replica of a position.
    func absence(of position: Identifier) -> StoreRefusal {
        (Array(unborn.values) + damaged.values.map(\.descriptor) + promised.values.map(\.descriptor))
            .first { $0.bounds.contains(position) }.map { .noLeader($0) } ?? .notHere
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
