// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordRPC
import ChordStore
import ChordTestSupport
import ChordWire
import NIOConcurrencyHelpers
import Testing

/// Watching rows of a ring's store, over real TLS.
@Suite(.tags(.network), .timeLimit(.minutes(5)))
struct StoreWatchTests {
    /// What a watch has told, put together as a program would.
    private struct Told: Sendable {
        var rows: [String: String] = [:]
        var versions: [UInt64] = []
        var isComplete = false
        var gaps = 0
        var interruptions = 0
        var expired: [String] = []
        var batches = 0
        var failure: StoreClientError?

        mutating func take(_ event: StoreWatchEvent) {
            func name(_ key: StoreKey) -> String { String(decoding: key.name, as: UTF8.self) }
            switch event {
            case .stateBegins(let afterGap):
                rows = [:]
                isComplete = false
                if afterGap { gaps += 1 }
            case .row(let row): rows[name(row.key)] = row.value.text
            case .stateIsComplete: isComplete = true
            case .changed(let change):
                versions.append(change.version)
                if change.keys.count > 1 { batches += 1 }
                for key in change.keys {
                    switch key.kind {
                    case .put(let value): rows[name(key.key)] = value.text
                    case .deleted: rows[name(key.key)] = nil
                    case .expired:
                        rows[name(key.key)] = nil
                        expired.append(name(key.key))
                    }
                }
            case .progress: break
            case .interrupted: interruptions += 1
            }
        }

        /// Whether versions have come in order and none twice.
        var isInOrder: Bool { zip(versions, versions.dropFirst()).allSatisfy { $0 < $1 } }
    }

    /// Runs `body` while a watch is read.
    private func reading(
        _ watch: StoreWatch,
        _ body: (NIOLockedValueBox<Told>) async throws -> Void
    ) async throws {
        let told = NIOLockedValueBox(Told())
        let task = Task {
            do throws(StoreClientError) {
                for try await event in watch { told.withLockedValue { $0.take(event) } }
            } catch {
                told.withLockedValue { $0.failure = error }
            }
        }
        do {
            try await body(told)
        } catch {
            task.cancel()
            await task.value
            throw error
        }
        task.cancel()
        await task.value
        #expect(told.withLockedValue { $0.failure } == nil)
        #expect(told.withLockedValue { $0.isInOrder })
    }

    private func leader(of ring: StoreRing, _ partition: [UInt8]) async throws -> String {
        let position = try #require(await ring.nodes.values.first).identifier(of: partition)
        var found: String?
        try await eventually("a leader is known") {
            for range in try await ring.ranges() where range.descriptor.bounds.contains(position) {
                found = range.descriptor.replicas.first { $0.number == range.leader }?.node
            }
            return found != nil
        }
        return try #require(found)
    }

