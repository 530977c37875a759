// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordSimulator
import ChordStore
import ChordTestSupport
import Testing

@Suite("Comparing and recovering replicas under a virtual clock", .tags(.simulation), .ownThreads)
struct StoreAdministrationTests {
    @Test(
        "replicas are compared after one entry while clients write, and are equal",
        arguments: [31, 32, 33]
    )
    func equalUnderLoad(seed: UInt64) {
        let world = StoreWorld(seed: seed, nodes: 5, clients: 6)
        world.drive {
            world.start()
            world.run(for: .seconds(5))
            world.startClients()
            let before = world.settle(atMost: .seconds(60), isUsed: true)
            #expect(before.defects.isEmpty, "\(before.defects)")
            for _ in 0..<5 {
                let defects = world.checksumDefects()
                #expect(defects.isEmpty, "\(defects)")
                world.startClients()
                world.run(for: .seconds(1))
            }
            world.stopClients()
            #expect(world.run(atMost: .seconds(20)) { world.clientsAreIdle })
            let after = world.settle(atMost: .seconds(60))
            #expect(after.defects.isEmpty, "\(after.defects)")
        }
        #expect(world.problems.isEmpty, "\(world.problems)")
        #expect(LinearizabilityChecker().check(world.history) == .linearizable)
    }

    @Test("a replica that silently holds another value is found, and so is the row")
    func altered() throws {
        let world = StoreWorld(seed: 34, nodes: 3, clients: 4)
        try world.drive {
            world.start()
            world.run(for: .seconds(5))
            world.startClients()
            world.run(for: .seconds(10))
            world.stopClients()
            #expect(world.run(atMost: .seconds(20)) { world.clientsAreIdle })
            let before = world.settle(atMost: .seconds(60))
            #expect(before.defects.isEmpty, "\(before.defects)")
            world.alterRow(of: "s2")
            world.run(for: .seconds(10))
            var found: [ReplicaComparison] = []
            for range in world.heldRanges(where: { $0.isLed }) {
                let comparison = world.compareReplicas(of: range)
                guard comparison.replicas.contains(where: { $0.outcome != .equal }) else {
                    continue
                }
                found.append(comparison)
                let buckets = comparison.differingBuckets
                #expect(buckets.count == 1)
                let rows = world.compareReplicas(of: range, naming: buckets).rows
                #expect(rows.rows.count == 1 && !rows.hasMore)
                let row = try #require(rows.rows.first)
                #expect(row.holdings.count == 3)
                // The version is the same; only the value differs.
                #expect(Set(row.holdings.map(\.version)).count == 1)
            }
            #expect(found.count == 1)
            let different = try #require(found.first).replicas.filter { $0.outcome == .different }
            #expect(different.map(\.node) == ["s2"])
            #expect(!(try #require(found.first)).recordsDiffer)
        }
    }

    @Test("a damaged row is found, and its replica is filled again")
    func damaged() {
        let world = StoreWorld(seed: 35, nodes: 4, clients: 4)
        world.drive {
            world.start()
            world.run(for: .seconds(5))
            world.startClients()
            world.run(for: .seconds(10))
            world.stopClients()
            #expect(world.run(atMost: .seconds(20)) { world.clientsAreIdle })
            let before = world.settle(atMost: .seconds(60))
            #expect(before.defects.isEmpty, "\(before.defects)")
            world.damageRow(of: "s1")
            let defects = world.checksumDefects()
            #expect(defects.count == 1 && defects[0].contains("s1"), "\(defects)")
            #expect(defects[0].contains("damaged"))
            let after = world.settle(atMost: .seconds(180))
            #expect(after.defects.isEmpty, "\(after.defects)")
            #expect(world.checksumDefects().isEmpty)
        }
    }

    @Test(
        "a lost majority is recovered once, and loses only what was said",
        arguments: UInt64(1)...8
    )
    func recoveries(seed: UInt64) {
        let report = StoreRecoveries(seed: seed).run()
        #expect(report.holds, "\(report)")
        #expect(report.recovered > 0)
    }

