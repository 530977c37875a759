// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import ChordStore
import Logging

/// A store node in the simulation: a disk, and the process that uses it at present.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class SimulatedStoreNode: @unchecked Sendable {
    private(set) var member: StoreMember
    let number: Int
    /// The node's identifier in the ring.
    let position: Identifier
    private(set) var logDisk: SimulatedLogDisk
    private(set) var rowDisk: MemoryRowDisk
    private(set) var executor: SimulatedExecutor?
    /// The store of the process, once it is open: before that no call reaches it, as in a real node.
    private(set) var node: StoreNode?
    private(set) var isPaused = false
    /// How long a sync of the log takes at most, where the disk is slow.
    private var slowSync: Int64?
    private var starts: UInt64 = 0
    /// The disk was restored from an old copy, so that its replicas may be damaged.
    private(set) var hasOldCopy = false
    /// Whether a row on the disk was made unreadable.
    var hasDamagedRow = false
    /// How many disks the node has had.
    private var disks: UInt64 = 1
    private unowned let world: StoreWorld

    init(number: Int, position: Identifier, store: StoreID, world: StoreWorld) {
        self.number = number
        self.position = position
        self.world = world
        let name = "s\(number)"
        let disk = DiskID(high: 1, low: UInt64(number))
        member = StoreMember(node: name, address: "\(name):1", disk: disk)
        rowDisk = MemoryRowDisk(store: store, disk: disk)
        rowDisk.commitDelay = Self.commitDelay
        logDisk = SimulatedLogDisk(scheduler: world.scheduler) { 0 }
        logDisk.syncTime = { [unowned self] in syncTime() }
    }

    private func syncTime() -> Int64 {
        slowSync.map { world.generator.below(UInt64($0)) }.map(Int64.init) ?? world.syncTime()
    }

    /// Makes the disk slow, or as fast as others: syncs of the log take up to a time, and commits of the rows so long.
    func slowDown(to time: Duration?) {
        slowSync = time?.nanoseconds
        rowDisk.commitDelay = time ?? Self.commitDelay
    }

    /// Lets committed entries wait for so long before they are applied.
    func delayWorks(by time: Duration) { rowDisk.workDelay = time }

    /// How long a commit of the rows takes.
    private static let commitDelay: Duration = .milliseconds(2)

    /// Puts an empty disk, with an identifier of its own, in the place of the former one. The node is down.
    func replaceDisk() {
        disks += 1
        starts = 0
        hasOldCopy = false
        hasDamagedRow = false
        member.disk = DiskID(high: disks, low: UInt64(number))
        rowDisk = MemoryRowDisk(store: world.store, disk: member.disk)
        rowDisk.commitDelay = Self.commitDelay
        logDisk = SimulatedLogDisk(scheduler: world.scheduler) { [unowned self] in syncTime() }
        slowSync = nil
    }

    /// What the disk holds now, for ``restore(_:)``.
    func copyDisk() -> DiskCopy {
        DiskCopy(log: logDisk.copy(), rows: rowDisk.copy())
    }

    /// Puts an old copy onto the disk, or only that of its rows. The node is down.
    func restore(_ copy: DiskCopy, onlyRows: Bool) {
        hasOldCopy = true
        if !onlyRows { logDisk.restore(copy.log) }
        rowDisk.restore(copy.rows)
    }

    /// The contents of a node's disk.
    struct DiskCopy {
        fileprivate let log: MemoryLog
        fileprivate let rows: MemoryRowDisk.Copy
    }

    var isRunning: Bool { executor != nil }

    /// Starts a process on the disk.
    func start(givingBirthTo range: RangeID? = nil) {
        starts += 1
        let executor = SimulatedExecutor(
            number: number,
            seed: world.generator.next(),
            skew: Int64(world.generator.below(20_000)) - 10_000,
            scheduler: world.scheduler
        )
        self.executor = executor
        let log = logDisk.log(for: executor)
        let events = EventBox()
        let rows = MemoryRows(
            disk: rowDisk,
            host: RowEngineHost(
                deliver: { executor.execute($0) },
                schedule: { delay, work in _ = executor.schedule(after: delay, work) },
                now: { executor.now - MonotonicTime(nanoseconds: 0) },
                report: { event in events.node?.assumeIsolated { $0.handle(event) } }
            )
        )
        let identity = StoreIdentity(store: world.store, member: member, starts: starts)
        let node = StoreNode(
            identity: identity,
            settings: world.settings,
            space: .standard,
            executor: executor,
            log: log,
            rows: rows,
            transport: SimulatedStoreTransport(world: world, from: identity, executor: executor),
            logger: Logger(label: "store") { _ in SwiftLogNoOpLogHandler() },
            suspension: { .zero ... .zero }
        )
        events.node = node
        let members = world.ring
        let own = member
        world.scheduler.run(as: executor) {
            _ = Task(executorPreference: executor) {
                do {
                    try await node.open()
                    if let range { try await node.giveBirth(to: range) }
                    await node.setOwnership { members.members(from: $0)?.first == own }
                    await node.setMemberPositions {
                        members.positions(inside: $0, asSeenBy: own)
                    }
                    await node.setWantedMembers { members.members(from: $0, asSeenBy: own) }
                    if self.executor === executor { self.node = node }
                } catch {
                    members.problems.append("\(node.identity.member.node): \(error)")
                }
            }
        }
    }

    /// Ends the process at once, and the power of its disk with it.
    func crash() {
        executor?.die()
        executor = nil
        isPaused = false
        node = nil
        let waiting = logDisk.waitingCount
        logDisk.crash(keeping: Int(world.generator.below(UInt64(waiting) + 1)))
        rowDisk.crash(keepsUnfinished: world.generator.below(2) == 0)
    }

    func pause() {
        isPaused = true
        executor?.pause()
    }

    func resume() {
        isPaused = false
        executor?.resume()
    }
}

/// Breaks the circle between a store and the events of its rows.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
private final class EventBox: @unchecked Sendable {
    weak var node: StoreNode?
}