    @Test("the state, then each change in order: puts, batches, deletes, expiries")
    func changes() async throws {
        try await withStoreRing(.memory) { ring in
            for name in ["n1", "n2", "n3"] { try await ring.start(name) }
            try await ring.awaitVoters(3)
            let users = Array("users".utf8)
            let store = try #require(await ring.nodes["n2"]).store
            for number in 0..<20 {
                try await store.put(StoreKey("u\(number)", in: "users"), Array("\(number)".utf8))
            }
            try await store.put(StoreKey("v", in: "users"), [1])
            let client = try await client("alice", of: try #require(await ring.nodes["n1"]))
            try await reading(client.store.watch(partition: users, prefix: Array("u".utf8))) {
                told in
                try await eventually { told.withLockedValue { $0.isComplete } }
                #expect(told.withLockedValue { $0.rows.count } == 20)
                try await store.put(StoreKey("u0", in: "users"), Array("new".utf8))
                try await store.delete(StoreKey("u1", in: "users"))
                try await store.batch(
                    [
                        .put(Array("u2".utf8), Array("a".utf8)),
                        .put(Array("u3".utf8), Array("b".utf8)),
                    ],
                    in: users
                )
                try await store.put(
                    StoreKey("u4", in: "users"),
                    Array("short".utf8),
                    timeToLive: .milliseconds(300)
                )
                try await eventually { told.withLockedValue { $0.expired == ["u4"] } }
                try await eventually { told.withLockedValue { $0.rows["u3"] == "b" } }
                let rows = told.withLockedValue { $0.rows }
                #expect(rows.count == 18)
                #expect(rows["u0"] == "new")
                #expect(rows["u2"] == "a")
                #expect(told.withLockedValue { $0.batches } == 1)
                #expect(told.withLockedValue { $0.versions.count } == 5)
            }
            await client.close()
        }
    }

    @Test("a node watches through itself, whoever leads; a key is watched without its namesakes")
    func ofNode() async throws {
        try await withStoreRing(.memory) { ring in
            for name in ["n1", "n2", "n3"] { try await ring.start(name) }
            try await ring.awaitVoters(3)
            for name in ["n1", "n2", "n3"] {
                let store = try #require(await ring.nodes[name]).store
                try await store.put(StoreKey("k", in: name), Array("0".utf8))
                try await store.put(StoreKey("k2", in: name), Array("other".utf8))
                for reader in ["n1", "n2", "n3"] {
                    let watch = try #require(await ring.nodes[reader]).store
                        .watch(StoreKey("k", in: name))
                    try await reading(watch) { told in
                        try await eventually { told.withLockedValue { $0.isComplete } }
                        try await store.put(StoreKey("k", in: name), Array(reader.utf8))
                        try await store.put(StoreKey("k2", in: name), Array(reader.utf8))
                        try await eventually { told.withLockedValue { $0.rows["k"] == reader } }
                        #expect(told.withLockedValue { $0.rows.count } == 1)
                    }
                }
            }
        }
    }

    @Test(
        "a watch goes on without gap and repetition when its leader stops, and when a node leaves"
    )
    func leaderChanges() async throws {
        try await withStoreRing { ring in
            for name in ["n1", "n2", "n3", "n4"] { try await ring.start(name) }
            try await ring.awaitVoters(3)
            let partition = Array("config".utf8)
            // Nodes that are kept here could not start again on their directories.
            let client = try await client(
                "alice",
                of: try #require(await ring.nodes["n1"]),
                try #require(await ring.nodes["n2"]),
                try #require(await ring.nodes["n3"]),
                try #require(await ring.nodes["n4"])
            )
            let store = client.store
            try await reading(store.watch(partition: partition)) { told in
                try await eventually("the state is told") { told.withLockedValue { $0.isComplete } }
                func write(_ value: String) async throws {
                    for number in 0..<5 {
                        try await store.put(
                            StoreKey("k\(number)", in: "config"),
                            Array(value.utf8),
                            timeout: .seconds(30)
                        )
                    }
                    try await eventually("the watch tells \(value): \(told.withLockedValue { $0 })")
                    {
                        told.withLockedValue { told in
                            (0..<5).allSatisfy { told.rows["k\($0)"] == value }
                        }
                    }
                }
                try await write("first")
                let stopped = try await leader(of: ring, partition)
                try await ring.stop(stopped)
                try await write("without \(stopped)")
                try await ring.start(stopped)
                try await ring.awaitVoters(3)
                let leaving = try await leader(of: ring, partition)
                try await ring.leave(leaving)
                try await write("\(leaving) has left")
                let told = told.withLockedValue { $0 }
                #expect(told.versions.count == 15)
                #expect(told.gaps == 0)
                #expect(told.interruptions > 0)
            }
            await client.close()
        }
    }

    @Test(
        "a watch goes on after a version, also when another node leads; a version too far back is a gap"
    )
    func resuming() async throws {
        try await withStoreRing(.memory) { ring in
            for name in ["n1", "n2", "n3"] { try await ring.start(name) }
            try await ring.awaitVoters(3)
            let partition = Array("p".utf8)
            let store = try #require(await ring.nodes["n1"]).store
            var versions: [UInt64] = []
            for number in 0..<10 {
                let key = StoreKey("k", in: "p")
                versions.append(try await store.put(key, Array("\(number)".utf8)).version)
            }
            try await reading(store.watch(partition: partition, from: versions[4])) { told in
                try await eventually {
                    told.withLockedValue { $0.versions == Array(versions[5...]) }
                }
                #expect(told.withLockedValue { $0.gaps } == 0)
            }
            // From another store, or another life of this one.
            try await reading(store.watch(partition: partition, from: 1 << 40)) { told in
                try await eventually { told.withLockedValue { $0.isComplete && $0.gaps == 1 } }
                #expect(told.withLockedValue { $0.rows } == ["k": "9"])
            }
        }
    }

    @Test("a slow reader hears of a gap, then the state, and the node keeps few bytes for it")
    func slowReader() async throws {
        try await withStoreRing(.memory, replicas: 1) { ring in
            try await ring.start("n1")
            let store = try #require(await ring.nodes["n1"]).store
            let client = try await client("alice", of: try #require(await ring.nodes["n1"]))
            var iterator = client.store.watch(partition: Array("p".utf8)).makeAsyncIterator()
            #expect(try await iterator.next(isolation: nil) == .stateBegins(afterGap: false))
            guard case .stateIsComplete = try await iterator.next(isolation: nil) else {
                Issue.record("the state of an empty partition is complete at once")
                return
            }
            // More than the buffer of 8 MiB, the stream's window and what waits in the outbox.
            let value = [UInt8](repeating: 7, count: 256 << 10)
            for number in 0..<80 { try await store.put(StoreKey("k\(number % 4)", in: "p"), value) }
            let last = try await store.put(StoreKey("last", in: "p"), [1]).version
            var (gaps, rows, isThrough) = (0, 0, false)
            while !isThrough {
                switch try await iterator.next(isolation: nil) {
                case .stateBegins(let afterGap):
                    if afterGap { gaps += 1 }
                    rows = 0
                case .row: rows += 1
                case .stateIsComplete(let version): isThrough = version >= last
                case .changed(let change): isThrough = change.version >= last
                case .progress(let version): isThrough = version >= last
                case .interrupted(let reason): Issue.record("\(reason)")
                case nil:
                    Issue.record("the watch has ended")
                    return
                }
            }
            #expect(gaps == 1)
            #expect(rows == 5)
            await client.close()
        }
    }

    @Test("what cannot heal ends the sequence with an error")
    func errors() async throws {
        try await withStoreRing(.memory, replicas: 1) { ring in
            try await ring.start("n1")
            let store = try #require(await ring.nodes["n1"]).store
            let error = await #expect(throws: StoreClientError.self) {
                for try await _ in store.watch(partition: []) {}
            }
            #expect(error?.code == .invalidArgument)
            let ended = Task {
                for try await _ in store.watch("k") {}
            }
            try await ring.stop("n1")
            let stopped = await #expect(throws: StoreClientError.self) { try await ended.value }
            #expect(stopped?.code == .stopped)
        }
    }
}
