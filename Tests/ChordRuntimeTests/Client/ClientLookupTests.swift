// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordHash
import ChordIdentity
import ChordRPC
import ChordWire
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Lookups of a client", .tags(.interaction))
struct ClientLookupTests {
    private static let ghost = NodeReference(
        id: Identifier(77),
        name: "ghost",
        address: "10.9.9.9:1",
        incarnation: 1
    )

    private static func ring(_ settings: InProcessRing.Settings = .init()) throws -> InProcessRing {
        let ring = try InProcessRing.settled(10, seed: 51, settings)
        ring.executor.run(for: .seconds(30))
        return ring
    }

    private static func client(of names: [String], in ring: InProcessRing) -> RingClient {
        RingClient(
            contacts: names.map(InProcessRing.address),
            transport: FaultyTransport(
                address: "tool.ring.test:1",
                base: ring.network.transport(
                    identity: InProcessRing.identity("tool", role: .client)
                ),
                plan: ring.plan
            ),
            executor: ring.executor,
            failureDetection: FailureDetection(),
            lookups: LookupLimits()
        )
    }

    private static func lookup(
        _ id: Identifier,
        by client: RingClient,
        in ring: InProcessRing,
        wantPath: Bool = true
    ) throws -> LookupResult {
        try ring.executor.wait {
            try await client.lookup(.identifier(id), wantPath: wantPath)
        }
    }

    /// A lookup without the path, which may go to an owner that is known.
    private static func owner(
        of id: Identifier,
        by client: RingClient,
        in ring: InProcessRing
    ) throws -> LookupResult {
        try lookup(id, by: client, in: ring, wantPath: false)
    }

    /// What a node answers a client that asks for an identifier which `name` has to look up elsewhere.
    private static func foreignIdentifier(to name: String, in ring: InProcessRing) -> Identifier {
        let view = ring.shell(name).view
        while true {
            let id = ring.randomIdentifier()
            if case .forward = view.step(for: id) { return id }
        }
    }

    @Test("Ring parameters are asked once, and each lookup is one call")
    func calls() throws {
        let ring = try Self.ring()
        let client = Self.client(of: ["n0", "n1"], in: ring)
        // What lies at the contact's own place takes no forwarding, which would count.
        let id = ring.shell("n0").view.node.id
        let lists = ring.plan.started(ChordMethods.getSuccessorList, from: "tool.ring.test:1")
        let lookups = ring.plan.started(ChordMethods.findSuccessor, from: "tool.ring.test:1")
        #expect(lists == 0 && lookups == 0)
        // As `chord lookup` does.
        _ = try ring.executor.wait { try await client.parameters() }
        _ = try Self.lookup(id, by: client, in: ring)
        #expect(ring.plan.started(ChordMethods.getSuccessorList, from: "tool.ring.test:1") == 1)
        #expect(ring.plan.started(ChordMethods.findSuccessor, from: "tool.ring.test:1") == 1)
        for _ in 0..<5 { _ = try Self.lookup(id, by: client, in: ring) }
        _ = try ring.executor.wait { try await client.parameters() }
        #expect(ring.plan.started(ChordMethods.getSuccessorList, from: "tool.ring.test:1") == 1)
        #expect(ring.plan.started(ChordMethods.findSuccessor, from: "tool.ring.test:1") == 6)
    }

    @Test("Known owners are asked themselves: one call, and no forwarding")
    func owners() throws {
        let ring = try Self.ring()
        let client = Self.client(of: ["n0", "n1"], in: ring)
        let ids = (0..<20).map { _ in ring.randomIdentifier() }
        for id in ids { _ = try Self.owner(of: id, by: client, in: ring) }
        for id in ids {
            let result = try Self.owner(of: id, by: client, in: ring)
            #expect(result.owner == ring.owner(of: id))
            #expect(result.answering == result.owner)
            #expect(result.hops == 0)
        }
        // One that has died is asked once, and the contacts know better soon.
        let victim = try #require(ring.circle.first { !["n0", "n1"].contains($0.name) })
        let lost = ids.filter { ring.owner(of: $0) == victim } + [victim.id]
        _ = try Self.owner(of: victim.id, by: client, in: ring)
        ring.kill(victim.name)
        #expect(ring.settle(limit: .seconds(60)))
        for id in lost {
            let result = try Self.owner(of: id, by: client, in: ring)
            #expect(result.owner == ring.owner(of: id))
            #expect(result.owner.name != victim.name)
        }
        // A node that has come since is named by the former owner.
        let newcomer = "n77"
        let id = ring.identifier(newcomer)
        let former = try Self.owner(of: id, by: client, in: ring).owner
        try ring.join(newcomer, through: "n0")
        #expect(ring.settle(limit: .seconds(60)))
        #expect(former.name != newcomer)
        #expect(try Self.owner(of: id, by: client, in: ring).owner.name == newcomer)
    }