    @Test("a recovered range goes on above the versions that an import had raised")
    func recoveredAfterImport() throws {
        let world = StoreWorld(seed: 38, nodes: 3, clients: 1)
        try world.drive {
            world.start()
            let key = 4
            var number: UInt64 = 0
            func write() throws -> LogIndex {
                number += 1
                let id = WriteID(
                    client: ClientID(RandomBits(high: 5, low: 1)),
                    number: number,
                    lowestUnanswered: number,
                    preparedAt: try #require(world.get(key)).view.time
                )
                guard case .done(let outcome, _)? = world.put("v\(number)", at: key, as: id) else {
                    throw TestFailure("write \(number) has no answer")
                }
                return outcome.version
            }
            let before = world.settle(atMost: .seconds(60))
            #expect(before.defects.isEmpty, "\(before.defects)")
            let floor = LogIndex(1 << 40)
            #expect(world.raiseVersions(above: floor, at: key) != nil)
            let last = try write()
            #expect(last > floor)
            let after = world.settle(atMost: .seconds(60))
            #expect(after.defects.isEmpty, "\(after.defects)")
            let givenUp = Set(try ["s2", "s3"].map { try #require(world.disk(of: $0)) })
            for name in ["s2", "s3"] { world.lose(name) }
            world.run(for: .seconds(5))
            for range in world.heldRanges(where: { !$0.isLed }) {
                let run = RecoveryRun(of: range, givingUp: givenUp, members: world.runningDisks)
                let end = world.carryOut(run)
                guard case .done = end else {
                    Issue.record("\(range): \(end)")
                    continue
                }
            }
            let kept = try #require(world.get(key)?.row)
            #expect(String(decoding: kept.value, as: UTF8.self) == "v1" && kept.version == last)
            #expect(try write() > last)
        }
    }

    @Test("a range whose majority answers is not recovered")
    func refused() throws {
        let world = StoreWorld(seed: 36, nodes: 3, clients: 1)
        try world.drive {
            world.start()
            let before = world.settle(atMost: .seconds(60))
            #expect(before.defects.isEmpty, "\(before.defects)")
            let lost = try #require(world.disk(of: "s3"))
            world.crash("s3")
            world.run(for: .seconds(5))
            for range in world.heldRanges(where: { $0.isLed }) {
                let run = RecoveryRun(of: range, givingUp: [lost], members: world.runningDisks)
                guard case .failed(let reason) = world.carryOut(run) else {
                    Issue.record("range \(range) was recovered")
                    continue
                }
                #expect(reason.contains("majority"), "\(reason)")
            }
            world.restart("s3")
            let after = world.settle(atMost: .seconds(60))
            #expect(after.defects.isEmpty, "\(after.defects)")
        }
        #expect(world.problems.isEmpty, "\(world.problems)")
    }

    @Test("a node that answers cannot be given up, and one that does not must be")
    func named() throws {
        let world = StoreWorld(seed: 37, nodes: 3, clients: 1)
        try world.drive {
            world.start()
            let before = world.settle(atMost: .seconds(60))
            #expect(before.defects.isEmpty, "\(before.defects)")
            let disks = try world.names.map { try #require(world.disk(of: $0)) }
            let range = try #require(world.heldRanges(where: { $0.isLed }).first)
            world.crash("s2")
            world.crash("s3")
            world.run(for: .seconds(5))
            let members = world.runningDisks
            func reason(givingUp disks: Set<DiskID>) -> String {
                let run = RecoveryRun(of: range, givingUp: disks, members: members)
                guard case .failed(let reason) = world.carryOut(run) else { return "" }
                return reason
            }
            #expect(reason(givingUp: [disks[1]]).contains("--give-up s3"))
            #expect(reason(givingUp: Set(disks)).contains("stop them"))
            world.restart("s2")
            world.restart("s3")
            let after = world.settle(atMost: .seconds(60))
            #expect(after.defects.isEmpty, "\(after.defects)")
        }
    }
}
