// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordRPC
import Logging

// A full disk refuses writes that need room. Reads and deletes go on, the latter in the reserves of log and rows, and
// leaderships go to other nodes. Nothing is lost: what was refused was not acknowledged.

/// What waits for room in the log.
struct LogBacklog {
    /// Whether the log has refused a batch for want of room, and has only its reserve since.
    var isFull = false
    /// Batches that were refused, in order.
    var refused: [(batch: LogBatch, tokens: [(range: RangeID, token: PersistToken)])] = []
    /// Batches that are not answered.
    var underWay = 0
    /// Grows each time that refused batches are tried again.
    var round: UInt64 = 0
    /// Whether the next look at the disk is scheduled.
    var isLookScheduled = false
}

extension StoreNode {
    /// Time between two looks at a full disk.
    private static let lookInterval: Duration = .seconds(1)

    /// Why a write is refused while the disk has only its reserves; nil if it may be proposed.
    func lackOfRoom(for write: WriteCommand) -> StoreRefusal? {
        guard isDiskFull, !write.freesRoom || !backlog.refused.isEmpty else { return nil }
        return .unavailable(
            StoreError(.diskFull, "the disk of this node is full: reads and deletes are possible")
        )
    }

    var isDiskFull: Bool { backlog.isFull || rowsAreFull }

    /// Since when the disk is full; nil if it has room.
    func noteRoom() {
        guard isDiskFull else { return fullSince = nil }
        fullSince = fullSince ?? now
    }

    /// The rows have become full, or have room again.
    func rowsBecame(full isFull: Bool) {
        rowsAreFull = isFull
        noteRoom()
        guard isFull else { return logger.notice("the disk of the rows has room again") }
        logger.error(
            "the disk of the rows is full: writes are refused, reads and deletes go on; make room"
        )
        giveAwayForWantOfRoom()
    }

    /// Offers the ranges that this node leads to other replicas, one after the other. One whose disk is full as well
    /// does not answer.
    func giveAwayForWantOfRoom() {
        for replica in replicas.values.sorted(by: { $0.range < $1.range })
        where replica.isLeader && now >= replica.nextHandOver {
            let progress = peerProgress(of: replica)
            let heirs = replica.view.configuration.voters.filter { voter in
                voter != replica.number && progress[voter]?.isCaughtUp == true
            }.sorted()
            guard !heirs.isEmpty else { continue }
            let heir = heirs[replica.offers % heirs.count]
            replica.offers += 1
            replica.nextHandOver = now + Self.handOverInterval
            drive(replica) { try? $0.transferLeadership(to: heir) }
        }
    }

    // MARK: - The log

    /// A full disk is waited for: nothing was written, and the machines have acknowledged nothing. Batches that
    /// were submitted after a refused one are refused too, also those that would fit: the machines take the
    /// confirmation of one for that of all before it. Anything else ends the store of this node.
    func logRefused(
        _ batch: LogBatch,
        _ tokens: [(range: RangeID, token: PersistToken)],
        _ error: StoreError
    ) {
        guard error.code == .diskFull else { return fail(error) }
        if !backlog.isFull {
            backlog.isFull = true
            noteRoom()
            logger.error(
                "the disk of the log is full: writes are refused, reads and deletes go on; make room"
            )
        }
        backlog.refused.append((batch, tokens))
    }

    /// All batches have been answered: those that were refused are tried again after a moment, in the reserve.
    func checkLogRoom() {
        guard backlog.isFull, failure == nil else { return }
        if backlog.refused.isEmpty {
            scheduleFlush()
            guard log.statistics.isFull else {
                backlog.isFull = false
                noteRoom()
                return logger.notice("the disk of the log has room again")
            }
        }
        guard !backlog.isLookScheduled else { return }
        backlog.isLookScheduled = true
        giveAwayForWantOfRoom()
        _ = executor.schedule(after: Self.lookInterval) { [weak self] in
            self?.assumeIsolated { $0.lookForLogRoom() }
        }
    }

    private func lookForLogRoom() {
        backlog.isLookScheduled = false
        guard failure == nil else { return }
        compactFreely()
        let refused = backlog.refused
        backlog.refused = []
        backlog.round += 1
        // An empty batch makes the log look for room.
        guard !refused.isEmpty else { return submit(LogBatch([]), []) }
        for (batch, tokens) in refused { submit(batch, tokens) }
    }

    /// Forgets entries that are not needed any more, which frees segments. Groups without anything that waits build
    /// on no refused batch.
    private func compactFreely() {
        let waiting = Set(
            backlog.refused.flatMap { $0.batch.updates.map(\.range) } + persistence.map(\.range)
        )
        for replica in replicas.values.sorted(by: { $0.range < $1.range })
        where !waiting.contains(replica.range) {
            compact(replica)
        }
        let updates = persistence.filter { $0.token == nil && !waiting.contains($0.range) }
        guard !updates.isEmpty else { return }
        persistence.removeAll { $0.token == nil && !waiting.contains($0.range) }
        submit(LogBatch(updates.map(\.update)), [], isOrdered: false)
    }

    /// How much of the log's reserve a batch may use.
    func reserveShare(of batch: LogBatch) -> ReserveShare {
        let space = space
        let freesRoom = batch.updates.allSatisfy { update in
            update.entries.allSatisfy { entry in
                guard entry.kind == .normal else { return true }
                let command = try? RangeCommand(decoding: entry.payload, in: space)
                return command?.freesRoom == true
            }
        }
        return freesRoom ? .most : .half
    }
}

extension RangeCommand {
    /// Whether the command takes no room for keys or values, or is needed for the life of its range.
    fileprivate var freesRoom: Bool {
        switch action {
        case .write(let write): write.freesRoom
        case .expire, .advance, .prepare, .retract, .setReplication, .raiseVersions, .split: true
        }
    }
}

extension WriteCommand {
    /// Whether the write only deletes.
    fileprivate var freesRoom: Bool {
        operations.allSatisfy { operation in
            switch operation.action {
            case .delete, .check: true
            case .put, .touch: false
            }
        }
    }
}
