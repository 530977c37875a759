// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordWire
import ChordTestSupport
import Testing

@testable import ChordCore
@testable import ChordRuntime

@Suite("Rings that merge", .tags(.interaction))
struct MergingTests {
    private static let admin = InProcessRing.identity("ops", role: .admin)

    /// A ring of n0, n1, n2 and one of m0, m1, m2 that have never met.
    private func twoRings(
        _ other: InProcessRing.Settings? = nil
    ) throws -> InProcessRing {
        let ring = try InProcessRing.settled(3)
        for name in ["m0", "m1", "m2"] {
            let shell = ring.add(name, settings: other)
            try ring.executor.wait {
                name == "m0"
                    ? await shell.create()
                    : try await shell.join(
                        through: [InProcessRing.address("m0")],
                        for: .seconds(20)
                    )
            }
        }
        return ring
    }

    private func merge(
        _ contact: String,
        at key: String = "n0",
        in ring: InProcessRing,
        as identity: PeerIdentity = admin
    ) throws -> ClientResult {
        try ring.call(
            AdminMethods.merge,
            at: key,
            as: identity,
            message: AdminMergeRequest(contact: contact).encoded(in: ring.space)
        )
    }

    @Test("An administrator can merge two rings, and no other role can")
    func byCommand() throws {
        let ring = try twoRings()
        let contact = InProcessRing.address("m1")
        for identity in [
            InProcessRing.identity("n1"), InProcessRing.identity("alice", role: .client),
        ] {
            let result = try merge(contact, in: ring, as: identity)
            #expect(result.status.code == .permissionDenied)
        }
        ring.executor.run(for: .seconds(30))
        #expect(!ring.isIdeal)
        let result = try merge(contact, in: ring)
        #expect(result.status == .ok)
        let reply = try AdminMergeReply(decoding: result.message, space: ring.space)
        #expect(reply.contact == ring.shell("m1").view.node)
        #expect(ring.settle(limit: .seconds(30)), "\(ring.description)")
        #expect(ring.circle.count == 6)
    }

    @Test("Rings with another name or other parameters never merge", arguments: ["ring", "list"])
    func differing(what: String) throws {
        var settings = InProcessRing.Settings()
        if what == "ring" { settings.ring = "other" } else { settings.successorCount = 3 }
        let ring = try twoRings(settings)
        let result = try merge(InProcessRing.address("m0"), in: ring)
        #expect(result.status.code == .failedPrecondition)
        #expect(result.status.message.contains(what == "ring" ? "\"other\"" : "3"))
        // Not on the word of a peer either.
        let contact = ring.shell("m0").view.node
        ring.executor.run { ring.shell("n0").assumeIsolated { $0.met(contact) } }
        ring.executor.run(for: .seconds(60))
        let names = Set(ring.shell("n0").view.table.entries.map(\.name))
        #expect(names.isDisjoint(with: ["m0", "m1", "m2"]))
        let others = Set(ring.shell("m0").view.table.entries.map(\.name))
        #expect(others.isDisjoint(with: ["n0", "n1", "n2"]))
    }

    @Test("An unreachable contact is reported to the administrator")
    func nobodyThere() throws {
        let ring = try InProcessRing.settled(2)
        let result = try merge(InProcessRing.address("nobody"), in: ring)
        #expect(result.status.code == .unavailable)
        #expect(result.status.message.contains("nobody"))
        let outside = ring.add("outside")
        #expect(!outside.view.isMember)
        let refused = try merge(InProcessRing.address("n0"), at: "outside", in: ring)
        #expect(refused.status.code == .failedPrecondition)
    }

    @Test("Meet is refused from another node, for nodes at wrong places, or from another ring")
    func refusals() throws {
        let ring = try InProcessRing.settled(3)
        let view = ring.shell("n0").view
        let parameters = ring.parameters(ring.settings)
        func meet(_ request: MeetRequest, as identity: PeerIdentity) throws -> Status {
            try ring.call(
                ChordMethods.meet,
                at: "n0",
                as: identity,
                message: request.encoded(in: ring.space)
            ).status
        }
        let node = view.successors[0]
        let own = InProcessRing.identity(node.name)
        let liar = InProcessRing.identity("liar")
        let client = InProcessRing.identity(node.name, role: .client)
        let request = MeetRequest(node: node, parameters: parameters)
        #expect(try meet(request, as: own) == .ok)
        #expect(try meet(request, as: liar).code == .permissionDenied)
        #expect(try meet(request, as: client).code == .permissionDenied)
        var other = request
        other.parameters.ring = "other"
        #expect(try meet(other, as: own).code == .failedPrecondition)
        var misplaced = request
        misplaced.contact = view.node
        misplaced.contact?.id = node.id
        #expect(try meet(misplaced, as: own).code == .invalidArgument)
        ring.executor.drain()
        #expect(ring.shell("n0").view == view)
    }

    @Test("A leaving node passes its lost members on, and wrong places are not believed")
    func leaveNotice() throws {
        let ring = try twoRings()
        let lost = ring.shell("m1").view.node
        var misplaced = ring.shell("m2").view.node
        misplaced.id = ring.identifier("elsewhere")
        ring.on("n0") { $0.machine.remember([lost, misplaced]) }
        try ring.leave("n0")
        let known = ["n1", "n2"].map { ring.on($0) { $0.machine.lostMembers } }
        #expect(known.contains { $0.contains(lost) })
        #expect(known.allSatisfy { !$0.contains(misplaced) })
        #expect(ring.settle(limit: .seconds(60)), "\(ring.description)")
        #expect(ring.circle.count == 5)
    }

    @Test("A node that is alone asks its contacts again and again")
    func alone() throws {
        let ring = try InProcessRing.settled(1)
        try ring.join("n1", through: "n0")
        #expect(ring.settle(limit: .seconds(20)))
        ring.kill("n0")
        // It forgets whom it has lost, as one does that has seen too many come and go.
        ring.on("n1") { $0.machine.merging.lost = PassiveList() }
        ring.executor.run(for: .seconds(300))
        ring.on("n1") { $0.machine.merging.lost = PassiveList() }
        #expect(ring.shell("n1").view.successors.isEmpty)
        // Somebody begins anew at the address that n1 was given.
        try ring.create("n0")
        #expect(ring.settle(limit: .seconds(60)), "\(ring.description)")
        #expect(ring.circle.count == 2)
    }

    @Test("Nodes that all restart find each other by the members they knew", arguments: [2, 3, 7])
    func allAtOnce(count: Int) throws {
        let ring = try InProcessRing.settled(count)
        let known = ring.circle
        for index in 0..<count { ring.kill("n\(index)") }
        for index in 0..<count {
            let shell = ring.add("n\(index)")
            let former = known.filter { $0.name != "n\(index)" }
            let task = Task(executorPreference: ring.executor) {
                try? await shell.join(through: [], for: nil, remembering: former)
            }
            _ = task
        }
        #expect(ring.settle(limit: .seconds(60)), "\(ring.description)")
        #expect(ring.circle.count == count)
    }
}