    @Test("A client that reaches its contacts and no owner stops asking owners for a while")
    func unreachedOwners() throws {
        let ring = try Self.ring()
        let client = Self.client(of: ["n0"], in: ring)
        let others = ring.circle.filter { $0.name != "n0" }
        for node in others { _ = try Self.owner(of: node.id, by: client, in: ring) }
        for node in others {
            ring.plan.set(.silent, from: "tool.ring.test:1", to: node.address)
        }
        let start = ring.executor.now
        for node in others {
            #expect(try Self.owner(of: node.id, by: client, in: ring).owner == node)
        }
        // Three silences, however many owners there are.
        #expect(others.count > 4)
        #expect(ring.executor.now - start < client.failureDetection.initial * 4)
    }

    @Test("An owner at a wrong identifier is refused and the next contact is asked")
    func misplaced() throws {
        let ring = try Self.ring()
        let liar = ring.shell("n0").view.node
        ring.plan.set(
            .lies { _ in FindSuccessorReply(owner: Self.ghost, answering: liar) },
            to: liar.address
        )
        let id = Self.foreignIdentifier(to: "n0", in: ring)
        let alone = Self.client(of: ["n0"], in: ring)
        let error = #expect(throws: ChordError.self) {
            try Self.lookup(id, by: alone, in: ring)
        }
        #expect(error?.code == .invalidAnswer)
        #expect(error?.message.contains("n0 at n0.ring.test:4400 is impossible") == true)
        #expect(error?.message.contains("ghost@10.9.9.9:1") == true)
        let result = try Self.lookup(id, by: Self.client(of: ["n0", "n1"], in: ring), in: ring)
        #expect(result.owner == ring.owner(of: id))
        #expect(result.arePlacesChecked)
    }

    @Test("An answer that contradicts itself or the contact is refused")
    func contradictions() throws {
        let ring = try Self.ring()
        let circle = ring.circle
        let (liar, before) = (circle[0], circle[circle.count - 1])
        // The contact itself lies between the identifier and the owner that it names.
        let id = ring.space.adding(before.id, Identifier(1))
        let lies: [FindSuccessorReply] = [
            FindSuccessorReply(owner: circle[3], answering: before),
            FindSuccessorReply(owner: circle[4], answering: circle[3]),
        ]
        for lie in lies {
            ring.plan.set(.lies { _ in lie }, to: liar.address)
            let error = #expect(throws: ChordError.self) {
                try Self.lookup(id, by: Self.client(of: [liar.name], in: ring), in: ring)
            }
            #expect(error?.code == .invalidAnswer)
        }
    }

    @Test(
        "An error or timeout of one contact does not end a lookup",
        arguments: [
            Fault.answers(Status(.resourceExhausted, "no")),
            .answers(Status(.invalidArgument, "no")),
            .answers(Status(.alreadyExists, "no")), .answers(Status(.permissionDenied, "no")),
            .answers(Status(.deadlineExceeded, "no")), .silentAfterHeaders, .silent, .unconnected,
        ]
    )
    func errors(fault: Fault) throws {
        let ring = try Self.ring()
        let client = Self.client(of: ["n0", "n1"], in: ring)
        // It has answered as a member before.
        let id = Self.foreignIdentifier(to: "n0", in: ring)
        _ = try Self.lookup(id, by: client, in: ring)
        ring.plan.set(fault, from: "tool.ring.test:1", to: InProcessRing.address("n0"))
        let start = ring.executor.now
        let result = try Self.lookup(id, by: client, in: ring)
        #expect(result.owner == ring.owner(of: id))
        #expect(ring.executor.now - start < .seconds(5))
    }

    @Test(
        "With an unknown hash function the client checks no identifiers and says so"
    )
    func unknownHash() throws {
        var settings = InProcessRing.Settings()
        settings.hash = .custom(name: "ours", bits: 64) { bytes in
            var value: UInt64 = 0xCBF2_9CE4_8422_2325
            for offset in 0..<bytes.byteCount {
                let byte = bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
                value = (value ^ UInt64(byte)) &* 0x100_0000_01B3
            }
            value = (value ^ (value >> 32)) &* 0x9E37_79B9_7F4A_7C15
            value ^= value >> 29
            return (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }
        }
        let ring = try Self.ring(settings)
        let client = Self.client(of: ["n0"], in: ring)
        let id = ring.randomIdentifier()
        let result = try Self.lookup(id, by: client, in: ring)
        #expect(result.owner == ring.owner(of: id))
        #expect(!result.arePlacesChecked)
        let error = #expect(throws: ChordError.self) {
            try ring.executor.wait { try await client.verifiedLookup(.identifier(id)) }
        }
        #expect(error?.code == .parametersDiffer)
    }

    @Test("A verified lookup asks the owner and ignores an invented one")
    func verified() throws {
        let ring = try Self.ring()
        let liar = ring.shell("n0").view.node
        let id = Self.foreignIdentifier(to: "n0", in: ring)
        let client = Self.client(of: ["n0", "n1", "n2"], in: ring)
        func verify() throws -> LookupResult {
            try ring.executor.wait { try await client.verifiedLookup(.identifier(id)) }
        }
        let honest = try verify()
        #expect(honest.owner == ring.owner(of: id))
        #expect(honest.verification?.refuted.isEmpty == true)
        #expect((honest.verification?.ways ?? 0) >= 2)
        #expect(honest.verification?.agreeing == honest.verification?.ways)

        // A name whose place is between the identifier and its owner: nothing contradicts it.
        let ghost = try Self.invented(in: ring, after: id, before: ring.owner(of: id).id)
        ring.plan.set(
            .lies { _ in FindSuccessorReply(owner: ghost, answering: liar) },
            to: liar.address
        )
        #expect(try Self.lookup(id, by: Self.client(of: ["n0"], in: ring), in: ring).owner == ghost)
        let result = try verify()
        #expect(result.owner == ring.owner(of: id))
        #expect(result.verification?.refuted == [ghost])
    }

    @Test("A node's own verified lookup asks the owner too")
    func verifiedByNode() throws {
        let ring = try Self.ring()
        let shell = ring.shell("n3")
        for _ in 0..<100 {
            let id = ring.randomIdentifier()
            let result = try ring.executor.wait { try await shell.verifiedLookup(id) }
            #expect(result.owner == ring.owner(of: id))
        }
        var id = Self.foreignIdentifier(to: "n3", in: ring)
        var candidates: [NodeReference] = []
        // The owner is not in its own list, and there is more than one way.
        while candidates.count < 3 || shell.view.successors.contains(ring.owner(of: id)) {
            id = Self.foreignIdentifier(to: "n3", in: ring)
            guard case .forward(let nodes) = shell.view.step(for: id) else { continue }
            candidates = nodes
        }
        let owner = ring.owner(of: id)
        let liar = candidates[0]
        let key = id
        let ghost = try Self.invented(in: ring, after: id, before: owner.id)
        ring.plan.set(
            .lies { _ in FindSuccessorReply(owner: ghost, answering: liar) },
            to: liar.address
        )
        let plain = try ring.executor.wait { try await shell.lookup(key) }
        #expect(plain.owner == ghost)
        let verified = try ring.executor.wait { try await shell.verifiedLookup(key) }
        #expect(verified.owner == owner)
    }

    /// A name in an arc; hashing some finds one.
    private static func invented(
        in ring: InProcessRing,
        after start: Identifier,
        before end: Identifier
    ) throws -> NodeReference {
        for number in 0..<200_000 {
            let name = "ghost\(number)"
            let id = ring.identifier(name)
            guard id.isBetween(start, and: end) else { continue }
            return NodeReference(id: id, name: name, address: "10.9.9.9:1", incarnation: 1)
        }
        throw InProcessRing.NotIdeal("no name for the arc")
    }
}
