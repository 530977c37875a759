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

    @Test("under faults nothing acknowledged is lost", arguments: UInt64(1)...8)
    func faults(seed: UInt64) {
        let world = StoreWorld(seed: seed, nodes: 5, clients: 5)
        var faults: [String] = []
        world.drive {
            world.start()
            world.run(for: .seconds(10))
            world.startClients()
            for _ in 0..<12 {
                world.run(for: .seconds(5))
                faults.append(world.injectFault())
            }
            world.heal()
            world.run(for: .seconds(20))
            world.stopClients()
            #expect(world.run(atMost: .seconds(20)) { world.clientsAreIdle })
        }
        #expect(world.problems.isEmpty)
        let known = world.history.count { $0.outcome != .unknown }
        #expect(known > 300, "\(world.history.count) operations; \(faults)")
        let verdict = LinearizabilityChecker().check(world.history)
        #expect(verdict == .linearizable, "\(verdict); \(faults)")
    }
}
