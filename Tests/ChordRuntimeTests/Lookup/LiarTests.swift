// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Lookups through a node that lies", .tags(.interaction))
struct LiarTests {
    /// A node, the liar that it asks first, and an identifier that it asks the liar for.
    private struct Route {
        let from: NodeReference
        let liar: NodeReference
        let path: [NodeReference]
        let id: Identifier
        let owner: NodeReference
    }

    private static func ring(seed: UInt64 = 41) throws -> InProcessRing {
        let ring = try InProcessRing.settled(12, seed: seed, .byTables)
        ring.executor.run(for: .seconds(30))
        return ring
    }

    /// A lookup whose first hop is no neighbour, so that maintenance does not interfere.
    private static func route(
        in ring: InProcessRing,
        where accept: (LookupResult, RoutingView) -> Bool = { _, _ in true }
    ) throws -> Route {
        for node in ring.circle {
            let shell = ring.shell(node.name)
            for _ in 0..<200 {
                let id = ring.randomIdentifier()
                let result = try ring.executor.wait { try await shell.lookup(id, wantsPath: true) }
                let view = shell.view
                guard result.path.count > 1, !view.successors.contains(result.path[1]),
                    view.predecessor != result.path[1], result.owner != result.path[1],
                    accept(result, view)
                else { continue }
                return Route(
                    from: node,
                    liar: result.path[1],
                    path: result.path,
                    id: id,
                    owner: result.owner
                )
            }
        }
        throw InProcessRing.NotIdeal("no such route")
    }

    private static func lookup(
        _ route: Route,
        in ring: InProcessRing,
        wantsPath: Bool = false
    ) throws -> LookupResult {
        let shell = ring.shell(route.from.name)
        return try ring.executor.wait { try await shell.lookup(route.id, wantsPath: wantsPath) }
    }

    /// A node that nobody has seen, at the place where its name puts it, in an arc.
    private static func invented(
        in ring: InProcessRing,
        after start: Identifier,
        before end: Identifier
    ) throws -> NodeReference {
        for number in 0..<100_000 {
            let name = "ghost\(number)"
            let id = ring.identifier(name)
            guard id.isBetween(start, and: end) else { continue }
            return NodeReference(id: id, name: name, address: "10.9.9.9:1", incarnation: 1)
        }
        throw InProcessRing.NotIdeal("no name for the arc")
    }

    @Test("A node that names itself as owner is skipped")
    func itself() throws {
        let ring = try Self.ring()
        let route = try Self.route(in: ring)
        let liar = route.liar
        ring.plan.set(
            .lies { _ in FindSuccessorReply(owner: liar, answering: liar) },
            to: liar.address
        )
        #expect(try Self.lookup(route, in: ring).owner == route.owner)
        // It answers as a member when it is asked for its state, so nobody throws it out.
        ring.executor.drain()
        #expect(ring.shell(route.from.name).view.table.entries.contains(liar))
    }

    @Test("An owner at a wrong identifier is never passed on")
    func misplaced() throws {
        let ring = try Self.ring()
        let route = try Self.route(in: ring)
        let liar = route.liar
        let ghost = NodeReference(
            id: route.id,
            name: "ghost",
            address: "10.9.9.9:1",
            incarnation: 1
        )
        ring.plan.set(
            .lies { _ in FindSuccessorReply(owner: ghost, answering: liar) },
            to: liar.address
        )
        #expect(try Self.lookup(route, in: ring).owner == route.owner)
    }

    @Test("An invented node is refused if a live member before it is known")
    func passedOver() throws {
        let ring = try Self.ring()
        // The asker knows the owner, as a finger, and so that the liar names somebody behind it.
        let route = try Self.route(in: ring) { result, view in
            view.table.entries.contains(result.owner) && result.owner != view.predecessor
        }
        let liar = route.liar
        let ghost = try Self.invented(in: ring, after: route.owner.id, before: route.from.id)
        ring.plan.set(
            .lies { _ in FindSuccessorReply(owner: ghost, answering: liar) },
            to: liar.address
        )
        #expect(try Self.lookup(route, in: ring).owner == route.owner)
    }

    @Test("An answer that skips a dead member is accepted")
    func passesOverTheDead() throws {
        let ring = try Self.ring()
        let route = try Self.route(in: ring) { result, view in
            view.table.entries.contains(result.owner) && !view.successors.contains(result.owner)
                && result.owner != view.predecessor
        }
        ring.kill(route.owner.name)
        // The neighbours have noticed; the asker, who is none, may still know the dead node.
        ring.executor.run(until: { ring.isIdeal }, limit: .seconds(20))
        #expect(try Self.lookup(route, in: ring).owner == ring.owner(of: route.id))
    }

