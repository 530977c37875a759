// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Connections on another executor than the node's", .tags(.interaction))
struct OtherExecutorTests {
    /// A ring whose nodes are served on `connections`, as a server with several event loops does it.
    private func ring(on connections: ManualExecutor, count: Int) throws -> InProcessRing {
        let ring = try InProcessRing.settled(count, seed: 41)
        ring.executor.run(for: .seconds(20))
        connections.run(for: ring.executor.now - connections.now)
        for (name, member) in ring.members {
            ring.network.listen(
                address: InProcessRing.address(name),
                router: Router(member.shell.services()),
                identity: InProcessRing.identity(name),
                executor: connections
            )
        }
        return ring
    }

    private func run(
        _ ring: InProcessRing,
        _ connections: ManualExecutor,
        until condition: () -> Bool
    ) -> Bool {
        for _ in 0..<30_000 {
            if condition() { return true }
            ring.executor.run(for: .microseconds(500))
            connections.run(for: .microseconds(500))
        }
        return condition()
    }

    @Test("Lookups are answered and forwarded on the connection's executor")
    func lookups() throws {
        let connections = ManualExecutor(seed: 42)
        let ring = try ring(on: connections, count: 8)
        for node in ring.circle {
            let shell = ring.shell(node.name)
            let lookups = (0..<25).map { _ in
                let id = ring.randomIdentifier()
                return ring.executor.start { try await shell.lookup(id, wantsPath: true) }
            }
            #expect(run(ring, connections) { lookups.allSatisfy { $0.isFinished } })
            for lookup in lookups {
                let result = try lookup.value(limit: .zero)
                #expect(result.owner == ring.owner(of: result.id))
                #expect(result.path.count == result.hops + 1)
            }
        }
    }

    @Test("Notify, Leave and suspicions reach the node's own executor")
    func maintenance() throws {
        let connections = ManualExecutor(seed: 43)
        let ring = try ring(on: connections, count: 8)
        let circle = ring.circle
        ring.kill(circle[2].name)
        ring.plan.set(.silent, to: circle[2].address)
        let lookups = ring.circle.map { node in
            let shell = ring.shell(node.name)
            return ring.executor.start { try await shell.lookup(circle[2].id) }
        }
        #expect(run(ring, connections) { lookups.allSatisfy { $0.isFinished } && ring.isIdeal })
        let leaver = circle[5].name
        let shell = ring.shell(leaver)
        let leaving = ring.executor.start { await shell.leave() }
        #expect(run(ring, connections) { leaving.isFinished })
        #expect(ring.shell(circle[4].name).view.successors.first == circle[6])
    }
}
