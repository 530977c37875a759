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

    /// Submits what became due in this turn. A batch has at most one update of each group. While the log is full
    /// all of it waits, in its order.
    func flushPersistence() {
        guard failure == nil, !backlog.isFull else { return }
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

    private func submit(_ updates: LogBatch, _ tokens: [(range: RangeID, token: PersistToken)]) {
        var ordered = updates
        ordered.round = backlog.round
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
                if node.backlog.underWay == 0 { node.checkRoom() }
            }
        }
    }

    private func persisted(_ tokens: [(range: RangeID, token: PersistToken)]) {
        for (range, token) in tokens {
            guard let replica = replicas[range] else { continue }
            drive(replica) { $0.persisted(token) }
        }
    }

    // MARK: - A full log

    /// A full disk is waited for: nothing was written, and the machines have acknowledged nothing. Batches that
    /// were submitted after a refused one are refused too, also those that would fit: the machines take the
    /// confirmation of one for that of all before it. Anything else ends the store of this node.
    private func logRefused(
        _ batch: LogBatch,
        _ tokens: [(range: RangeID, token: PersistToken)],
        _ error: StoreError
    ) {
        guard error.code == .diskFull else { return fail(error) }
        if !backlog.isFull {
            backlog.isFull = true
            logger.error("the disk of the log is full: writes are refused, reads go on; make room")
        }
        backlog.refused.append((batch, tokens))
    }

    /// All batches have been answered: those that were refused are tried again after a moment.
    private func checkRoom() {
        guard backlog.isFull, failure == nil else { return }
        guard !backlog.refused.isEmpty else {
            backlog.isFull = false
            logger.notice("the disk of the log has room again")
            scheduleFlush()
            return
        }
        giveAwayLeaderships()
        _ = executor.schedule(after: .seconds(1)) { [weak self] in
            self?.assumeIsolated { node in
                guard node.failure == nil else { return }
                let refused = node.backlog.refused
                node.backlog.refused = []
                node.backlog.round += 1
                for (batch, tokens) in refused { node.submit(batch, tokens) }
            }
        }
    }
}

/// What waits for room in the log.
struct LogBacklog {
    /// Whether the log has refused a batch for want of room, and has not taken it since.
    var isFull = false
    /// Batches that were refused, in order.
    var refused: [(batch: LogBatch, tokens: [(range: RangeID, token: PersistToken)])] = []
    /// Batches that are not answered.
    var underWay = 0
    /// Grows each time that refused batches are tried again.
    var round: UInt64 = 0
}
