// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Founding", .tags(.interaction))
struct FoundingTests {
    private static let names = (0..<5).map { "n\($0)" }

    /// Starts a founder, which goes on by itself.
    private func start(
        _ name: String,
        in ring: InProcessRing,
        with names: [String] = names,
        for limit: Duration? = nil
    ) {
        let shell = ring.add(name)
        ring.found(shell, with: names.map(InProcessRing.address), for: limit)
    }

    @Test("No founder serves before the last one is running, then all do, with complete tables")
    func birth() throws {
        let ring = InProcessRing(seed: 3)
        for name in Self.names.dropLast() { start(name, in: ring) }
        ring.executor.run(until: { false }, limit: .seconds(30))
        #expect(ring.circle.isEmpty)
        start("n4", in: ring)
        // Two round trips: the last one asks, and tells.
        #expect(ring.executor.run(until: { ring.isIdeal }, limit: .milliseconds(20)))
        for name in Self.names {
            let view = ring.shell(name).view
            for exponent in 0..<64 {
                let target = ring.space.adding(view.node.id, powerOfTwo: exponent)
                let owner = ring.owner(of: target)
                #expect(view.table.finger(exponent) == (owner == view.node ? nil : owner))
            }
        }
        #expect(ring.settle(limit: .seconds(20)))
    }

