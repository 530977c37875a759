// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordRPC
import Logging

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
        // A full disk cannot wait for followers that lag behind: they get snapshots.
        let kept = backlog.isFull ? min(settings.logEntries, 100) : settings.logEntries
        guard applied.number > kept else { return }
        var through = LogIndex(applied.number - kept)
        // The receiver of a snapshot needs the entries after it next.
        if !backlog.isFull, let needed = sent.position(of: replica.range) {
            through = min(through, needed)
        }
        let base = replica.machine.base.index
        guard through.number > base.number + kept / 4 else { return }
        drive(replica) { $0.compact(through: through) }
        let position = replica.machine.base
        guard position.index > replica.logBase.index else { return }
        replica.logBase = position
        persistence.append(
            (replica.range, GroupUpdate(replica.range, compactThrough: position), nil)
        )
        scheduleFlush()
    }

    /// Submits what became due in this turn. A batch has at most one update of each group. While the log is full
    /// all of it waits, in its order.
    func flushPersistence() {
        guard failure == nil, backlog.refused.isEmpty else { return }
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

    /// - Parameter isOrdered: whether the batch builds on those before it.
    func submit(
        _ updates: LogBatch,
        _ tokens: [(range: RangeID, token: PersistToken)],
        isOrdered: Bool = true
    ) {
        var ordered = updates
        ordered.round = isOrdered ? backlog.round : nil
        if backlog.isFull { ordered.reserve = reserveShare(of: updates) }
        let batch = ordered
        backlog.underWay += 1
        log.submit(batch) { [weak self] result in
            self?.assumeIsolated { node in
                node.backlog.underWay -= 1
                switch result {
                case .success:
                    for update in batch.updates where update.removal != nil {
                        node.beingRemoved.remove(update.range)
                    }
                    node.persisted(tokens)
                case .failure(let error): node.logRefused(batch, tokens, error)
                }
                if node.backlog.underWay == 0 { node.checkLogRoom() }
            }
        }
    }

    private func persisted(_ tokens: [(range: RangeID, token: PersistToken)]) {
        for (range, token) in tokens {
            guard let replica = replicas[range] else { continue }
            driveTogether(replica) { $0.persisted(token) }
        }
    }
}
