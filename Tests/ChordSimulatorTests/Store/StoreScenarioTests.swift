// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordSimulator
import ChordStore
import ChordTestSupport
import Testing

@Suite("Named scenarios of stores under a virtual clock", .tags(.simulation), .ownThreads)
struct StoreScenarioTests {
    private static let client = ClientID(RandomBits(high: 6, low: 1))
    private static let other = ClientID(RandomBits(high: 6, low: 2))

    private func id(
        _ number: UInt64,
        of client: ClientID = Self.client,
        preparedAt time: RangeTime
    ) -> WriteID {
        WriteID(client: client, number: number, lowestUnanswered: number, preparedAt: time)
    }

    /// A store whose ranges have settled, without clients.
    private func withStore(nodes: Int, seed: UInt64, _ body: (StoreWorld) throws -> Void) rethrows {
        let world = StoreWorld(seed: seed, nodes: nodes, clients: 1)
        try world.drive {
            world.start()
            let before = world.settle(atMost: .seconds(60))
            #expect(before.defects.isEmpty, "\(before.defects)")
            try body(world)
            let after = world.settle(atMost: .seconds(180))
            #expect(after.defects.isEmpty, "\(after.defects)")
        }
        #expect(world.problems.isEmpty, "\(world.problems)")
    }

