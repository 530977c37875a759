// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordRPC
import ChordStore
import ChordTestSupport
import ChordWire
import Testing

/// The store of a ring, over real TLS.
@Suite(.tags(.network), .timeLimit(.minutes(5)))
struct StoreRingTests {
    @Test(
        "Values stored through any node are read through any other",
        arguments: [StoreConfiguration.Engine.disk, .memory]
    )
    func anyNode(engine: StoreConfiguration.Engine) async throws {
        try await withStoreRing(engine) { ring in
            let names = ["n1", "n2", "n3"]
            for name in names { try await ring.start(name) }
            for name in names {
                #expect(try await ring.put("from \(name)", name, at: name).applied)
            }
            for reader in names {
                for name in names {
                    #expect(try await ring.get("from \(name)", at: reader) == name)
                }
                #expect(try await ring.get("missing", at: reader) == nil)
            }
            try await ring.awaitVoters(3)
        }
    }

    @Test("A node that holds no part of the store passes calls on")
    func withoutStore() async throws {
        try await withStoreRing { ring in
            try await ring.start("n1")
            try await ring.start("n2", engine: .routing)
            try await ring.put("a", "1", at: "n2")
            #expect(try await ring.get("a", at: "n1") == "1")
            #expect(try await ring.get("a", at: "n2") == "1")
            let status = try await ring.status(of: "n2")
            #expect(status.state == .serving)
            #expect(status.totals.replicas == 0)
        }
    }

    @Test("All nodes stop and start again: every value is there, and no replica has moved")
    func restart() async throws {
        try await withStoreRing { ring in
            let names = ["n1", "n2", "n3"]
            for name in names { try await ring.start(name) }
            try await ring.awaitVoters(3)
            for number in 0..<20 { try await ring.put("k\(number)", "\(number)", at: "n1") }
            let before = try await ring.status(of: "n1")
            try await ring.stopAll()
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for name in names { tasks.addTask { try await ring.start(name) } }
                try await tasks.waitForAll()
            }
            for number in 0..<20 {
                #expect(try await ring.get("k\(number)", at: "n2") == "\(number)")
            }
            let after = try await ring.status(of: "n1")
            #expect(after.store == before.store)
            #expect(after.disk == before.disk)
            #expect(after.starts == before.starts + 1)
            #expect(
                after.ranges.map { $0.descriptor.replicas.map(\.number) }
                    == before.ranges.map { $0.descriptor.replicas.map(\.number) }
            )
        }
    }

    @Test("One of three nodes stops: the others serve, and it has what it missed once it is back")
    func oneStops() async throws {
        try await withStoreRing { ring in
            for name in ["n1", "n2", "n3"] { try await ring.start(name) }
            try await ring.awaitVoters(3)
            try await ring.put("a", "1", at: "n2")
            for name in ["n1", "n2", "n3"] {
                let other = name == "n1" ? "n2" : "n1"
                try await ring.stop(name)
                try await ring.put("a", "without \(name)", at: other)
                #expect(try await ring.get("a", at: other) == "without \(name)")
                try await ring.start(name)
                try await ring.awaitVoters(3)
                try await eventually {
                    try await ring.get("a", at: name, level: .stale) == "without \(name)"
                }
            }
        }
    }

    @Test("Without a majority a write is refused in words, and done once a majority is back")
    func noMajority() async throws {
        try await withStoreRing { ring in
            for name in ["n1", "n2", "n3"] { try await ring.start(name) }
            try await ring.awaitVoters(3)
            try await ring.put("a", "1", at: "n1")
            try await ring.stop("n2")
            try await ring.stop("n3")
            let error = await #expect(throws: ChordError.self) {
                try await ring.put("a", "2", at: "n1")
            }
            let status = try #require(error?.cause as? Status)
            #expect(status.code == .unavailable)
            #expect(status.message.contains("range"))
            try await ring.start("n2")
            try await ring.put("a", "3", at: "n1")
            #expect(try await ring.get("a", at: "n2") == "3")
        }
    }

    @Test("A ring begun without a store has none, and says so to a node that brings a disk")
    func ringWithoutStore() async throws {
        try await withStoreRing { ring in
            try await ring.start("n1", engine: .routing)
            try await ring.start("n2")
            let status = try await ring.status(of: "n2")
            #expect(status.state == .failed)
            #expect(status.reason.contains("the ring has no store"))
        }
    }

    @Test("Founders begin one store together")
    func founders() async throws {
        try await withStoreRing { ring in
            let names = ["n1", "n2", "n3"]
            try await ring.found(names)
            for name in names { #expect(try await ring.put(name, name, at: name).applied) }
            let stores = try await [
                ring.status(of: "n1").store, ring.status(of: "n2").store,
                ring.status(of: "n3").store,
            ]
            #expect(Set(stores).count == 1)
            #expect(stores[0] != nil)
            try await ring.awaitVoters(3)
        }
    }

    @Test("The store that one founder's disk holds is the ring's: the others take it over")
    func founderWithStore() async throws {
        try await withStoreRing { ring in
            try await ring.start("n2")
            try await ring.put("a", "1", at: "n2")
            let store = try await ring.status(of: "n2").store
            try await ring.stop("n2")
            try await ring.forgetMembership(of: "n2")
            let names = ["n1", "n2", "n3"]
            try await ring.found(names)
            for name in names {
                #expect(try await ring.get("a", at: name) == "1")
                #expect(try await ring.status(of: name).store == store)
            }
            try await ring.awaitVoters(3)
        }
    }

    @Test("A node that leaves for good gives its replicas to others first")
    func leavingForGood() async throws {
        try await withStoreRing { ring in
            for name in ["n1", "n2", "n3", "n4"] { try await ring.start(name) }
            try await ring.awaitVoters(3)
            for number in 0..<20 { try await ring.put("k\(number)", "\(number)", at: "n1") }
            try await ring.leave("n2")
            try await ring.awaitVoters(3)
            for range in try await ring.ranges() {
                #expect(
                    !range.descriptor.replicas.contains { $0.node == "n2" && $0.kind == .voter }
                )
            }
            for number in 0..<20 {
                #expect(try await ring.get("k\(number)", at: "n3") == "\(number)")
            }
        }
    }

    @Test("Of two nodes one may leave for good: the other one holds all. The last one may not")
    func lastCopies() async throws {
        try await withStoreRing { ring in
            for name in ["n1", "n2"] { try await ring.start(name) }
            try await ring.awaitVoters(2)
            try await ring.put("a", "1", at: "n1")
            try await ring.leave("n2")
            try await ring.awaitVoters(1)
            #expect(try await ring.get("a", at: "n1") == "1")
            let error = await #expect(throws: ChordError.self) { try await ring.leave("n1") }
            let message = error.map { "\($0) \($0.cause.map { "\($0)" } ?? "")" } ?? ""
            #expect(message.contains("holds the only copy of range"))
            #expect(try await ring.get("a", at: "n1") == "1")
        }
    }
}
