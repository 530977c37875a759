// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordStore

/// The applied state: what a sequence of commands comes to.
struct AppliedState: Hashable {
    var snapshot: RaftSnapshot
    /// A hash of all commands in their order.
    var hash: UInt64 = 0

    var index: LogIndex { snapshot.index }

    mutating func apply(_ entry: LogEntry) throws {
        snapshot.position = LogPosition(index: entry.index, term: entry.term)
        switch entry.kind {
        case .normal: hash = hash &* 0x0000_0100_0000_01B3 ^ contentHash(of: entry)
        case .empty: break
        case .configuration:
            snapshot.configuration = try RaftConfiguration(encoded: entry.payload)
        }
    }
}

/// FNV-1a over kind and payload.
func contentHash(of entry: LogEntry) -> UInt64 {
    entry.payload.reduce(0xCBF2_9CE4_8422_2325 ^ UInt64(entry.kind.rawValue)) {
        ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3
    }
}

/// The part of a replica that survives a crash.
struct ClusterDisk {
    var hardState = HardState()
    var base: LogPosition
    var entries: [LogEntry] = []
    /// The state that is durable.
    var state: AppliedState

    var last: LogPosition {
        guard let entry = entries.last else { return base }
        return LogPosition(index: entry.index, term: entry.term)
    }

    func term(at index: LogIndex) -> Term? {
        if index == base.index { return base.term }
        let offset = index.entries(after: base.index) - 1
        return entries.indices.contains(offset) ? entries[offset].term : nil
    }

    /// Whether the entry at this place is there, or was there before it was compacted.
    func holds(_ position: LogPosition) -> Bool {
        position.index < base.index || term(at: position.index) == position.term
    }

    mutating func write(_ persistence: RaftPersistence) {
        hardState = persistence.hardState
        if let reset = persistence.reset {
            base = reset
            entries = []
        }
        if let index = persistence.truncateAfter {
            entries.removeSubrange(min(index.entries(after: base.index), entries.count)...)
        }
        entries += persistence.entries
    }

    mutating func compact(through index: LogIndex) {
        guard let term = term(at: index) else { return }
        entries.removeFirst(min(index.entries(after: base.index), entries.count))
        base = LogPosition(index: index, term: term)
    }
}

/// A replica with its shell.
struct ClusterNode {
    /// Nil while it is down.
    var machine: RaftMachine?
    var disk: ClusterDisk
    var state: AppliedState
    /// Counts the starts: what an earlier life began does not reach a later one.
    var life = 0
    /// Whether the process is stopped; what reaches it waits.
    var isPaused = false
    var backlog: [RaftCluster.Event] = []
    /// Thousandths by which its clock is fast or slow, and where it began.
    var clockDrift: Int64
    var clockStart: Int64
    /// When the computer was suspended, if the process stands still because of that.
    var suspendedSince: Int64?
    var timer: Int64?
    /// Writes in order, and when the last of them is done.
    var writes: [RaftPersistence] = []
    var writesDone: Int64 = 0
    /// When everything that was handed out to be applied is.
    var appliesDone: Int64 = 0
    var incoming: AppliedState?
    /// Commands that this life has proposed, by their place.
    var proposals: [LogIndex: Term] = [:]
    var isRetired = false
    /// The replicas that it was told are dead.
    var heardSilent: Set<ReplicaNumber> = []

    // What the checks saw last.
    var seenCommit = LogIndex.zero
    var seenTerm = Term.zero
    var seenLeading: LogPosition?

    /// The node's clock at a global time.
    func clock(_ time: Int64) -> Duration {
        .microseconds(clockStart + time + time * clockDrift / 1000)
    }

    /// The computer goes on, and its clock with it, which stood still since it was suspended.
    mutating func endSuspension(at time: Int64) {
        guard let start = suspendedSince else { return }
        suspendedSince = nil
        clockStart -= (time - start) + time * clockDrift / 1000 - start * clockDrift / 1000
        machine?.forgetLease()
    }

    /// The global time of a time of its clock, rounded up.
    func time(_ clock: Duration) -> Int64 {
        let microseconds =
            clock.components.seconds * 1_000_000
            + clock.components.attoseconds / 1_000_000_000_000 + 1
        let elapsed = microseconds - clockStart
        return elapsed * 1000 / (1000 + clockDrift) + 1
    }
}