    @Test("raised versions outlast restarts, splits, and a disk that is filled anew")
    func raisedVersions() throws {
        try withStore(nodes: 5, seed: 23) { world in
            let key = 4
            var number: UInt64 = 0
            var last = LogIndex.zero
            func write() throws {
                number += 1
                let time = try #require(world.get(key)).view.time
                let result = world.put("v\(number)", at: key, as: id(number, preparedAt: time))
                guard case .done(let outcome, _)? = result else {
                    Issue.record("the write has no answer")
                    return
                }
                #expect(outcome.version > last)
                last = outcome.version
            }
            try write()
            let parent = try #require(world.raiseVersions(above: LogIndex(100_000), at: key))
            #expect(parent.version >= LogIndex(100_000) && parent.applied < LogIndex(100_000))
            last = parent.version
            try write()
            world.passMember(at: StoreWorld.position(ofKey: key))
            #expect(
                world.run(atMost: .seconds(30)) {
                    world.get(key)?.view.descriptor.id != parent.descriptor.id
                }
            )
            try write()
            world.restartEverything()
            try write()
            _ = world.settle(atMost: .seconds(60))
            // The node receives the range as a snapshot, and may come to lead it.
            for name in world.names.prefix(3) {
                world.loseDisk(name)
                _ = world.settle(atMost: .seconds(120))
                try write()
            }
        }
    }

    @Test("a write that is repeated after a split is applied once")
    func retryAfterSplit() throws {
        try withStore(nodes: 5, seed: 21) { world in
            let key = 4
            let time = try #require(world.get(key)).view.time
            let write = id(1, preparedAt: time)
            guard case .done(let first, let parent)? = world.put("a", at: key, as: write) else {
                Issue.record("the write has no answer")
                return
            }
            world.passMember(at: StoreWorld.position(ofKey: key))
            #expect(
                world.run(atMost: .seconds(30)) {
                    world.get(key)?.view.descriptor.id != parent.descriptor.id
                }
            )
            guard case .done(let second, let child)? = world.put("a", at: key, as: write) else {
                Issue.record("the repeated write has no answer")
                return
            }
            #expect(child.descriptor.id != parent.descriptor.id)
            #expect(second.isRepeated)
            #expect(second.version == first.version)
            #expect(try #require(world.get(key)).row?.version == first.version)
        }
    }

    @Test("a write that is repeated after the window is refused, and not applied again")
    func retryAfterWindow() throws {
        try withStore(nodes: 3, seed: 22) { world in
            let key = 7
            let time = try #require(world.get(key)).view.time
            let write = id(1, preparedAt: time)
            guard case .done? = world.put("a", at: key, as: write) else {
                Issue.record("the write has no answer")
                return
            }
            world.run(for: RequestTable.Limits.window + .seconds(30))
            // The time of a range goes on by entries, and clients are forgotten by them. The first write after so long
            // brings the time, and is refused itself, because it was prepared by the old one.
            let old = try #require(world.get(key)).view.time
            _ = world.put("b", at: key, as: id(1, of: Self.other, preparedAt: old))
            let later = try #require(world.get(key)).view.time
            #expect(later.since(time) >= RequestTable.Limits.window)
            guard
                case .done(let overwritten, _)? = world.put(
                    "c",
                    at: key,
                    as: id(2, of: Self.other, preparedAt: later)
                )
            else {
                Issue.record("the other client's write has no answer")
                return
            }
            guard case .failed(.refused(.mayHaveHappened))? = world.put("a", at: key, as: write)
            else {
                Issue.record("the repeated write was not refused")
                return
            }
            #expect(try #require(world.get(key)).row?.version == overwritten.version)
        }
    }

    @Test("rings of one and two nodes and even numbers of nodes serve", arguments: [1, 2, 4, 6])
    func numbers(nodes: Int) {
        let world = StoreWorld(seed: 23, nodes: nodes, clients: 5)
        world.drive {
            world.start()
            world.run(for: .seconds(3))
            world.startClients()
            for number in 1...nodes {
                world.run(for: .seconds(10))
                world.crash("s\(number)")
                world.run(for: .seconds(5))
                world.restart("s\(number)")
            }
            world.run(for: .seconds(10))
            world.restartEverything()
            world.run(for: .seconds(10))
            world.stopClients()
            #expect(world.run(atMost: .seconds(20)) { world.clientsAreIdle })
            let state = world.settle(atMost: .seconds(120))
            #expect(state.defects.isEmpty, "\(state.defects)")
        }
        #expect(world.problems.isEmpty, "\(world.problems)")
        #expect(world.history.count > 500)
        #expect(LinearizabilityChecker().check(world.history) == .linearizable)
    }

    @Test("while nothing moves, every key can be read although many members have come")
    func joinersWithoutMoves() throws {
        try withStore(nodes: 5, seed: 24) { world in
            var versions: [Int: LogIndex] = [:]
            for key in StoreWorld.keyNumbers {
                let time = try #require(world.get(key)).view.time
                let write = id(UInt64(key + 1), preparedAt: time)
                guard case .done(let outcome, _)? = world.put("\(key)", at: key, as: write) else {
                    Issue.record("the write of key \(key) has no answer")
                    return
                }
                versions[key] = outcome.version
            }
            world.stopMoves()
            for number in UInt64(0)..<12 { world.join(at: 2000 + number * 5000) }
            world.run(for: .seconds(30))
            for key in StoreWorld.keyNumbers {
                #expect(try #require(world.get(key)).row?.version == versions[key])
            }
            world.allowMoves()
        }
    }

    @Test("parts of the ring merge again")
    func partitions() {
        var partitions = 0
        for seed in UInt64(1)...3 {
            let report = StoreSimulation(
                seed: seed,
                faultTime: .seconds(60),
                hasPartitions: true
            ).run()
            #expect(report.holds, "\(report)")
            partitions += report.faultCounts[.partition, default: 0]
        }
        #expect(partitions > 0)
    }

    @Test("nodes that come and go under new names leave a bounded number of ranges")
    func joins() {
        let report = StoreJoins(seed: 1, joins: 40, replicasPerNode: 12).run()
        #expect(report.holds, "\(report)")
        #expect(report.joins == 40)
        #expect(report.ranges > 5)
    }

    @Test("a run that proves little fails, and one of full length is enough")
    func shortfalls() {
        let short = StoreSimulation(seed: 5, nodes: 3, clients: 2, faultTime: .seconds(2)).run()
        var sweep = StoreSweep()
        sweep.add(short)
        #expect(sweep.firstFailure?.problems.isEmpty == false)
        #expect(short.shortfalls.contains { $0.contains("nodes") })
        #expect(short.shortfalls.contains { $0.contains("3 minutes") })
        #expect(short.shortfalls.contains { $0.contains("five clients") })

        let full = StoreSimulation(seed: 5).run()
        #expect(full.shortfalls.isEmpty, "\(full.shortfalls)")
    }
}
