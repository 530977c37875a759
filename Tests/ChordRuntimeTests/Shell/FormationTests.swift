// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordHash
import ChordRPC
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Forming a ring", .tags(.interaction))
struct FormationTests {
    @Test("A single node owns every key and is its own neighbour")
    func alone() throws {
        let ring = InProcessRing()
        try ring.create("n0")
        let shell = ring.shell("n0")
        for _ in 0..<100 {
            let id = ring.randomIdentifier()
            let result = try ring.executor.wait { try await shell.lookup(id, wantsPath: true) }
            #expect(result.owner == shell.view.node)
            #expect(result.successors.isEmpty)
            #expect(result.hops == 0)
            #expect(result.path == [shell.view.node])
        }
        let state = shell.view.state
        #expect(state.predecessor == state.node)
        #expect(state.successors == [state.node])
    }

    @Test("Nodes join one after the other", arguments: [2, 3, 7, 20])
    func oneAfterTheOther(count: Int) throws {
        let ring = InProcessRing(seed: UInt64(count))
        try ring.create("n0")
        for index in 1..<count { try ring.join("n\(index)", through: "n0") }
        #expect(ring.settle(limit: .seconds(5)), "\(ring.description)")
        try checkRanges(of: ring)
    }

    @Test("Nodes join all at once through one contact", arguments: [2, 3, 7, 20])
    func allAtOnce(count: Int) throws {
        let ring = InProcessRing(seed: UInt64(count))
        try ring.create("n0")
        let tasks = (1..<count).map { index in
            let shell = ring.add("n\(index)")
            return ring.executor.start {
                try await shell.join(through: [InProcessRing.address("n0")], for: .seconds(60))
            }
        }
        for task in tasks { try task.value() }
        #expect(ring.settle(limit: .seconds(10)), "\(ring.description)")
        try checkRanges(of: ring)
    }

    @Test("A ring forms in delaying mode", arguments: [3, 12])
    func delaying(count: Int) throws {
        var settings = InProcessRing.Settings()
        settings.queryMode = .delaying
        let ring = try InProcessRing.settled(count, seed: 3, settings)
        #expect(ring.isIdeal)
        ring.kill("n1")
        #expect(ring.settle(limit: .seconds(20)), "\(ring.description)")
    }

    @Test("A delayed question is answered ABORTED")
    func busy() throws {
        var settings = InProcessRing.Settings()
        settings.queryMode = .delaying
        let ring = try InProcessRing.settled(3, settings)
        // A node with a question out that nobody answers.
        let name = ring.circle[0].name
        let successor = ring.shell(name).view.successors[0]
        ring.plan.set(.silent, to: successor.address)
        #expect(ring.executor.run(until: { ring.shell(name).view.isDelaying }, limit: .seconds(5)))
        let result = try ring.call(
            ChordMethods.getSuccessorList,
            at: name,
            as: InProcessRing.identity("x"),
            message: []
        )
        #expect(result.status.code == .aborted)
    }

    /// The ranges of all members cover the circle once.
    private func checkRanges(of ring: InProcessRing) throws {
        let circle = ring.circle
        for (index, node) in circle.enumerated() {
            let range = ring.shell(node.name).view.range
            #expect(range.upperBound == node.id)
            #expect(range.lowerBound == circle[(index + circle.count - 1) % circle.count].id)
        }
    }
}
