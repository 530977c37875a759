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
        let report = StoreSimulation(seed: seed, faults: 8).run()
        #expect(report.holds, "\(report)")
        #expect(report.summary.operations > 200)
    }

    @Test("a seed gives the same run every time")
    func determinism() {
        let simulation = StoreSimulation(seed: 3, faults: 3)
        let first = simulation.run()
        let second = simulation.run()
        #expect(first.traceHash == second.traceHash)
        #expect(first.faults == second.faults)
    }
}
