// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Released memory of nodes", .tags(.interaction))
struct LifetimeTests {
    private struct Weak: Sendable {
        weak let shell: NodeShell?
    }

    @Test("A node that has left is released", arguments: [1, 4])
    func left(count: Int) throws {
        let ring = try InProcessRing.settled(count)
        let name = "n\(count - 1)"
        let shell = Weak(shell: ring.shell(name))
        try ring.leave(name)
        ring.network.close(address: InProcessRing.address(name))
        ring.executor.run(for: .seconds(30))
        #expect(shell.shell == nil)
    }

    @Test("A node that failed in the middle of its work is released")
    func failed() throws {
        let ring = try InProcessRing.settled(4)
        let shell = Weak(shell: ring.shell("n2"))
        let tasks = (0..<20).map { _ in
            let id = ring.randomIdentifier()
            return ring.executor.start { [shell = ring.shell("n2")] in try await shell.lookup(id) }
        }
        ring.executor.run(for: .microseconds(1500))
        ring.kill("n2")
        for task in tasks { _ = try? task.value() }
        #expect(tasks.allSatisfy { $0.isFinished })
        ring.executor.run(for: .seconds(30))
        #expect(shell.shell == nil)
    }

    @Test("A node that never joined is released")
    func neverJoined() throws {
        let ring = InProcessRing()
        let shell = Weak(shell: ring.add("x"))
        let join = ring.executor.start { [shell = ring.shell("x")] in
            try await shell.join(through: ["nobody:1"], for: .seconds(3))
        }
        let waiter = ring.executor.start { [shell = ring.shell("x")] in
            try await shell.waitUntilJoined()
        }
        #expect(throws: ChordError.self) { try join.value() }
        ring.kill("x")
        #expect(throws: ChordError.self) { try waiter.value() }
        ring.executor.run(for: .seconds(10))
        #expect(shell.shell == nil)
    }

    @Test("A settled ring accumulates neither timers nor calls")
    func bounded() throws {
        let ring = try InProcessRing.settled(6)
        ring.executor.run(for: .seconds(60))
        func load() -> Int {
            ring.executor.run(until: { ring.plan.callsUnderWay == 0 }, limit: .seconds(5))
            return ring.executor.timerCount
        }
        let before = load()
        ring.executor.run(for: .seconds(600))
        #expect(load() <= before + 6)
        #expect(ring.plan.callsUnderWay == 0)
        for node in ring.circle {
            #expect(ring.shell(node.name).view.table.entries.count <= 5)
        }
    }

    @Test("The same seed gives the same run")
    func replay() throws {
        func trace(_ seed: UInt64) throws -> [String] {
            let ring = try InProcessRing.settled(8, seed: seed)
            ring.kill("n3")
            ring.executor.run(for: .seconds(10))
            let lines = (0..<8).flatMap { ring.members["n\($0)"]?.log.lines ?? [] }
            return lines.map { line in
                let metadata = line.metadata.sorted { $0.key < $1.key }
                return "\(line.message) \(metadata.map { "\($0.key)=\($0.value)" })"
            } + ["\(ring.executor.now.nanoseconds) \(ring.executor.random())"]
        }
        let first = try trace(5)
        let again = try trace(5)
        #expect(again == first)
        let other = try trace(6)
        #expect(other.last != first.last)
    }

    @Test("After the end create and join do nothing, and leave can be called again")
    func afterTheEnd() throws {
        let ring = try InProcessRing.settled(2)
        let shell = ring.shell("n1")
        try ring.leave("n1")
        try ring.executor.wait {
            await shell.create()
            await shell.leave()
        }
        #expect(!shell.view.isMember)
        let error = #expect(throws: ChordError.self) {
            try ring.executor.wait {
                try await shell.join(through: [InProcessRing.address("n0")], for: .seconds(5))
            }
        }
        #expect(error?.code == .stopped)
        ring.on("n0") { $0.fail(ChordError(.replaced, "first")) }
        ring.on("n0") { $0.fail(ChordError(.stopped, "second")) }
        let end = try ring.executor.wait { [shell = ring.shell("n0")] in await shell.waitForEnd() }
        #expect(end?.code == .replaced)
    }
}
