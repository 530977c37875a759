// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import Logging
import ChordTestSupport
import Testing

@testable import ChordRuntime

/// Who is believed to be a neighbour, and what nodes do for those that cannot reach somebody.
@Suite(.tags(.interaction)) struct ReachTests {
    private func reference(_ name: String, in ring: InProcessRing) -> NodeReference {
        NodeReference(
            id: ring.identifier(name),
            name: name,
            address: InProcessRing.address(name),
            incarnation: 1
        )
    }

    private func verdict(
        of key: String,
        about node: NodeReference,
        in ring: InProcessRing
    ) throws -> NotifyVerdict {
        let request = NotifyRequest(candidate: node, parameters: ring.parameters(ring.settings))
        let result = try ring.call(
            ChordMethods.notify,
            at: key,
            as: InProcessRing.identity(node.name),
            message: request.encoded(in: ring.space)
        )
        #expect(result.status.isOK, "\(result.status)")
        return try NotifyReply(decoding: result.message, space: ring.space).verdict
    }

    /// A name whose place is right before a member's.
    private func nameBefore(_ key: String, in ring: InProcessRing) -> String {
        let view = ring.shell(key).view
        var number = 0
        while !view.range.contains(ring.identifier("x\(number)")) { number += 1 }
        return "x\(number)"
    }

    // MARK: Claims

    @Test("An unreachable claimant is refused, told why, and logged once")
    func refusedClaimant() throws {
        let ring = try InProcessRing.settled(4)
        let view = ring.shell("n0").view
        // Nothing listens there.
        let node = reference(nameBefore("n0", in: ring), in: ring)
        for _ in 0..<5 {
            let verdict = try verdict(of: "n0", about: node, in: ring)
            guard case .notReached(let address, let reason) = verdict else {
                Issue.record("\(verdict)")
                return
            }
            #expect(address == node.address)
            #expect(reason.contains("other members were asked and cannot either"), "\(reason)")
        }
        #expect(ring.shell("n0").view == view)
        let warnings = ring.member("n0").log.lines.filter {
            $0.level == .warning && $0.message.contains("claims to be this node's predecessor")
        }
        #expect(warnings.count == 1)
        #expect(warnings.first?.metadata[LogKeys.address] == "\(node.address)")
        #expect(warnings.first?.metadata[LogKeys.peer] == "\(node.name)")
    }

    @Test("The present predecessor is answered at once, and a farther node is told of it")
    func knownClaimants() throws {
        let ring = try InProcessRing.settled(3)
        let order = ring.circle
        for (index, node) in order.enumerated() {
            let before = order[(index + 2) % 3]
            let farther = order[(index + 1) % 3]
            #expect(try verdict(of: node.name, about: before, in: ring) == .taken)
            #expect(try verdict(of: node.name, about: farther, in: ring) == .nearerKnown)
        }
        #expect(ring.isIdeal)
    }

    @Test("A joiner costs its neighbour one question")
    func joiner() throws {
        let ring = try InProcessRing.settled(3)
        try ring.join("n3", through: "n0")
        #expect(ring.settle(limit: .seconds(20)))
        #expect(ring.shell("n3").view.tenure == .held)
    }

    @Test("A joiner that its head cannot reach ends with a message, and no range changes")
    func refusedJoiner() throws {
        let ring = try InProcessRing.settled(4)
        let views = ring.circle.map { ring.shell($0.name).view }
        let shell = ring.add("x")
        let address = InProcessRing.address("x")
        ring.plan.set(.unconnected, to: address)
        let failure = #expect(throws: ChordError.self) {
            try ring.executor.wait {
                try await shell.join(through: [InProcessRing.address("n0")], for: .seconds(60))
            }
        }
        #expect(failure?.code == .unreachable)
        let owner = ring.owner(of: ring.identifier("x"), in: views.map(\.node))
        let message = failure?.message ?? ""
        #expect(
            message.hasPrefix("\(owner.name) cannot reach this node at \(address): "),
            "\(message)"
        )
        #expect(views == views.map { ring.shell($0.node.name).view })
        let lines = ring.member("x").log.lines
        #expect(!lines.contains { $0.message == "joined" || $0.message == "range changed" })
        let warnings = lines.filter { $0.level == .warning }
        #expect(warnings.count == 1)
        #expect(warnings.first?.metadata[LogKeys.address] == "\(address)")
    }

    @Test("A joiner that cannot reach its head is no member and says so")
    func headOutOfReach() throws {
        let ring = try InProcessRing.settled(4)
        let owner = ring.owner(of: ring.identifier("x"))
        let shell = ring.add("x")
        let contact = ring.circle.first { $0.id != owner.id }
        ring.plan.set(.unconnected, from: InProcessRing.address("x"), to: owner.address)
        let failure = #expect(throws: ChordError.self) {
            try ring.executor.wait {
                try await shell.join(through: [contact?.address ?? ""], for: .seconds(8))
            }
        }
        #expect(failure?.code == .noContact)
        let cause = failure?.cause.map { "\($0)" } ?? ""
        #expect(cause.contains("cannot reach its future successor \(owner)"), "\(cause)")
        #expect(shell.view.phase == .notJoined)
    }

    // MARK: An unreached head

    @Test("A node says that it cannot reach its head, until it can")
    func unreachedHead() throws {
        let ring = try InProcessRing.settled(4)
        let circle = ring.circle
        let client = RingClient(
            contacts: [circle[2].address],
            transport: ring.network.transport(
                identity: InProcessRing.identity("tool", role: .client)
            ),
            executor: ring.executor,
            failureDetection: FailureDetection(),
            lookups: LookupLimits()
        )
        func unreached() throws -> [String] {
            let walk = try ring.executor.wait { try await client.walk() }
            #expect(walk.isIdeal, "\(walk.problems)")
            let walked = walk.members.filter(\.isHeadUnreached).map(\.node.name)
            let described = try circle.filter { node in
                let result = try ring.call(
                    AdminMethods.describe,
                    at: node.name,
                    as: InProcessRing.identity("tool", role: .client),
                    message: []
                )
                return try DescribeReply(decoding: result.message, space: ring.space)
                    .description.isHeadUnreached
            }
            #expect(described.map(\.name) == walked)
            return walked
        }
        #expect(try unreached() == [])
        ring.plan.set(.unconnected, from: circle[0].address, to: circle[1].address)
        #expect(
            ring.executor.run(
                until: { ring.shell(circle[0].name).view.unreachedHead == circle[1] },
                limit: .seconds(30)
            )
        )
        #expect(try unreached() == [circle[0].name])
        ring.plan.set(nil, from: circle[0].address, to: circle[1].address)
        #expect(
            ring.executor.run(
                until: { ring.shell(circle[0].name).view.unreachedHead == nil },
                limit: .seconds(30)
            )
        )
        #expect(try unreached() == [])
    }

    // MARK: Probes

    private func probe(
        _ node: NodeReference,
        at key: String,
        in ring: InProcessRing,
        as caller: PeerIdentity = InProcessRing.identity("n1"),
        parameters: RingParameters? = nil
    ) throws -> ClientResult {
        let request = ProbeRequest(
            node: node,
            parameters: parameters ?? ring.parameters(ring.settings)
        )
        return try ring.call(
            ChordMethods.probe,
            at: key,
            as: caller,
            message: request.encoded(in: ring.space)
        )
    }

    private func isReached(_ result: ClientResult, in ring: InProcessRing) throws -> Bool {
        #expect(result.status.isOK, "\(result.status)")
        return try ProbeReply(decoding: result.message, space: ring.space).isReached
    }

    @Test func probeReportsWhetherTheNodeAnswers() throws {
        let ring = try InProcessRing.settled(4)
        let node = ring.shell("n2").view.node
        #expect(try isReached(probe(node, at: "n0", in: ring), in: ring))
        #expect(try isReached(probe(node, at: "n2", in: ring), in: ring))
        ring.plan.set(.unconnected, from: InProcessRing.address("n0"), to: node.address)
        #expect(try !isReached(probe(node, at: "n0", in: ring), in: ring))
        #expect(try isReached(probe(node, at: "n3", in: ring), in: ring))
        #expect(try !isReached(probe(reference("x", in: ring), at: "n3", in: ring), in: ring))
    }

    @Test(
        "A helper names the prober to the head that lost its predecessor, by name or by host",
        arguments: [false, true]
    )
    func helperSpeaksForProber(provesHostsOnly: Bool) throws {
        var settings = InProcessRing.Settings()
        settings.provesHostsOnly = provesHostsOnly
        let ring = try InProcessRing.settled(5, settings)
        let circle = ring.circle
        let (member, dead, head) = (circle[0], circle[1], circle[2])
        // The member cannot tell its new head of itself, and the head knows no other way to it.
        ring.plan.set(.unconnected, from: member.address, to: head.address)
        ring.kill(dead.name)
        #expect(
            ring.executor.run(
                until: { ring.shell(head.name).view.predecessor == member },
                limit: .seconds(30)
            ),
            "\(ring.description)"
        )
    }

    @Test func probeCannotScanPorts() throws {
        let ring = try InProcessRing.settled(2)
        var misplaced = reference("x", in: ring)
        misplaced.id = ring.space.adding(misplaced.id, Identifier(1))
        #expect(try probe(misplaced, at: "n0", in: ring).status.code == .invalidArgument)
        var other = ring.parameters(ring.settings)
        other.ring = "another"
        let node = ring.shell("n1").view.node
        #expect(
            try probe(node, at: "n0", in: ring, parameters: other).status.code
                == .failedPrecondition
        )
        // Nodes that it does not know are dialled for others now and then only.
        let codes = try (0..<40).map { number in
            try probe(reference("x\(number)", in: ring), at: "n0", in: ring).status.code
        }
        #expect(codes.contains(.resourceExhausted))
        #expect(codes.prefix(4).allSatisfy { $0 == .ok }, "\(codes)")
    }

    // MARK: Our own link

    @Test(
        "A node that is called, and knows dead nodes only, asks the caller about them",
        arguments: [1, 2, 3] as [UInt64]
    )
    func onlyDeadNodesKnown(seed: UInt64) throws {
        var settings = InProcessRing.Settings()
        settings.successorCount = 2
        let ring = try InProcessRing.settled(24, seed: seed, settings)
        let circle = ring.circle
        /// All nodes that a node knows.
        func known(_ node: NodeReference) -> Set<String> {
            let view = ring.shell(node.name).view
            let others = ring.on(node.name) { $0.machine.acquaintances }
            return Set((others + view.successors + [view.predecessor]).map(\.name))
        }
        // The second node before it lists it, and it does not know that node.
        let index = try #require(
            circle.indices.first { !known(circle[$0]).contains(circle[($0 + 22) % 24].name) }
        )
        for name in known(circle[index]) { ring.kill(name) }
        #expect(ring.settle(limit: .seconds(240)), "\(ring.description)")
    }

    @Test("A node whose calls all fail drops no neighbour and logs it once")
    func ownLink() throws {
        let ring = try InProcessRing.settled(5)
        let views = ring.circle.map { ring.shell($0.name).view }
        for node in ring.circle where node.name != "n2" {
            ring.plan.set(.unconnected, from: InProcessRing.address("n2"), to: node.address)
        }
        ring.executor.run(for: .seconds(30))
        #expect(ring.circle == views.map(\.node))
        for view in views {
            let now = ring.shell(view.node.name).view
            #expect(now.predecessor == view.predecessor)
            #expect(now.successors.first == view.successors.first)
            #expect(now.ownsRange)
        }
        let errors = ring.member("n2").log.lines.filter { $0.level == .error }
        #expect(errors.count == 1, "\(errors)")
        #expect(errors.first?.message.contains("its own link is faulty") == true)
        for node in ring.circle {
            ring.plan.set(nil, from: InProcessRing.address("n2"), to: node.address)
        }
        ring.executor.run(for: .seconds(10))
        #expect(ring.isIdeal, "\(ring.description)")
        #expect(ring.member("n2").log.lines.contains { $0.level == .notice })
    }
}
