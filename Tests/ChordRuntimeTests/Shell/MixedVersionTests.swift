// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import ChordTestSupport
import Testing

@testable import ChordRuntime

/// Rings of nodes of this version and of 0.1.0. A node of 0.1.0 is one that reads and writes only the fields of
/// the contract that was released with it (docs/api/0.1.0).
@Suite("Two versions in one ring", .tags(.interaction))
struct MixedVersionTests {
    private let released: ReleasedWire

    init() throws {
        released = try ReleasedWire(version: "0.1.0")
    }

    private func old(_ change: (inout InProcessRing.Settings) -> Void = { _ in })
        -> InProcessRing.Settings
    {
        var settings = InProcessRing.Settings()
        settings.wire = released
        change(&settings)
        return settings
    }

    private func join(_ name: String, _ contact: String, _ ring: InProcessRing, isOld: Bool) throws
    {
        let shell = ring.add(name, settings: isOld ? old() : nil)
        try ring.executor.wait {
            try await shell.join(through: [InProcessRing.address(contact)], for: .seconds(60))
        }
    }

    private func checkLookups(_ ring: InProcessRing) throws {
        for node in ring.circle {
            let shell = ring.shell(node.name)
            for _ in 0..<10 {
                let id = ring.randomIdentifier()
                let result = try ring.executor.wait { try await shell.lookup(id) }
                #expect(result.owner.name == ring.owner(of: id).name)
            }
        }
    }

    @Test("A ring of two versions forms, heals and answers", arguments: [true, false])
    func formsAndHeals(isFirstOld: Bool) throws {
        let ring = InProcessRing()
        let first = ring.add("n0", settings: isFirstOld ? old() : nil)
        try ring.executor.wait { await first.create() }
        for index in 1..<10 {
            // Each kind joins through both kinds.
            let contact = index < 3 ? 0 : index - 3
            try join("n\(index)", "n\(contact)", ring, isOld: (index % 2 == 0) == isFirstOld)
        }
        #expect(ring.settle(limit: .seconds(60)), "\(ring.description)")
        #expect(ring.released.strippedBytes > 0)
        try checkLookups(ring)

        ring.kill("n2")
        ring.kill("n3")
        try ring.leave("n4")
        try ring.leave("n5")
        #expect(ring.settle(limit: .seconds(60)), "\(ring.description)")
        try checkLookups(ring)

        // A node comes back with the program of the other version, as when a ring is upgraded or the upgrade
        // is taken back.
        for (name, contact, isOld) in [("n6", "n7", !isFirstOld), ("n7", "n6", isFirstOld)] {
            ring.kill(name)
            try join(name, contact, ring, isOld: isOld)
        }
        #expect(ring.settle(limit: .seconds(60)), "\(ring.description)")
        try checkLookups(ring)
    }

    /// A node of this version that names a failure domain.
    private static func rack() -> InProcessRing.Settings {
        var settings = InProcessRing.Settings()
        settings.change = { $0.failureDomain = "rack 7" }
        return settings
    }

    @Test(
        "Nodes of 0.1.0 pass references on without the failure domain, and nothing moves because of it"
    )
    func failureDomains() throws {
        let ring = InProcessRing(Self.rack())
        let names = (0..<6).map { "n\($0)" }
        for (index, name) in names.enumerated() {
            let shell = ring.add(name, settings: index % 2 == 0 ? old() : nil)
            ring.found(shell, with: names.map(InProcessRing.address), for: .seconds(60))
        }
        #expect(ring.settle(limit: .seconds(60)), "\(ring.description)")
        for (index, contact) in [(6, 0), (7, 1), (8, 2)] {
            try join("n\(index)", "n\(contact)", ring, isOld: index == 7)
        }
        #expect(ring.settle(limit: .seconds(60)), "\(ring.description)")
        ring.executor.run(for: .seconds(30))
        #expect(ring.isIdeal, "\(ring.description)")
        try checkLookups(ring)
        // A settled ring sends no Notify.
        func notifies() -> [Int] {
            ring.circle.map {
                ring.plan.started(ChordMethods.notify, from: InProcessRing.address($0.name))
            }
        }
        let before = notifies()
        ring.executor.run(for: .seconds(30))
        #expect(notifies() == before)
        // Where two nodes of this version are neighbours, the domain has arrived.
        let circle = ring.circle
        let pairs = zip(circle, circle.dropFirst() + circle.prefix(1)).filter {
            !$0.failureDomain.isEmpty && !$1.failureDomain.isEmpty
        }
        #expect(!pairs.isEmpty)
        for (before, after) in pairs {
            #expect(ring.shell(after.name).view.predecessor.failureDomain == "rack 7", "\(before)")
        }
    }

