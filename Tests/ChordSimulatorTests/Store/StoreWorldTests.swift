// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordSimulator
import ChordStore
import ChordTestSupport
import Testing

@Suite("Stores of whole nodes under a virtual clock", .tags(.simulation))
struct StoreWorldTests {
    @Test("a store is born, grows to three voters and serves")
    func birth() {
        let world = StoreWorld(seed: 1, nodes: 5, clients: 3)
        world.drive {
            world.start()
            world.startClients()
            world.run(for: .seconds(20))
            world.stopClients()
            #expect(world.run(atMost: .seconds(10)) { world.clientsAreIdle })
        }
        #expect(world.problems.isEmpty)
        #expect(world.history.count > 500)
        #expect(LinearizabilityChecker().check(world.history) == .linearizable)
    }

    @Test(
        "under faults every history is linearizable, and all is answered after them",
        arguments: UInt64(1)...6
    )
    func faults(seed: UInt64) {
        let report = StoreSimulation(seed: seed, faultTime: .seconds(40)).run()
        #expect(report.holds, "\(report)")
        #expect(report.summary.operations > 200)
    }

    @Test("a seed gives the same run every time")
    func determinism() {
        let simulation = StoreSimulation(seed: 3, faultTime: .seconds(15))
        let first = simulation.run()
        let second = simulation.run()
        #expect(first.traceHash == second.traceHash)
        #expect(first.faults == second.faults)
    }

    /// A store of five nodes with clients, after it has settled.
    private func withSettledWorld(seed: UInt64, _ body: (StoreWorld) -> Void) {
        let world = StoreWorld(seed: seed, nodes: 5, clients: 3)
        world.drive {
            world.start()
            world.run(for: .seconds(5))
            world.startClients()
            let before = world.settle(atMost: .seconds(60), isUsed: true)
            #expect(before.defects.isEmpty, "\(before.defects)")
            body(world)
            world.stopClients()
            #expect(world.run(atMost: .seconds(20)) { world.clientsAreIdle })
            let after = world.settle(atMost: .seconds(180))
            #expect(after.defects.isEmpty, "\(after.defects)")
            #expect(after.ranges >= 5)
        }
        #expect(world.problems.isEmpty)
        #expect(LinearizabilityChecker().check(world.history) == .linearizable)
    }

    @Test("a node whose disk was lost gets new replicas, and no vote of the old ones counts")
    func lostDisk() {
        withSettledWorld(seed: 11) { world in
            world.loseDisk("s2")
            world.run(for: .seconds(60))
        }
    }

    @Test("after a restart of all nodes, one of them without its disk, nothing is lost")
    func restartWithLostDisk() {
        withSettledWorld(seed: 12) { world in
            world.run(for: .seconds(5))
            world.restartEverything(losingDiskOf: "s3")
            world.run(for: .seconds(60))
        }
    }

    @Test("a disk that was restored from an old copy stops its replicas, which are made anew")
    func oldCopy() {
        withSettledWorld(seed: 13) { world in
            world.restoreDisk(of: "s4") { world.run(for: .seconds(20)) }
            world.run(for: .seconds(120))
        }
    }

    @Test("rows that are older than the log stop their replicas, and the others of the node go on")
    func oldRows() {
        withSettledWorld(seed: 15) { world in
            world.restoreDisk(of: "s4", onlyRows: true) { world.run(for: .seconds(60)) }
            world.run(for: .seconds(120))
        }
    }

    @Test(
        "a node whose disk is full serves reads, and takes writes again when there is room",
        arguments: [true, false]
    )
    func fullDisk(alsoLog: Bool) {
        withSettledWorld(seed: 16) { world in
            world.fillDisk(of: "s1", for: .seconds(30), alsoLog: alsoLog)
            world.run(for: .seconds(60))
        }
    }

    @Test("while every node is a ring of one, no range loses a voter")
    func ringsOfOne() {
        withSettledWorld(seed: 14) { world in
            let before = world.voterCounts()
            world.separateRings()
            world.run(for: .seconds(60))
            let meanwhile = world.voterCounts()
            #expect(meanwhile.values.allSatisfy { $0.count >= 3 })
            #expect(Set(meanwhile.keys).isSuperset(of: before.keys))
            world.joinRings()
            world.run(for: .seconds(30))
        }
    }
}
