// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC

/// A replica of a range on this node: its part in consensus, and the callers that wait. Confined to the
/// executor of its ``StoreNode``.
final class Replica {
    let range: RangeID
    var machine: RaftMachine
    private(set) var state: AppliedState
    var view: RangeView

    /// Callers that wait for their entry to be applied, by index.
    var writes: [LogIndex: PendingWrite] = [:]
    /// Reads whose round is under way, by number.
    var reads: [UInt64: PendingRead] = [:]
    /// Confirmed reads that wait until their index is applied, in order.
    var confirmed: [(index: LogIndex, reads: [PendingRead])] = []
    private var readNumber: UInt64 = 0

    /// The time of the range and of the executor when this replica began to lead.
    var reign: (began: RangeTime, at: MonotonicTime)?
    /// When this leader saw each other replica first in its configuration.
    var observed: [ReplicaNumber: Duration] = [:]
    /// When this leader may hand over to a better one: a transfer that fails keeps writes waiting.
    var nextHandOver: Duration = .zero
    /// How often leadership was offered to others for want of room.
    var offers = 0
    /// What the decision about replicas last led to.
    var placement: PlacementStep = .settled
    /// Since when, in this reign.
    var placementSince: Duration = .zero
    /// The last entry that may change the descriptor. A leader decides about replicas only once it is applied: a step
    /// that follows from an older descriptor could make a removed replica a voter again.
    var decidedThrough: LogIndex = .zero
    /// Whether the machine has had inputs in this turn of the executor.
    var isDriven = false
    var timer: (deadline: Duration, work: ScheduledWork)?
    /// Until when no row of the state after an entry expires.
    var unexpired: (applied: LogIndex, until: RangeTime)?
    /// Works that applied entries and are not durable yet: their place, and the index.
    var undurable: [(sequence: RowSequence, index: LogIndex)] = []
    /// Entries whose work a full disk has refused, and those after them, in order. They are tried again together.
    var unapplied: [LogEntry] = []
    /// The checksum that an administrator has asked for last.
    var checksum: ReplicaChecksum?
    /// The highest applied index that is durable.
    var durablyApplied: LogIndex
    /// What the entries in the log on disk follow.
    var logBase: LogPosition

    /// Replicas that have sent something since this node started: they know the range.
    var heardFrom: Set<ReplicaNumber> = []
    /// The newest descriptor that a message brought.
    var told: RangeDescriptor?
    /// The snapshot that has come and is being installed.
    var received: ReceivedSnapshot?
    var isInstalling = false

    var splitPolicy = SplitPolicy()
    /// A split of this range is being prepared, or is in the log.
    var isSplitting = false

    /// Since when there was no reason to doubt that the replica belongs to its range.
    var doubtsSince: Duration
    /// An inquiry whether the replica was removed is under way.
    var isAsking = false
    /// When the next such inquiry may begin, and the next one about an unknown sender.
    var nextInquiry: Duration = .zero
    var nextSenderInquiry: Duration = .zero
    /// Replicas whose nodes have said that they take part no more.
    var lost: Set<ReplicaNumber> = []

    init(machine: RaftMachine, stored: StoredReplica, logBase: LogPosition, now: Duration) {
        doubtsSince = now
        durablyApplied = stored.state.applied
        self.logBase = logBase
        range = stored.state.descriptor.id
        self.machine = machine
        state = AppliedState(stored)
        view = RangeView(stored.state)
    }

    var number: ReplicaNumber { machine.number }

    /// Whether the replica has applied its own removal.
    var lacksItself: Bool { view.hasData && view.descriptor.replica(number) == nil }

    /// A split has made the state of this replica, which had none.
    func become(_ child: StoredReplica) {
        state = AppliedState(child)
        view = RangeView(child.state)
        durablyApplied = child.state.applied
        endInstallation()
    }

    /// Keeps committed entries until the disk has room.
    func keepUnapplied(_ entries: [LogEntry]) { unapplied.insertInOrder(entries) }

    func endInstallation() {
        received = nil
        isInstalling = false
    }

    var isLeader: Bool { machine.role == .leader }

    /// A number for the next read.
    func nextRead() -> UInt64 {
        readNumber += 1
        return readNumber
    }

    /// The range's time as this leader has it: it goes on from the last applied time.
    func time(at now: MonotonicTime) -> RangeTime {
        guard let reign else { return view.time }
        return max(view.time, reign.began.advanced(by: now - reign.at))
    }
}

/// How a write ended, for its caller.
package enum WriteResult: Sendable {
    case done(WriteOutcome, RangeView)
    case failed(StoreRefusal)
}

/// A caller that waits for its entry to be applied.
struct PendingWrite {
    /// The term of the entry. An entry of another term at its index is another's.
    var term: Term
    var completion: @Sendable (WriteResult) -> Void
}

/// A caller that waits until a majority has confirmed this leader.
struct PendingRead: Sendable {
    /// Reads the rows. Called when everything up to the read's index is applied.
    var run: @Sendable () -> Void
    /// The read will not be confirmed.
    var failed: @Sendable (StoreRefusal) -> Void
}

/// Why a node does not do what it was asked.
package enum StoreRefusal: Error, Sendable {
    /// Another replica leads the range, or the range is elsewhere.
    case elsewhere(RangeHint)
    /// No replica of a range with this position is here.
    case notHere
    /// The range has no leader that this node knows.
    case noLeader(RangeDescriptor)
    /// Too much is under way.
    case busy(String)
    /// The node may not hold more.
    case quotaReached(StoreQuota.Reached)
    /// The command was committed and refused.
    case refused(WriteRefusal)
    /// The store of this node cannot serve.
    case unavailable(StoreError)
    /// The write's fate is open: it may have been applied.
    case mayHaveHappened(String)
}

/// A range and its leader, as this node knows them.
package struct RangeHint: Hashable, Sendable {
    package var descriptor: RangeDescriptor
    package var leader: ReplicaNumber?
    package var term: Term

    package init(descriptor: RangeDescriptor, leader: ReplicaNumber?, term: Term) {
        self.descriptor = descriptor
        self.leader = leader
        self.term = term
    }

    /// Whether the hint replaces another one about the same range.
    package func isNewer(than other: Self) -> Bool {
        if descriptor.epoch != other.descriptor.epoch {
            return descriptor.epoch.isNewer(than: other.descriptor.epoch)
        }
        return term > other.term || term == other.term && leader != nil
    }
}

extension [LogEntry] {
    /// Inserts entries that follow each other. A work that follows a refused one fails too, maybe only after later
    /// entries have been committed.
    mutating func insertInOrder(_ entries: [LogEntry]) {
        guard let first = entries.first else { return }
        insert(contentsOf: entries, at: firstIndex { $0.index > first.index } ?? endIndex)
    }

    /// The entries in their order, divided so that each part but the last has at least so many bytes, and none has an
    /// entry more than it needs for them.
    func divided(byBytes limit: Int) -> [[LogEntry]] {
        var parts: [[LogEntry]] = []
        var part: [LogEntry] = []
        var bytes = 0
        for entry in self {
            part.append(entry)
            bytes += entry.payload.count
            guard bytes >= limit else { continue }
            parts.append(part)
            part = []
            bytes = 0
        }
        return part.isEmpty ? parts : parts + [part]
    }
}
