// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordRPC

extension StoreNode {
    /// Notes what a machine wants to become durable; it is submitted at the end of the turn.
    func persist(_ wanted: RaftPersistence, of replica: Replica) {
        var update = GroupUpdate(
            replica.range,
            hardState: wanted.hardState,
            truncateAfter: wanted.truncateAfter,
            entries: wanted.entries
        )
        if let position = wanted.reset {
            update.reset = position
            replica.logBase = position
        }
        persistence.append((replica.range, update, wanted.token))
        scheduleFlush()
    }

    /// Forgets entries of the log that every use of them is over.
    func compact(_ replica: Replica) {
        let applied = replica.durablyApplied
        guard applied.number > settings.logEntries else { return }
        let through = LogIndex(applied.number - settings.logEntries)
        let base = replica.machine.base.index
        guard through.number > base.number + settings.logEntries / 4 else { return }
        drive(replica) { $0.compact(through: through) }
        let position = replica.machine.base
        guard position.index > replica.logBase.index else { return }
        replica.logBase = position
        persistence.append(
            (replica.range, GroupUpdate(replica.range, compactThrough: position), nil)
        )
        scheduleFlush()
    }

    /// Submits what became due in this turn. A batch has at most one update of each group.
    func flushPersistence() {
        guard failure == nil else { return }
        while !persistence.isEmpty {
            var batch: [GroupUpdate] = []
            var tokens: [(range: RangeID, token: PersistToken)] = []
            var ranges: Set<RangeID> = []
            var rest: [(range: RangeID, update: GroupUpdate, token: PersistToken?)] = []
            for item in persistence {
                guard !ranges.contains(item.range) else {
                    rest.append(item)
                    continue
                }
                ranges.insert(item.range)
                batch.append(item.update)
                if let token = item.token { tokens.append((item.range, token)) }
            }
            persistence = rest
            submit(LogBatch(batch), tokens)
        }
    }

    private func submit(_ batch: LogBatch, _ tokens: [(range: RangeID, token: PersistToken)]) {
        log.submit(batch) { [weak self] result in
            self?.assumeIsolated { node in
                switch result {
                case .success:
                    for update in batch.updates where update.removal != nil {
                        node.beingRemoved.remove(update.range)
                    }
                    node.persisted(tokens)
                case .failure(let error): node.logRefused(batch, tokens, error)
                }
            }
        }
    }

    private func persisted(_ tokens: [(range: RangeID, token: PersistToken)]) {
        for (range, token) in tokens {
            guard let replica = replicas[range] else { continue }
            drive(replica) { $0.persisted(token) }
        }
    }

    /// A full disk is waited for: nothing was written, and the machines have acknowledged nothing. Anything
    /// else ends the store of this node.
    private func logRefused(
        _ batch: LogBatch,
        _ tokens: [(range: RangeID, token: PersistToken)],
        _ error: StoreError
    ) {
        fail(error)
    }
}