    @Test("Each node knows what its neighbours can do")
    func capabilities() throws {
        let ring = InProcessRing()
        try ring.create("n0")
        for index in 1..<6 { try join("n\(index)", "n0", ring, isOld: false) }
        #expect(ring.settle(limit: .seconds(60)))
        let names = ring.circle.map(\.name)
        func common(_ index: Int) -> Capabilities {
            ring.shell(names[index % names.count]).neighbourCapabilities
        }
        #expect(
            ring.executor.run(
                until: { (0..<6).allSatisfy { common($0) == .own } },
                limit: .seconds(10)
            )
        )

        // One of them is replaced with a node of 0.1.0, then with one of this version again.
        for isOld in [true, false] {
            ring.kill(names[2])
            try join(names[2], names[4], ring, isOld: isOld)
            let expected = isOld ? Capabilities.first : .own
            #expect(
                ring.executor.run(
                    until: {
                        common(1) == expected && common(3) == expected && common(0) == .own
                            && common(4) == .own
                    },
                    limit: .seconds(30)
                ),
                "\((0..<6).map { common($0).version })"
            )
        }
    }

    @Test("Founders of two versions begin a ring together")
    func founding() throws {
        let ring = InProcessRing()
        let names = ["n0", "n1", "n2", "n3", "n4"]
        for (index, name) in names.enumerated() {
            let shell = ring.add(name, settings: index % 2 == 0 ? old() : nil)
            ring.found(shell, with: names.map(InProcessRing.address), for: .seconds(60))
        }
        #expect(ring.settle(limit: .seconds(60)), "\(ring.description)")
        try checkLookups(ring)
    }

    @Test("A node of 0.1.0 hears why it cannot join a ring with a store")
    func storeRefusesOldJoiner() throws {
        var settings = InProcessRing.Settings()
        settings.store = StoreID(high: 1, low: 2)
        let ring = try InProcessRing.settled(3, settings)
        let shell = ring.add("old", settings: old())
        let error = #expect(throws: ChordError.self) {
            try ring.executor.wait {
                try await shell.join(through: [InProcessRing.address("n1")], for: .seconds(60))
            }
        }
        #expect(error?.code == .refused)
        let address = InProcessRing.address("n1")
        #expect(
            error?.message
                == "\(address) does not let this node join: the ring test has the store "
                + "00000000000000010000000000000002, and the program of old is of version 0.1, which does not "
                + "know that: replace it with the version of the other members"
        )
    }

    @Test("A node of 0.1.0 hears why it cannot join a ring with several places")
    func placesRefuseOldJoiner() throws {
        var settings = InProcessRing.Settings()
        settings.placements = 16
        let ring = try InProcessRing.settled(3, settings)
        let shell = ring.add("old", settings: old())
        let error = #expect(throws: ChordError.self) {
            try ring.executor.wait {
                try await shell.join(through: [InProcessRing.address("n1")], for: .seconds(60))
            }
        }
        #expect(error?.code == .refused)
        let expected =
            "the ring test gives each node one of 16 places, and the program of old is of version 0.1"
        #expect(error?.message.contains(expected) == true)
    }

    @Test("A founder of 0.1.0 hears why it cannot found a ring with a store")
    func storeRefusesOldFounder() throws {
        var settings = InProcessRing.Settings()
        settings.store = StoreID(high: 1, low: 2)
        let ring = InProcessRing(settings)
        let names = ["n0", "old"]
        ring.add("n0").prepareOnActor(with: names, ring)
        let error = ring.failureToFound(ring.add("old", settings: old()), with: names)
        #expect(error?.code == .parametersDiffer)
        let message = error?.message ?? ""
        #expect(
            message.contains(
                "the ring's store here is 00000000000000010000000000000002, there none"
            )
        )
        #expect(message.contains("version 0.1"))
    }

    @Test("Rings with different stores do not merge, and say so with both ids")
    func storesDiffer() throws {
        var settings = InProcessRing.Settings()
        settings.store = StoreID(high: 1, low: 2)
        let ring = try InProcessRing.settled(2, settings)
        settings.store = StoreID(high: 3, low: 4)
        let other = ring.add("m0", settings: settings)
        try ring.executor.wait { await other.create() }
        let error = #expect(throws: ChordError.self) {
            try ring.executor.wait {
                try await other.merge(through: InProcessRing.address("n0"))
            }
        }
        #expect(error?.code == .parametersDiffer)
        let message = error?.message ?? ""
        #expect(message.contains("00000000000000030000000000000004"))
        #expect(message.contains("00000000000000010000000000000002"))
    }
}

extension NodeShell {
    /// Answers founders that call, without calling them.
    fileprivate nonisolated func prepareOnActor(with names: [String], _ ring: InProcessRing) {
        ring.executor.run {
            assumeIsolated {
                $0.prepareFounding(with: names.map(InProcessRing.address), for: nil)
            }
        }
    }
}
