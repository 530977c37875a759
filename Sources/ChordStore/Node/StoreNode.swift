// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore
package import ChordRPC
package import Logging

/// A node's part of the store: its replicas, driven on the node's executor.
///
/// It decides nothing about consensus or placement: ``RaftMachine``, ``RangeState`` and ``Placement`` do. It
/// carries their directives out on the log, the rows and the network, and feeds the results back.
package actor StoreNode {
    package nonisolated let executor: any NodeExecutor
    package nonisolated let space: IdentifierSpace
    package nonisolated let settings: StoreSettings
    nonisolated let log: any RaftLogStore
    nonisolated let rows: any RowEngine
    nonisolated let transport: any StoreTransport
    nonisolated let logger: Logger
    package nonisolated let identity: StoreIdentity

    var replicas: [RangeID: Replica] = [:]
    /// Ranges of which this disk had a replica, with the lowest number that a later one may have.
    var tombstones: [RangeID: ReplicaNumber] = [:]
    /// Replicas that cannot read their data. They say nothing, and count as lost.
    var damaged: [RangeID: DamagedReplica] = [:]
    /// Ranges whose replicas here have stopped, because their logs contradict what others have seen of them.
    var haltedRanges: Set<RangeID> = []
    /// What this disk keeps of recoveries, by the lost range.
    var recoveries: [RangeID: RecoveryRecord] = [:]
    /// Replicas that have ended their part in a range that is being recovered.
    var promised: [RangeID: PromisedReplica] = [:]
    /// Disks that recoveries have given up: what they say does not count.
    package internal(set) var givenUp: Set<DiskID> = [] {
        didSet { givenUpChecksum = GivenUpDisks.checksum(givenUp) }
    }
    private(set) var givenUpChecksum: UInt32 = 0
    /// New replicas whose records are not durable yet, and whether the record is theirs.
    var beingMade: [RangeID: Bool] = [:]
    /// Replicas whose deletion is not durable yet.
    var beingRemoved: Set<RangeID> = []
    /// Children of splits whose rows are not durable yet.
    var unborn: [RangeID: RangeDescriptor] = [:]
    /// Whether discarded rows are being deleted.
    var isClearing = false
    /// Why the store does not serve any more.
    var failure: StoreError?
    var nextSlot = Slot(1)

    var outbox = Outbox()
    var sent: SnapshotsSent
    /// Snapshots of which parts come, by the identifier that the sender drew.
    var incoming: [UInt128: IncomingSnapshot] = [:]
    /// What the machines want to become durable, in order.
    var persistence: [(range: RangeID, update: GroupUpdate, token: PersistToken?)] = []
    var backlog = LogBacklog()
    /// Whether the rows have only their reserve.
    var rowsAreFull = false
    /// Since when log or rows have only their reserves; nil if they have room.
    var fullSince: Duration?
    var quota: StoreQuota
    /// Changes that were applied last, for those who watch rows.
    var recentChanges: RecentChanges
    var watches = WatchTable()
    var watchTimer: ScheduledWork?
    var isEndingWatches = false
    /// Watchers that were told of a gap, since the start.
    package internal(set) var watchGaps: UInt64 = 0
    /// Entries that were applied since the start, of all ranges.
    var entriesApplied: UInt64 = 0
    /// Hears what the node's part of the store is like, about every second.
    var reportFigures: (@Sendable (StoreFigures) -> Void)?
    private var isFlushScheduled = false
    /// Replicas that have had inputs in this turn of the executor.
    private var driven: [Replica] = []

    /// The store members at or after an identifier, in the order of the ring; nil while the ring is not sure.
    var wantedMembers: @Sendable (Identifier) -> [StoreMember]? = { _ in nil }
    /// The identifiers of store members inside an arc; nil while the ring is not sure.
    var memberPositions: @Sendable (IdentifierRange) -> [Identifier]? = { _ in nil }
    var placementTimer: ScheduledWork?
    /// Whether the ring says that this node owns a place.
    var isOwner: @Sendable (Identifier) -> Bool = { _ in false }
    /// Which of the nodes that share ranges with this one are alive.
    var liveness: NodeLiveness
    var resting = RestingReplicas()
    var heartbeatTimer: ScheduledWork?
    /// Reads that a lease has answered.
    package internal(set) var leaseReadCount = 0
    /// Whether the computer was suspended, which ends leases.
    var suspension = SuspensionDetector()
    nonisolated let readSuspension: @Sendable () -> ClosedRange<Duration>
    /// When the nodes that share ranges were looked up.
    var watchedAt: Duration = .zero
    /// Where the ranges are that have data here, and where those may be that have none yet.
    var held = RangeIndex()
    var hearsay = RangeIndex()
    /// Disks whose nodes leave for good.
    var leaving: [DiskID: LeavingNode] = [:]
    /// Disks that were silent or damaged as learners, and until when other members are tried before them.
    var avoided: [DiskID: Duration] = [:]

    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        executor.asUnownedSerialExecutor()
    }

    /// A store whose engines are not open yet.
    ///
    /// - Parameter suspension: how far the executor's clock is behind one that counts the time in which the computer was
    ///   suspended, from below and from above.
    package init(
        identity: StoreIdentity,
        settings: StoreSettings,
        space: IdentifierSpace,
        executor: any NodeExecutor,
        log: any RaftLogStore,
        rows: any RowEngine,
        transport: any StoreTransport,
        logger: Logger,
        suspension: @escaping @Sendable () -> ClosedRange<Duration>
    ) {
        self.identity = identity
        self.settings = settings
        quota = StoreQuota(settings.quota)
        recentChanges = RecentChanges(limit: settings.watches.bufferBytes)
        self.space = space
        self.executor = executor
        self.log = log
        self.rows = rows
        self.transport = transport
        self.logger = logger
        sent = SnapshotsSent(
            rate: SnapshotRate(bytesPerSecond: settings.snapshots.bytesPerSecond)
        )
        readSuspension = suspension
        liveness = NodeLiveness(settings.raft)
    }

    /// Where the members are that a range wants.
    package func setWantedMembers(
        _ members: @escaping @Sendable (Identifier) -> [StoreMember]?
    ) {
        wantedMembers = members
        schedulePlacement()
    }

    /// Whether the ring says that this node owns a place: it should lead the range that ends there.
    package func setOwnership(_ isOwner: @escaping @Sendable (Identifier) -> Bool) {
        self.isOwner = isOwner
    }

    // MARK: - Time

    /// Time since the clock's zero, as the machines have it.
    var now: Duration { executor.now - MonotonicTime(nanoseconds: 0) }

    /// A slot that was never used.
    func takeSlot() -> Slot {
        defer { nextSlot = Slot(nextSlot.number + 1) }
        return nextSlot
    }

    // MARK: - Driving a replica

    /// Gives a replica an input, and carries out what it wants done.
    func drive(_ replica: Replica, _ input: (inout RaftMachine) -> Void = { _ in }) {
        guard failure == nil else { return }
        replica.machine.advance(to: now)
        input(&replica.machine)
        for directive in replica.machine.takeDirectives() { carryOut(directive, of: replica) }
        armTimer(of: replica)
    }

    /// Gives a replica an input of which many can come in one turn of the executor. What it wants done is carried out
    /// at the end of the turn, for all of them together: entries that were proposed in one turn are one message to each
    /// member and one write to the disk.
    func driveTogether(_ replica: Replica, _ input: (inout RaftMachine) -> Void) {
        guard failure == nil else { return }
        // Each input has its own time: the process may have stood still since the one before, and from a time that is
        // too early a voter would be loyal to its leader for less than the leader's lease.
        if replica.isDriven {
            replica.machine.note(now)
        } else {
            replica.machine.advance(to: now)
        }
        input(&replica.machine)
        guard !replica.isDriven else { return }
        replica.isDriven = true
        driven.append(replica)
        scheduleFlush()
    }

    private func carryOut(_ directive: RaftDirective, of replica: Replica) {
        switch directive {
        case .persist(let persistence): persist(persistence, of: replica)
        case .send(let message): send(message, of: replica)
        case .apply(let entries): apply(entries, of: replica)
        case .readsReady(let ids, let index): confirm(ids, at: index, of: replica)
        case .readsFailed(let ids): failReads(ids, of: replica)
        case .statusChanged(let status): statusChanged(status, of: replica)
        case .configurationChanged: noteMembers(of: replica)
        case .quietChanged: noteRest(of: replica)
        case .transferAborted: break
        case .needsSnapshot(let receiver): sendSnapshot(of: replica, to: receiver)
        case .installSnapshot(let snapshot, from: _): install(snapshot, of: replica)
        case .halted(let reason): halted(replica, reason)
        }
    }

    private func statusChanged(_ status: RaftStatus, of replica: Replica) {
        let isLeader = status.role == .leader
        if isLeader, replica.reign == nil {
            replica.reign = (replica.view.time, executor.now)
            replica.placementSince = now
            replica.decidedThrough = replica.machine.last.index
            noteMembers(of: replica)
        } else if !isLeader {
            replica.reign = nil
            replica.observed = [:]
            replica.splitPolicy = SplitPolicy()
            replica.isSplitting = false
            endWatches(of: replica.range) { .elsewhere(hint(of: replica)) }
        }
        noteRest(of: replica)
        logger.debug(
            "role in range changed",
            metadata: [
                StoreLogKeys.range: "\(replica.range)", StoreLogKeys.role: "\(status.role)",
                StoreLogKeys.term: "\(status.term)",
            ]
        )
    }

    private func halted(_ replica: Replica, _ reason: RaftHalt) {
        logger.error(
            "a replica has stopped: \(reason)",
            metadata: [StoreLogKeys.range: "\(replica.range)"]
        )
        haltedRanges.insert(replica.range)
        resting.note(replica.range, under: nil)
        let hint = hint(of: replica)
        failAll(of: replica) { .elsewhere(hint) }
    }

    private func armTimer(of replica: Replica) {
        guard let deadline = replica.machine.nextDeadline else {
            // A group that rests has nothing to wait for.
            replica.timer?.work.cancel()
            replica.timer = nil
            return
        }
        // A timer that fires too early only asks for the next one.
        if let timer = replica.timer, timer.deadline <= deadline { return }
        replica.timer?.work.cancel()
        let range = replica.range
        let work = executor.schedule(after: max(.zero, deadline - now)) { [weak self] in
            self?.assumeIsolated { node in
                guard let replica = node.replicas[range] else { return }
                replica.timer = nil
                node.drive(replica)
            }
        }
        replica.timer = (deadline, work)
    }

    // MARK: - One flush per turn

    /// Messages and records of one turn of the executor leave together.
    func scheduleFlush() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        executor.execute { [weak self] in self?.assumeIsolated { $0.flush() } }
    }

    private func flush() {
        isFlushScheduled = false
        let driven = self.driven
        self.driven = []
        for replica in driven {
            replica.isDriven = false
            if replicas[replica.range] === replica { drive(replica) }
        }
        flushPersistence()
        flushOutbox()
    }

    func flushOutbox() {
        for call in outbox.take() {
            let member = call.member
            let left = now
            liveness.called(member.disk, now: left)
            let resting = call.isHeartbeat ? restingClaims(to: member.disk) : []
            let content = PeerCall(
                messages: call.messages,
                resting: resting,
                givenUpChecksum: givenUpChecksum
            )
            transport.send(content, to: member) { [weak self] answer in
                self?.assumeIsolated { node in
                    if node.outbox.ended(callTo: member) { node.scheduleFlush() }
                    if let answer { node.answered(answer, by: member, calledAt: left) }
                }
            }
        }
    }

    // MARK: - Failure

    /// The log or the rows have failed: what this node says from now on could be wrong, so it says nothing.
    func fail(_ error: StoreError) {
        guard failure == nil else { return }
        failure = error
        logger.critical("the store of this node serves no more: \(error)")
        for replica in replicas.values.sorted(by: { $0.range < $1.range }) {
            replica.timer?.work.cancel()
            failAll(of: replica) { .unavailable(error) }
        }
        placementTimer?.cancel()
        heartbeatTimer?.cancel()
    }

    /// Entries up to an index are decided, and this replica does not apply them any more.
    func failWrites(of replica: Replica, through index: LogIndex) {
        for place in replica.writes.keys.sorted() where place <= index {
            replica.writes.removeValue(forKey: place)?.completion(
                .failed(.mayHaveHappened("the replica that took the write does not apply it"))
            )
        }
    }

    func failAll(of replica: Replica, _ refusal: () -> StoreRefusal) {
        failWrites(of: replica, through: .highest)
        let reads = Array(replica.reads.values) + replica.confirmed.flatMap(\.reads)
        replica.reads = [:]
        replica.confirmed = []
        for read in reads { read.failed(refusal()) }
        endWatches(of: replica.range, refusal)
    }
}