    @Test("Founders that start at the same moment found one ring", arguments: 1...20)
    func together(seed: UInt64) throws {
        let ring = InProcessRing(seed: seed, latency: .milliseconds(Int(seed) * 10))
        for name in Self.names { start(name, in: ring) }
        #expect(
            ring.executor.run(until: { ring.isIdeal }, limit: .seconds(5)),
            "\(ring.description)"
        )
        // It stays so: nobody has taken another for no member.
        ring.executor.run(until: { !ring.isIdeal }, limit: .seconds(10))
        #expect(ring.isIdeal, "\(ring.description)")
    }

    @Test("A founder that restarts later joins the ring that it founded")
    func comesBack() throws {
        let ring = InProcessRing(seed: 4)
        for name in Self.names { start(name, in: ring) }
        #expect(ring.settle(limit: .seconds(5)))
        ring.kill("n2")
        start("n2", in: ring)
        #expect(ring.settle(limit: .seconds(10)), "\(ring.description)")
    }

    @Test("A founder that restarts before the ring begins is known by its new incarnation")
    func restartsBefore() throws {
        let ring = InProcessRing(seed: 5)
        for name in Self.names.dropLast() { start(name, in: ring) }
        ring.executor.run(until: { false }, limit: .seconds(1))
        let former = ring.shell("n1").view.node
        ring.kill("n1")
        start("n1", in: ring)
        start("n4", in: ring)
        #expect(ring.settle(limit: .seconds(10)), "\(ring.description)")
        #expect(ring.shell("n1").view.node.incarnation > former.incarnation)
    }

    @Test("A founder that is gone before the ring begins prevents the beginning")
    func goneBefore() throws {
        let ring = InProcessRing(seed: 6)
        for name in Self.names.dropLast() { start(name, in: ring) }
        ring.executor.run(until: { false }, limit: .seconds(1))
        ring.kill("n1")
        // What was heard of it counts no more by then.
        ring.executor.run(until: { false }, limit: .seconds(30))
        start("n4", in: ring)
        ring.executor.run(until: { false }, limit: .seconds(30))
        #expect(ring.circle.isEmpty, "\(ring.description)")
        start("n1", in: ring)
        #expect(ring.settle(limit: .seconds(10)), "\(ring.description)")
    }

    @Test("A founder that dies right after its decision is repaired like any other member")
    func deciderDies() throws {
        let ring = InProcessRing(seed: 7)
        for name in Self.names { start(name, in: ring) }
        ring.executor.run(until: { !ring.circle.isEmpty }, limit: .seconds(5))
        let decider = try #require(ring.circle.first)
        ring.kill(decider.name)
        ring.executor.run(until: { false }, limit: .seconds(2))
        start(decider.name, in: ring)
        #expect(ring.settle(limit: .seconds(30)), "\(ring.description)")
    }

    @Test(
        "Another initial ring, other parameters and a foreign address are refused, naming both sides"
    )
    func refusals() throws {
        let ring = InProcessRing(seed: 8)
        // It has ended with the same refusal before the other asks.
        ring.add("n1")
        let waiting = ring.add("n0")
        ring.on("n0") {
            $0.prepareFounding(with: ["n0", "n1"].map(InProcessRing.address), for: nil)
        }
        #expect(!waiting.view.isMember)
        let error = ring.failureToFound(ring.shell("n1"), with: ["n0", "n1", "n2"])
        #expect(error?.code == .parametersDiffer)
        #expect(error?.message.contains("n2.ring.test:4400") == true)
        #expect(
            error?.message.contains("is n0.ring.test:4400, n1.ring.test:4400, that of n1") == true
        )
        ring.kill("n1")

        var settings = ring.settings
        settings.successorCount = 9
        let longer = ring.add("n1", settings: settings)
        let difference = ring.failureToFound(longer, with: ["n0", "n1"])
        #expect(difference?.code == .parametersDiffer)
        #expect(difference?.message.contains("successor list's length") == true)
        ring.kill("n1")

        let absent = ring.failureToFound(ring.add("n5"), with: ["n0", "n1"])
        #expect(absent?.code == .invalidConfiguration)
        #expect(
            absent?.message.contains("does not contain this node's address n5.ring.test:4400")
                == true
        )
    }

    @Test("Founders missing at the time limit are named")
    func impatience() throws {
        let ring = InProcessRing(seed: 9)
        start("n0", in: ring, with: ["n0", "n1", "n2"])
        let error = ring.failureToFound(ring.add("n1"), with: ["n0", "n1", "n2"], for: .seconds(3))
        #expect(error?.code == .noContact)
        #expect(error?.message.contains("n2.ring.test:4400 did not answer") == true)
    }

    @Test("A joiner through a waiting founder gets in once the ring has begun")
    func joinerWaits() throws {
        let ring = InProcessRing(seed: 10)
        for name in Self.names.dropLast() { start(name, in: ring) }
        let joiner = ring.add("late")
        ring.startJoining(joiner, through: ["n0"])
        ring.executor.run(until: { false }, limit: .seconds(5))
        #expect(!joiner.view.isMember)
        start("n4", in: ring)
        #expect(ring.settle(limit: .seconds(10)), "\(ring.description)")
    }

    @Test("A message about another founder, or a decision without one, decides nothing")
    func hostile() throws {
        let ring = InProcessRing(seed: 11)
        start("n0", in: ring, with: ["n0", "n1", "n2"])
        let own = ring.shell("n0").view.node
        let other = NodeReference(
            id: ring.identifier("n1"),
            name: "n1",
            address: InProcessRing.address("n1"),
            incarnation: 1
        )
        func call(_ decided: [NodeReference], as name: String, role: Role = .node) throws -> Status
        {
            try call(decided, presenting: InProcessRing.identity(name, role: role))
        }
        func call(_ decided: [NodeReference], presenting identity: PeerIdentity) throws -> Status {
            let request = FoundRequest(
                founder: other,
                parameters: ring.parameters(ring.settings),
                initialRing: ["n0", "n1", "n2"].map(InProcessRing.address),
                decided: decided
            )
            return try ring.call(
                ChordMethods.found,
                at: "n0",
                as: identity,
                message: request.encoded(in: ring.space)
            ).status
        }
        #expect(try call([], as: "n2").code == .permissionDenied)
        #expect(try call([], as: "n1", role: .client).code == .permissionDenied)
        // Nor does a node that does not live at a founder's address, whatever it is called.
        let elsewhere = InProcessRing.identity("n1", host: "n9")
        let refusal = try call([own, other], presenting: elsewhere)
        #expect(refusal.code == .permissionDenied)
        #expect(refusal.message.contains("not a founder at n1.ring.test:4400"))
        var stranger = other
        stranger.address = InProcessRing.address("n2")
        var misplaced = other
        misplaced.address = InProcessRing.address("n2")
        misplaced.id = ring.identifier("n9")
        for decided in [[own, other], [own, other, stranger], [own, other, misplaced], [other]] {
            #expect(try call(decided, as: "n1").isOK)
            #expect(!ring.shell("n0").view.isMember, "\(decided)")
        }
    }

    /// A founder's host with a certificate that proves the host and no name.
    private static func hostIdentity(_ name: String) -> PeerIdentity {
        PeerIdentity(
            role: .node,
            name: nil,
            trustDomain: nil,
            proof: .host,
            dnsNames: ["\(name).ring.test"]
        )
    }

    @Test("A founder that names an invented founder makes no node a member")
    func inventedFounder() throws {
        let ring = InProcessRing(seed: 12)
        start("n0", in: ring, with: ["n0", "n1", "n2"])
        let own = ring.shell("n0").view.node
        func node(_ name: String, at host: String) -> NodeReference {
            NodeReference(
                id: ring.identifier(name),
                name: name,
                address: InProcessRing.address(host),
                incarnation: 1
            )
        }
        let liar = node("n1", at: "n1")
        // It stands where its name puts it, at the address of a founder that is not up, or that is up under
        // another name.
        let ghost = node("ghost", at: "n2")
        func decide() throws {
            let request = FoundRequest(
                founder: liar,
                parameters: ring.parameters(ring.settings),
                initialRing: ["n0", "n1", "n2"].map(InProcessRing.address),
                decided: [own, liar, ghost]
            )
            let result = try ring.call(
                ChordMethods.found,
                at: "n0",
                as: Self.hostIdentity("n1"),
                message: request.encoded(in: ring.space)
            )
            #expect(result.status.isOK, "\(result.status)")
            ring.executor.run(for: .seconds(5))
            #expect(!ring.shell("n0").view.isMember)
        }
        try decide()
        // The real founders find each other all the same.
        start("n2", in: ring, with: ["n0", "n1", "n2"])
        ring.executor.run(for: .seconds(5))
        try decide()
        start("n1", in: ring, with: ["n0", "n1", "n2"])
        #expect(ring.settle(limit: .seconds(20)), "\(ring.description)")
        #expect(ring.circle.count == 3)
    }

    @Test("A founder that calls but cannot be reached is not counted")
    func unreachable() throws {
        let ring = InProcessRing(seed: 13)
        ring.plan.set(
            .unconnected,
            from: InProcessRing.address("n0"),
            to: InProcessRing.address("n1")
        )
        for name in ["n0", "n1", "n2"] { start(name, in: ring, with: ["n0", "n1", "n2"]) }
        // n1 and n2 reach everybody and may begin; n0 has not reached n1, and joins them.
        ring.executor.run(for: .seconds(2))
        let decided = ring.on("n0") { $0.founding?.ring }
        #expect(decided == nil)
        ring.plan.set(nil, from: InProcessRing.address("n0"), to: InProcessRing.address("n1"))
        #expect(ring.settle(limit: .seconds(30)), "\(ring.description)")
    }
}
