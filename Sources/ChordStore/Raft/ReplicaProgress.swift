// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

// What a leader knows about another replica: the states and the window of etcd raft's `tracker.Progress`,
// which the dissertation leaves open [Ongaro 10.2].

/// The entries under way to one replica.
struct InflightWindow: Hashable, Sendable {
    private struct Item: Hashable, Sendable {
        var last: LogIndex
        var bytes: Int
    }

    private var items: [Item] = []
    private(set) var bytes = 0

    /// How many messages are under way.
    var count: Int { items.count }

    mutating func add(through last: LogIndex, bytes: Int) {
        items.append(Item(last: last, bytes: bytes))
        self.bytes += bytes
    }

    /// Everything up to `index` has been acknowledged.
    mutating func acknowledge(through index: LogIndex) {
        let done = items.prefix { $0.last <= index }
        bytes -= done.reduce(0) { $0 + $1.bytes }
        items.removeFirst(done.count)
    }

    mutating func clear() {
        items = []
        bytes = 0
    }
}

/// What a leader knows about another replica.
struct ReplicaProgress: Hashable, Sendable {
    enum State: Hashable, Sendable {
        /// Where the logs begin to differ is not known: one message at a time.
        case probe(isWaiting: Bool)
        /// Entries are sent without waiting for answers.
        case replicate
        /// The replica needs a snapshot; its index once it is being sent.
        case snapshot(LogIndex?)
    }

    let replica: ReplicaNumber
    /// Up to here the replica's log is known to equal the leader's, durably.
    private(set) var match: LogIndex = .zero
    /// The next entry to send.
    private(set) var next: LogIndex
    private(set) var state = State.probe(isWaiting: false)
    private(set) var window = InflightWindow()
    /// The highest commit index that was sent.
    var sentCommit: LogIndex = .zero
    /// The latest time at which the replica was heard of in this term.
    var lastHeard: Duration?
    /// The latest confirmation round that it answered.
    var round: UInt64 = 0
    /// When that round, or a later one, was sent.
    var roundSent: Duration?

    init(_ replica: ReplicaNumber, next: LogIndex) {
        self.replica = replica
        self.next = next
    }

    mutating func sent(through last: LogIndex, bytes: Int) {
        switch state {
        case .probe: state = .probe(isWaiting: true)
        case .replicate:
            next = last.successor
            window.add(through: last, bytes: bytes)
        case .snapshot: break
        }
    }

    /// An empty message went out: while probing, its answer is awaited.
    mutating func sentWithoutEntries() {
        if case .probe = state { state = .probe(isWaiting: true) }
    }

    /// The replica has acknowledged the entries up to `index`; the log of the leader begins after `base`.
    mutating func acknowledged(_ index: LogIndex, base: LogIndex) {
        match = max(match, index)
        next = max(next, match.successor)
        window.acknowledge(through: match)
        switch state {
        case .probe where index == match:
            replicate()
        case .snapshot where match >= base:
            replicate()
        default: break
        }
    }

    private mutating func replicate() {
        state = .replicate
        next = match.successor
        window.clear()
    }

    /// The replica has rejected the entries after `previous`.
    ///
    /// - Returns: false for an answer that is out of date.
    mutating func rejected(after previous: LogIndex, retryAfter hint: LogIndex) -> Bool {
        switch state {
        case .replicate:
            guard previous > match else { return false }
            probe()
        case .probe:
            guard previous == next.predecessor else { return false }
            next = max(match.successor, min(previous, hint.successor))
            state = .probe(isWaiting: false)
        case .snapshot: return false
        }
        return true
    }

    mutating func probe() {
        state = .probe(isWaiting: false)
        next = match.successor
        window.clear()
    }

    /// A sign of life: a message that may have been lost is sent again.
    mutating func resume() {
        if case .probe = state { state = .probe(isWaiting: false) }
    }

    mutating func awaitSnapshot() {
        state = .snapshot(nil)
        window.clear()
    }

    mutating func sendSnapshot(at index: LogIndex) {
        state = .snapshot(index)
    }

    /// The snapshot has arrived, or has failed; in both cases the replica's answer says where to go on.
    mutating func snapshotSent(isComplete: Bool) {
        guard case .snapshot(let index) = state else { return }
        probe()
        if isComplete, let index { next = max(next, index.successor) }
        // The answer to the snapshot, or the next heartbeat's, ends the wait.
        state = .probe(isWaiting: true)
    }

    /// Whether entries may be sent now.
    func mayReceive(_ settings: RaftSettings) -> Bool {
        switch state {
        case .probe(let isWaiting): !isWaiting
        case .replicate:
            window.count < settings.windowMessages && window.bytes < settings.windowBytes
        case .snapshot: false
        }
    }
}
