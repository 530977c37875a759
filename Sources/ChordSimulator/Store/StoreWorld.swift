// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
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
    /// A disk was lost, and nothing says that all ranges have their voters again.
    private var hasLostDisk = false
    /// How many voters each range had when they were counted last.
    var voters: [RangeID: VoterCount] = [:]
    private(set) var clients: [StoreClientActor] = []
    /// The parts of snapshots that were sent, in order.
    var parts: [SnapshotPart] = []
    var snapshotBytes: [UInt128: UInt64] = [:]
    /// What the clients saw.
    package internal(set) var history: [HistoryOperation] = []

    package init(seed: UInt64, nodes count: Int, clients clientCount: Int) {
        self.seed = seed
        scheduler = SimulationScheduler(seed: seed)
        generator = SeededGenerator(seed: seed)
        network = StoreNetwork(scheduler: scheduler, seed: seed)
        // Groups rest often, so that faults meet them in every stage of it.
        settings.raft.quietAfter = .milliseconds(Int64(200 + generator.below(1000)))
        settings.leaseReads = generator.below(2) == 0
        settings.replaceAfter = .seconds(30)
        settings.settleTime = .seconds(2)
        settings.logEntries = 50
        settings.splits.settleTime = .seconds(2)
        // Snapshots take seconds, so that faults meet them in the middle.
        settings.snapshots.partBytes = 64 + Int(generator.below(256))
        settings.snapshots.bytesPerSecond = 500 + generator.below(20_000)
        settings.snapshots.patience = .seconds(10)
        // In every other store ranges are split by size too.
        if generator.below(2) == 0 { settings.splits.rows = 2 + generator.below(3) }
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

    /// A random place in the part of the circle that is the node's.
    private func position(of number: Int, among count: Int) -> UInt64 {
        let width = UInt64(65_536 / count)
        return UInt64(number - 1) * width + generator.below(width)
    }

    /// The identifier at a part of the circle, in 65,536ths.
    static func position(_ part: UInt64) -> Identifier {
        Identifier(part << 48)
    }

    /// Tells the nodes which of them are members of the ring.
    func updateRing() {
        ring.update(
            names.compactMap { nodes[$0] }
                .filter { $0.isRunning && !outside.contains($0.member.node) }
                .map { ($0.position, $0.member) }
        )
    }

    // MARK: - Running

    /// Starts all nodes. The first one gives birth to the store's first range.
    package func start() {
        for name in names { nodes[name]?.start(givingBirthTo: name == "s1" ? range : nil) }
        updateRing()
    }

    package func run(for duration: Duration) {
        let end = scheduler.now + duration.nanoseconds
        _ = scheduler.run(until: end) { true }
    }

    /// Runs until a condition holds. False if it does not within the time.
    package func run(
        atMost duration: Duration,
        until isDone: () -> Bool
    ) -> Bool {
        let end = scheduler.now + duration.nanoseconds
        while scheduler.now < end {
            if isDone() { return true }
            _ = scheduler.run(until: min(end, scheduler.now + 50_000_000)) { true }
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

    /// Does one random thing to the store.
    package func injectFault() -> String {
        let name = names[Int(generator.below(UInt64(names.count)))]
        guard let node = nodes[name] else { return "nothing" }
        switch generator.below(10) {
        case 0, 1:
            guard node.isRunning, nodes.values.count(where: { !$0.isRunning }) < 2 else {
                return restartAll()
            }
            node.crash()
            return "crash \(name)"
        case 2:
            return restartAll()
        case 3:
            network.cut(from: name, to: names[Int(generator.below(UInt64(names.count)))])
            for other in names where generator.below(2) == 0 {
                network.cut(from: name, to: other)
                network.cut(from: other, to: name)
            }
            return "cut \(name)"
        case 4:
            network.lossPermille = Int(generator.below(100))
            network.repeatPermille = Int(generator.below(100))
            return "lossy network"
        case 5, 6:
            return changeMembership(of: name)
        case 7:
            return damageDisk(of: name)
        case 8:
            fillDisk(
                of: name,
                for: .milliseconds(Int64(generator.below(20_000))),
                alsoLog: generator.below(2) == 0
            )
            return "fill the disk of \(name)"
        default:
            node.pause()
            let time = Int64(generator.below(5_000_000_000))
            scheduler.schedule(at: now + time, for: nil) { node.resume() }
            return "pause \(name)"
        }
    }

    /// A node leaves the ring and keeps its data, or comes back.
    private func changeMembership(of name: String) -> String {
        defer { updateRing() }
        if outside.remove(name) != nil { return "join \(name)" }
        guard names.count - outside.count > 1 else { return "nothing" }
        outside.insert(name)
        return "leave \(name)"
    }

    /// Takes a node's disk away, or spoils a row on it, if all data have been on enough others a moment ago.
    private func damageDisk(of name: String) -> String {
        guard !hasLostDisk, canLoseDisk() else { return restartAll() }
        hasLostDisk = true
        guard generator.below(2) == 0 else {
            loseDisk(name)
            return "lose the disk of \(name)"
        }
        damageRow(of: name)
        return "damage a row of \(name)"
    }

    /// Makes a random row on a node's disk unreadable.
    package func damageRow(of name: String) {
        guard let disk = nodes[name]?.rowDisk, disk.rowCount > 0 else { return }
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

    private func restartAll() -> String {
        for node in nodes.values.sorted(by: { $0.number < $1.number }) where !node.isRunning {
            node.start()
        }
        updateRing()
        network.healCuts()
        return "restart and heal"
    }

    /// Ends all faults.
    package func heal() {
        network.healCuts()
        network.lossPermille = 0
        network.repeatPermille = 0
        outside = []
        _ = restartAll()
        for node in nodes.values {
            node.resume()
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
