// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore

// Reads by a lease [Ongaro 6.4.1]. The row is read first, and the clock is looked at afterwards: a process that stood
// still in between would else serve a row that another leader has replaced meanwhile.

extension StoreNode {
    /// Reads at this node's replica without asking the others, while a lease holds; else as
    /// ``read(at:_:_:)`` does.
    ///
    /// - Parameter run: reads the rows, as a work of the engine. It may be called twice.
    package func readByLease<Output: Sendable>(
        at position: Identifier,
        _ run:
            @escaping @Sendable (RangeState, inout any RowEngineTransaction) throws(StoreError) ->
            Output,
        _ completion: @escaping @Sendable (Result<(Output, RangeView), StoreRefusal>) -> Void
    ) {
        guard settings.leaseReads, failure == nil, let replica = replica(at: position),
            let lease = beginLeaseRead(of: replica)
        else { return read(at: position, run, completion) }
        let range = replica.range
        let pending = PendingRead { [weak self] in
            self?.assumeIsolated { node in
                node.perform(run, at: position, of: range) { [weak self] result in
                    self?.assumeIsolated { node in
                        guard case .success = result else { return completion(result) }
                        guard node.leaseHolds(lease, of: range) else {
                            return node.read(at: position, run, completion)
                        }
                        node.leaseReadCount += 1
                        completion(result)
                    }
                }
            }
        } failed: {
            completion(.failure($0))
        }
        replica.confirmed.append((lease.index, [pending]))
        runConfirmedReads(of: replica)
    }

    /// Begins a read by lease; nil where there is no lease.
    private func beginLeaseRead(of replica: Replica) -> LeaseRead? {
        noticeSuspension()
        var lease: LeaseRead?
        drive(replica) { machine in
            lease = machine.leaseRead
            // A group that is read does not fall silent.
            if lease != nil { machine.noteActivity() }
        }
        return lease
    }

    private func leaseHolds(_ lease: LeaseRead, of range: RangeID) -> Bool {
        noticeSuspension()
        return replicas[range]?.machine.leaseHolds(at: now, for: lease) ?? false
    }

    private func noticeSuspension() {
        guard suspension.wasSuspended(readSuspension()) else { return }
        for replica in replicas.values { replica.machine.forgetLease() }
    }
}
