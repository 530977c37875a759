// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore
package import ChordStore

/// A store of several nodes under a virtual clock, with faults, clients and a history of what they saw.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
package final class StoreWorld: @unchecked Sendable {
    package let seed: UInt64
    let scheduler: SimulationScheduler
    var generator: SeededGenerator
    let network: StoreNetwork
    let store = StoreID(high: 7, low: 7)
    let range = RangeID(high: 9, low: 9)
    var settings = StoreSettings(raft: .lan)
    let ring = SimulatedMembers()
    private(set) var nodes: [String: SimulatedStoreNode] = [:]
    /// Nodes that run and are no members of the ring.
    var outside: Set<String> = []
    /// Nodes that are gone, maybe not for good.
    var lost: [String: SimulatedStoreNode] = [:]
    /// A disk was lost, and nothing says that all ranges have their voters again.
    var hasLostDisk = false
    /// The nodes answer each other without end, and the run has stopped.
    private(set) var isStuck = false
    /// The number of the last node that was added.
    var lastNumber: Int
    /// What a crash waits for.
    var ambushes: [StoreAmbush] = []
    /// Ranges of which there was a message.
    private var knownRanges: Set<RangeID> = []
    /// The end of all faults has come.
    var faultsAreOver = false
    /// How long the data of a range take at most to another node.
    var snapshotLimit: Int64 = 0
    /// How many voters each range had when they were counted last.
    var voters: [RangeID: VoterCount] = [:]
    /// The lowest number of replicas that any range was to have so far.
    var lowestReplication = 3
    /// Whether the run has damaged data of a replica.
    var hadDamage = false
    private(set) var clients: [StoreClientActor] = []
    var watchers: [StoreWatcherActor] = []
    /// The parts of snapshots that were sent, in order.
    var parts: [SnapshotPart] = []
    var snapshotBytes: [UInt128: UInt64] = [:]
    /// The versions above which ranges were raised.
    var raises: VersionRaises
    /// What the clients saw.
    package internal(set) var history: [HistoryOperation] = []

    /// - Parameter adjust: changes the settings that the seed has chosen.
    package init(
        seed: UInt64,
        nodes count: Int,
        clients clientCount: Int,
        adjusting adjust: (inout StoreSettings) -> Void = { _ in }
    ) {
        self.seed = seed
        lastNumber = count
        scheduler = SimulationScheduler(seed: seed)
        generator = SeededGenerator(seed: seed)
        raises = VersionRaises(seed: seed)
        network = StoreNetwork(scheduler: scheduler, seed: seed)
        // Groups rest often, so that faults meet them in every stage of it.
        settings.raft.quietAfter = .milliseconds(Int64(200 + generator.below(1000)))
        settings.leaseReads = generator.below(2) == 0
        settings.replaceAfter = .seconds(30)
        settings.settleTime = .seconds(2)
        // Small logs make snapshots, and larger ones let a replica lag far behind.
        settings.logEntries = [20, 50, 200, 1000][Int(generator.below(4))]
        settings.splits.settleTime = .seconds(2)
        // Snapshots take seconds, so that faults meet them in the middle.
        settings.snapshots.partBytes = 64 + Int(generator.below(256))
        settings.snapshots.bytesPerSecond = 500 + generator.below(20_000)
        settings.snapshots.patience = .seconds(10)
        // In every other store ranges are split by size too.
        if generator.below(2) == 0 { settings.splits.rows = 2 + generator.below(3) }
        adjust(&settings)
        for number in 1...count {
            let node = SimulatedStoreNode(
                number: number,
                position: Self.position(position(of: number, among: count)),
                store: store,
                world: self
            )
            nodes[node.member.node] = node
        }
        for number in 1...max(1, clientCount) {
            clients.append(StoreClientActor(number: number, world: self, seed: generator.next()))
        }
    }

    var now: Int64 { scheduler.now }

    /// Names of all nodes, in order.
    package var names: [String] { nodes.keys.sorted() }

    func syncTime() -> Int64 {
        // Mostly a fraction of a millisecond, now and then a disk takes long.
        let slow = generator.below(200) == 0
        return Int64(generator.below(slow ? 200_000_000 : 800_000)) + 100_000
    }

    /// How long the data of a range take to another node.
    func snapshotTime() -> Int64 {
        snapshotLimit > 0 ? Int64(generator.below(UInt64(snapshotLimit))) : 0
    }

    /// Notes that a message about a range arrives at a node. The first one tells that a split was applied.
    func noteMessage(about range: RangeID, at name: String) {
        if knownRanges.insert(range).inserted { spring(.split, at: name) }
    }

    /// A random place in the part of the circle that is the node's.
    private func position(of number: Int, among count: Int) -> UInt64 {
        let width = UInt64(65_536 / count)
        return UInt64(number - 1) * width + generator.below(width)
    }

    /// The identifier at a part of the circle, in 65,536ths.
    static func position(_ part: UInt64) -> Identifier {
        Identifier(part << 48)
    }

    /// The place of a client's key.
    package static func position(ofKey key: Int) -> Identifier {
        position((UInt64(key) << 16) / StoreClientActor.keys + 100)
    }

    static func name(ofKey key: Int) -> [UInt8] { Array("k\(key)".utf8) }

    /// Tells the nodes which of them are members of the ring.
    func updateRing() {
        ring.update(
            names.compactMap { nodes[$0] }
                .filter { $0.isRunning && !outside.contains($0.member.node) }
                .map { ($0.position, $0.member) }
        )
    }

    // MARK: - Running

    /// Adds a node that is not running yet.
    func add(_ node: SimulatedStoreNode) {
        nodes[node.member.node] = node
    }

    /// Takes a node out of the world, with its disk.
    func remove(_ name: String) {
        nodes[name]?.crash()
        nodes[name] = nil
        outside.remove(name)
        updateRing()
    }

    /// Starts all nodes. The first one gives birth to the store's first range.
    ///
    /// - Parameter newcomers: nodes that run and become members later.
    package func start(newcomers: Set<String> = []) {
        outside = newcomers
        for name in names { nodes[name]?.start(givingBirthTo: name == "s1" ? range : nil) }
        updateRing()
    }

    package func run(for duration: Duration) {
        run(until: scheduler.now + duration.nanoseconds)
    }

    /// Jobs of all nodes in a virtual second at most. More means that nodes answer each other without end.
    private static let mostWork = 1_000_000

    private func run(until end: Int64) {
        while scheduler.now < end, !isStuck {
            let limit = scheduler.workCount + Self.mostWork
            let next = min(end, scheduler.now + 1_000_000_000)
            isStuck = !scheduler.run(until: next) { scheduler.workCount < limit }
        }
        if isStuck, !ring.problems.contains(Self.stuck) { ring.problems.append(Self.stuck) }
    }

    private static let stuck = "the nodes do more than \(mostWork) jobs in a second"

    /// Runs until a condition holds. False if it does not within the time.
    package func run(
        atMost duration: Duration,
        until isDone: () -> Bool
    ) -> Bool {
        let end = scheduler.now + duration.nanoseconds
        while scheduler.now < end, !isStuck {
            if isDone() { return true }
            run(until: min(end, scheduler.now + 50_000_000))
        }
        return isDone()
    }

    package func drive<Value>(_ body: () throws -> Value) rethrows -> Value {
        try scheduler.drive(body)
    }

    /// Lets clients begin operations until `stopClients`.
    package func startClients() {
        for client in clients { client.start() }
    }

    package func stopClients() {
        for client in clients { client.stop() }
    }

    /// Whether every client has the answer to its last operation, or has given up.
    package var clientsAreIdle: Bool { clients.allSatisfy(\.isIdle) }

    // MARK: - Faults

    /// Makes a random row on a node's disk unreadable.
    package func damageRow(of name: String) {
        guard let disk = nodes[name]?.rowDisk, disk.rowCount > 0 else { return }
        nodes[name]?.hasDamagedRow = true
        disk.damageRow(Int(generator.below(UInt64(disk.rowCount))))
    }

    /// Leaves no room on a node's disk for a while: neither for rows, nor for entries of the log where that is full
    /// as well.
    ///
    /// - Parameter reserve: what committed changes may use all the same; nil for random reserves, which last longer
    ///   or less long.
    package func fillDisk(
        of name: String,
        for duration: Duration,
        alsoLog: Bool = true,
        reserve: Int? = nil
    ) {
        guard let node = nodes[name] else { return }
        let (log, rows) = (node.logDisk, node.rowDisk)
        log.reserveBytes = reserve ?? Int(generator.below(20_000))
        rows.reserveBytes = reserve ?? Int(generator.below(2_000))
        log.isFull = alsoLog
        rows.isFull = true
        scheduler.schedule(at: now + duration.nanoseconds, for: nil) {
            log.isFull = false
            rows.isFull = false
        }
    }

    /// Takes a node's disk away. The node starts again with an empty one.
    package func loseDisk(_ name: String) {
        nodes[name]?.crash()
        nodes[name]?.replaceDisk()
        nodes[name]?.start()
        updateRing()
    }

    /// Restores a node's disk, or only its rows, as they were some time ago, which nobody should do.
    package func restoreDisk(
        of name: String,
        onlyRows: Bool = false,
        asBefore work: () -> Void
    ) {
        guard let copy = nodes[name]?.copyDisk() else { return }
        work()
        nodes[name]?.crash()
        nodes[name]?.restore(copy, onlyRows: onlyRows)
        nodes[name]?.start()
    }

    /// Every node believes for a while that it is alone in its ring.
    package func separateRings() { ring.areSeparate = true }

    package func joinRings() { ring.areSeparate = false }

    /// Starts all nodes that are down.
    func restartAll() {
        for name in names where nodes[name]?.isRunning == false { nodes[name]?.start() }
        updateRing()
    }

    /// Ends all faults.
    package func heal() {
        faultsAreOver = true
        ambushes = []
        network.healCuts()
        network.lossPermille = 0
        network.repeatPermille = 0
        snapshotLimit = 0
        ring.parts = [:]
        outside = []
        restartAll()
        for node in names.compactMap({ nodes[$0] }) {
            node.resume()
            node.slowDown(to: nil)
            node.delayWorks(by: .zero)
            node.logDisk.isFull = false
            node.rowDisk.isFull = false
        }
    }

    /// Takes the power from all nodes at once, and starts them again.
    ///
    /// - Parameter lost: a node that starts with an empty disk.
    package func restartEverything(losingDiskOf lost: String? = nil) {
        for name in names where nodes[name]?.isRunning == true { nodes[name]?.crash() }
        if let lost { nodes[lost]?.replaceDisk() }
        for name in names { nodes[name]?.start() }
        updateRing()
    }

    package func crash(_ name: String) {
        nodes[name]?.crash()
        updateRing()
    }

    package func restart(_ name: String) {
        nodes[name]?.start()
        updateRing()
    }

    /// Equal in every run of the seed.
    var traceHash: String { "\(scheduler.hash)" }

    /// What went wrong in a node's start.
    package var problems: [String] { ring.problems }
}
