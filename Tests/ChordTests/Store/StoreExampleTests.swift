// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import NIOConcurrencyHelpers
import Testing

/// The programs in Examples that use watching, on three nodes.
@Suite("Examples of the store", .tags(.network), .timeLimit(.minutes(5)))
struct StoreExampleTests {
    private func stores(of ring: StoreRing) async throws -> [StoreClient] {
        var stores: [StoreClient] = []
        for name in ["n1", "n2", "n3"] { stores.append(try await ring.start(name).store) }
        try await ring.awaitVoters(3)
        return stores
    }

    /// Runs `body` while tasks run that end only by cancellation.
    private func running(
        _ tasks: [Task<Void, any Error>],
        _ body: () async throws -> Void
    ) async throws {
        let result: Result<Void, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        for task in tasks { task.cancel() }
        for task in tasks { try await task.value }
        try result.get()
    }

    @Test("SharedCache: what one process changes is dropped by all, and held values cost no call")
    func cache() async throws {
        try await withStoreRing(.memory) { ring in
            let stores = try await stores(of: ring)
            let caches = stores.map { NearCache($0, partition: Array("pages".utf8)) }
            let page = Array("/index".utf8)
            try await running(caches.map { cache in Task { try await cache.run() } }) {
                for edition in 1...5 {
                    let value = Array("edition \(edition)".utf8)
                    try await caches[edition % 3].put(page, value)
                    // Its own reader sees it at once, the others when they have been told.
                    #expect(try await caches[edition % 3].get(page) == value)
                    for cache in caches {
                        try await eventually { try await cache.get(page) == value }
                        // Nobody sees an older value again.
                        for _ in 0..<20 { #expect(try await cache.get(page) == value) }
                        try await eventually {
                            let before = await cache.hits
                            _ = try await cache.get(page)
                            return await cache.hits > before
                        }
                    }
                }
                // A change that no cache has made.
                try await stores[0].delete(StoreKey(page, in: Array("pages".utf8)))
                for cache in caches { try await eventually { try await cache.get(page) == nil } }
            }
        }
    }

    @Test("StoreLock: one holder at a time, fences grow, and a late holder is refused everywhere")
    func lock() async throws {
        try await withStoreRing(.memory) { ring in
            let stores = try await stores(of: ring)
            func lock(_ number: Int, _ timeToLive: Duration = .seconds(30)) -> StoreLock {
                StoreLock(
                    stores[number],
                    partition: "jobs",
                    name: "lock",
                    owner: "n\(number + 1)",
                    timeToLive: timeToLive
                )
            }
            let holders = NIOLockedValueBox(0)
            let fences = NIOLockedValueBox<[UInt64]>([])
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for number in 0..<3 {
                    tasks.addTask {
                        for _ in 0..<4 {
                            var holding = try await lock(number).acquire()
                            let others = holders.withLockedValue { count in
                                defer { count += 1 }
                                return count
                            }
                            #expect(others == 0)
                            fences.withLockedValue { $0.append(holding.fence) }
                            #expect(try await lock(number).renew(&holding))
                            holders.withLockedValue { $0 -= 1 }
                            try await lock(number).release(holding)
                        }
                    }
                }
                try await tasks.waitForAll()
            }
            let order = fences.withLockedValue { $0 }
            #expect(order.count == 12)
            #expect(zip(order, order.dropFirst()).allSatisfy { $0 < $1 })

            // A holder that stands still loses the lock, and the next one gets it without a release.
            let log = FencedLog()
            var late = try await lock(0, .milliseconds(500)).acquire()
            #expect(try await lock(0).write([1], to: "result", late))
            let next = try await lock(1).acquire()
            #expect(next.fence > late.fence)
            try await log.append("n2", fence: next.fence)
            await #expect(throws: FencedLog.Refused.self) {
                try await log.append("n1", fence: late.fence)
            }
            #expect(try await !lock(0).write([2], to: "result", late))
            #expect(try await lock(1).write([3], to: "result", next))
            #expect(try await !lock(0).renew(&late))
            // A release of what was lost leaves the lock with its holder.
            try await lock(0).release(late)
            #expect(try await lock(2).tryAcquire() == nil)
            #expect(try await stores[2].get(StoreKey("result", in: "jobs"))?.bytes == [3])
            #expect(await log.lines == ["n2"])
        }
    }

    @Test("FleetSettings: every process applies each change, and those of one batch together")
    func fleet() async throws {
        try await withStoreRing(.memory) { ring in
            let stores = try await stores(of: ring)
            let applied = NIOLockedValueBox<[[FleetSettings.Snapshot]]>([[], [], []])
            let fleets = stores.enumerated().map { number, store in
                FleetSettings(store, fleet: "web") { settings in
                    applied.withLockedValue { $0[number].append(settings) }
                }
            }
            try await fleets[0].set(["color": "red", "size": "1"])
            try await running(fleets.map { fleet in Task { try await fleet.run() } }) {
                for number in 2...6 {
                    let color = number % 2 == 0 ? "blue" : "red"
                    try await fleets[number % 3].set(["color": color, "size": "\(number)"])
                }
                try await fleets[1].set(["color": nil, "size": "7"])
                try await eventually {
                    applied.withLockedValue { $0.allSatisfy { $0.last?.values == ["size": "7"] } }
                }
            }
            for snapshots in applied.withLockedValue({ $0 }) {
                #expect(
                    zip(snapshots, snapshots.dropFirst()).allSatisfy { $0.version < $1.version }
                )
                for values in snapshots.map(\.values) where values["color"] != nil {
                    let isEven = values["size"].flatMap { Int($0) }?.isMultiple(of: 2) == true
                    #expect((values["color"] == "blue") == isEven, "half of a batch: \(values)")
                }
            }
        }
    }
}