    @Test("An identifier outside the arc between answering node and owner is refused")
    func outsideArc() throws {
        let ring = try Self.ring()
        let route = try Self.route(in: ring)
        let circle = ring.circle
        // Two real neighbours, elsewhere on the ring.
        let index = try #require(circle.firstIndex(of: route.owner))
        let answering = circle[(index + 3) % circle.count]
        let owner = circle[(index + 4) % circle.count]
        ring.plan.set(
            .lies { _ in FindSuccessorReply(owner: owner, answering: answering) },
            to: route.liar.address
        )
        #expect(try Self.lookup(route, in: ring).owner == route.owner)
    }

    @Test("Invented nodes are cut from an answer's list, and the rest of the answer is used")
    func lists() throws {
        let ring = try Self.ring()
        let route = try Self.route(in: ring)
        let liar = route.liar
        let owner = route.owner
        let misplaced = NodeReference(
            id: Identifier(1),
            name: "ghost",
            address: "10.9.9.9:1",
            incarnation: 1
        )
        let circle = ring.circle
        let index = try #require(circle.firstIndex(of: owner))
        let before = circle[(index + circle.count - 1) % circle.count]
        let next = circle[(index + 1) % circle.count]
        ring.plan.set(
            .lies { request in
                FindSuccessorReply(
                    owner: owner,
                    successors: [next, misplaced, before],
                    answering: before,
                    path: request.wantPath ? [liar, misplaced, before] : []
                )
            },
            to: liar.address
        )
        let result = try Self.lookup(route, in: ring, wantsPath: true)
        #expect(result.owner == owner)
        #expect(result.successors == [next])
        #expect(result.path == [route.from, liar, before])
        #expect(try Self.lookup(route, in: ring).successors == [next])
    }

    @Test(
        "An error of one node ends no lookup",
        arguments: [
            StatusCode.resourceExhausted, .invalidArgument, .deadlineExceeded, .alreadyExists,
            .internalError, .unknown, .aborted, .cancelled, .unavailable, .failedPrecondition,
            .permissionDenied, .unauthenticated, .unimplemented, .dataLoss, .outOfRange, .notFound,
        ]
    )
    func errors(code: StatusCode) throws {
        let ring = try Self.ring()
        let route = try Self.route(in: ring)
        ring.plan.set(.answers(Status(code, "no")), to: route.liar.address)
        let result = try Self.lookup(route, in: ring)
        #expect(result.owner == route.owner)
    }

    @Test("A node silent after its headers costs a share of the deadline and is not blamed")
    func silence() throws {
        let ring = try Self.ring()
        let route = try Self.route(in: ring)
        ring.plan.set(.silentAfterHeaders, to: route.liar.address)
        let table = ring.shell(route.from.name).view.table
        let start = ring.executor.now
        #expect(try Self.lookup(route, in: ring).owner == route.owner)
        #expect(ring.executor.now - start < .seconds(5))
        ring.executor.drain()
        #expect(ring.shell(route.from.name).view.table == table)
        ring.executor.run(for: .milliseconds(10))
        #expect(ring.plan.lookupsUnderWay(of: route.id) == 0)
    }

    @Test("The node before a silent node gives up first")
    func silenceFurtherOn() throws {
        let ring = try Self.ring()
        // The silent node is neither the owner nor known to be: somebody can go around it.
        let route = try Self.route(in: ring) { result, _ in result.path.count >= 3 }
        ring.plan.set(.silentAfterHeaders, to: route.path[2].address)
        let result = try Self.lookup(route, in: ring, wantsPath: true)
        #expect(result.owner == route.owner)
        // The healthy node was not given up for the silence of the one behind it.
        #expect(result.path[1] == route.path[1])
        #expect(!result.path.contains(route.path[2]))
    }

    @Test("A joiner that hears that its name is taken asks the member that holds it")
    func nameTaken() throws {
        let ring = try Self.ring()
        let taken = Status(.alreadyExists, "late is a member at the same identifier")
        ring.plan.set(.refusesJoiners(taken), to: InProcessRing.address("n0"))
        let shell = ring.add("late")
        try ring.executor.wait {
            try await shell.join(
                through: ["n0", "n1"].map(InProcessRing.address),
                for: .seconds(20)
            )
        }
        #expect(shell.view.isMember)
        #expect(ring.settle(limit: .seconds(30)))
    }
}
