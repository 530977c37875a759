// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordHash
import ChordIdentity
import ChordRPC
import ChordWire
import Logging
import NIOConcurrencyHelpers
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Nodes of other implementations", .tags(.interaction))
struct DialectServiceTests {
    private let dialect = ConcordDialect()

    private static var settings: InProcessRing.Settings {
        var settings = InProcessRing.Settings()
        settings.change = { $0.dialects = [.concord] }
        return settings
    }

    private func call(
        _ statement: PeerOperation,
        at key: String,
        as identity: PeerIdentity,
        in ring: InProcessRing
    ) throws -> ClientResult {
        let call = try #require(
            dialect.calls(for: statement, in: ring.parameters(ring.settings)).first
        )
        return try ring.call(
            RPCMethod(calling: call.method, of: dialect.service),
            at: key,
            as: identity,
            message: call.message
        )
    }

    private func owner(_ result: ClientResult, in ring: InProcessRing) throws -> String {
        guard result.status.isOK else { return "\(result.status)" }
        return try dialect.owner(from: [result.message], in: ring.parameters(ring.settings)).name
    }

    @Test("Without the dialect its methods are unimplemented")
    func disabled() throws {
        let ring = try InProcessRing.settled(2)
        let result = try call(.state, at: "n0", as: Stranger.identity("x"), in: ring)
        #expect(result.status.code == .unimplemented)
    }

    @Test("States name the predecessor, and lookups the owner, also for the node's own identifier")
    func answers() throws {
        let ring = try InProcessRing.settled(4, Self.settings)
        let caller = Stranger.identity("x")
        for node in ring.circle {
            let result = try call(.state, at: node.name, as: caller, in: ring)
            let state = try dialect.state(
                of: node,
                from: [result.message],
                in: ring.parameters(ring.settings)
            )?.state
            let view = ring.shell(node.name).view
            #expect(state?.predecessor.id == view.predecessor.id)
            #expect(state?.successors.map(\.id) == view.successors.map(\.id))
            for other in ring.circle {
                let next = ring.space.adding(other.id, powerOfTwo: 0)
                for id in [other.id, next] {
                    let result = try call(.owner(of: id), at: node.name, as: caller, in: ring)
                    #expect(try owner(result, in: ring) == ring.owner(of: id).name)
                }
            }
        }
    }

    @Test("A node that is alone names itself as predecessor")
    func alone() throws {
        let ring = try InProcessRing.settled(1, Self.settings)
        let result = try call(.state, at: "n0", as: Stranger.identity("x"), in: ring)
        let parameters = ring.parameters(ring.settings)
        let state = try dialect.state(of: nil, from: [result.message], in: parameters)?.state
        #expect(state?.predecessor.name == "n0")
        #expect(state?.successors.map(\.name) == ["n0"])
    }

    @Test("A node that is no member answers with an error, never with an empty reply")
    func notReady() throws {
        let ring = InProcessRing(Self.settings)
        ring.add("n0")
        for statement in [
            PeerOperation.state, .owner(of: .zero),
            .notify(Stranger("x", in: ring).node, changed: false),
        ] {
            let result = try call(statement, at: "n0", as: Stranger.identity("x"), in: ring)
            #expect(result.status.code == .unknown)
            #expect(result.status.message == "not ready")
        }
    }

    @Test("A restarted node is not named as its own owner; a member is")
    func startedAgain() throws {
        let ring = try InProcessRing.settled(3, Self.settings)
        let stranger = Stranger("x", in: ring)
        // It takes its place, and is then gone without the others' knowing.
        try takePlace(stranger, in: ring)
        #expect(
            try owner(
                call(.owner(of: stranger.node.id), at: "n0", as: Stranger.identity("x"), in: ring),
                in: ring
            ) == "x"
        )
        stranger.set(nil)
        for node in ring.circle {
            let result = try call(
                .owner(of: stranger.node.id),
                at: node.name,
                as: Stranger.identity("x"),
                in: ring
            )
            #expect(try owner(result, in: ring) == ring.owner(of: stranger.node.id).name)
        }
    }

    /// Makes a stranger the member that it is by its place.
    private func takePlace(_ stranger: Stranger, in ring: InProcessRing) throws {
        let circle = ring.circle
        let index = circle.firstIndex { $0.id > stranger.node.id } ?? 0
        let after = circle[index]
        let before = circle[(index + circle.count - 1) % circle.count]
        stranger.set(
            RingState(node: stranger.node, predecessor: before, successors: [after, before])
        )
        let result = try call(
            .notify(stranger.node, changed: false),
            at: after.name,
            as: Stranger.identity("x"),
            in: ring
        )
        #expect(result.status.isOK)
        let isIn = ring.executor.run(
            until: {
                ring.shell(after.name).view.predecessor.id == stranger.node.id
                    && ring.shell(before.name).view.successors.first?.id == stranger.node.id
            },
            limit: .seconds(30)
        )
        #expect(isIn)
    }

    @Test("A member of another implementation is maintained, and replaced when it leaves")
    func membership() throws {
        let ring = try InProcessRing.settled(4, Self.settings)
        let stranger = Stranger("x", in: ring)
        try takePlace(stranger, in: ring)
        let circle = (ring.circle + [stranger.node]).sorted { $0.id < $1.id }
        for _ in 0..<100 {
            let id = ring.randomIdentifier()
            for node in ring.circle {
                let shell = ring.shell(node.name)
                let result = try ring.executor.wait { try await shell.lookup(id) }
                #expect(result.owner.name == ring.owner(of: id, in: circle).name)
            }
        }
        // It knows who stands before it, and is told only when it does not.
        #expect(stranger.answers.withLockedValue { $0.notified.isEmpty })
        let known = try #require(try stranger.answers.withLockedValue { try $0.state.get() })
        stranger.set(
            RingState(
                node: stranger.node,
                predecessor: stranger.node,
                successors: known.successors
            ),
            owner: stranger.node
        )
        let isTold = ring.executor.run(
            until: {
                stranger.answers.withLockedValue {
                    $0.notified.contains { $0.id == known.predecessor.id }
                }
            },
            limit: .seconds(30)
        )
        #expect(isTold)
        // It may say that it is alone: what others own is theirs nonetheless.
        stranger.set(
            RingState(
                node: stranger.node,
                predecessor: stranger.node,
                successors: [stranger.node]
            ),
            owner: stranger.node
        )
        ring.executor.run(for: .seconds(3))
        for node in circle {
            for id in [node.id, ring.space.subtracting(node.id, Identifier(1))] {
                for asked in ring.circle {
                    let shell = ring.shell(asked.name)
                    let result = try ring.executor.wait { try await shell.lookup(id) }
                    #expect(result.owner.name == ring.owner(of: id, in: circle).name)
                }
            }
        }
        ring.network.close(address: stranger.node.address)
        #expect(ring.settle(limit: .seconds(60)))
    }

    @Test("A node that answers with an empty reply is no member any more")
    func notReadyAgain() throws {
        let ring = try InProcessRing.settled(4, Self.settings)
        let stranger = Stranger("x", in: ring)
        try takePlace(stranger, in: ring)
        stranger.set(nil)
        #expect(ring.settle(limit: .seconds(60)))
    }

    @Test("Another program at a member's address is not taken for the member")
    func impostor() throws {
        let ring = try InProcessRing.settled(4, Self.settings)
        let stranger = Stranger("x", in: ring)
        let circle = ring.circle
        let index = circle.firstIndex { $0.id > stranger.node.id } ?? 0
        func node(_ step: Int) -> NodeReference { circle[(index + step + 4) % 4] }
        let (before, after) = (node(-1), node(0))
        // What listens there stands elsewhere in the ring. It does not say so; its neighbours do.
        stranger.set(
            RingState(node: stranger.node, predecessor: node(1), successors: [node(2), before])
        )
        let claim = PeerOperation.notify(stranger.node, changed: false)
        _ = try call(claim, at: after.name, as: Stranger.identity("x"), in: ring)
        ring.executor.run(for: .seconds(5))
        #expect(ring.shell(after.name).view.predecessor == before)
        // The same claim counts once it answers as the one that it is about.
        stranger.set(
            RingState(node: stranger.node, predecessor: before, successors: [after, before])
        )
        _ = try call(claim, at: after.name, as: Stranger.identity("x"), in: ring)
        ring.executor.run(for: .seconds(5))
        #expect(ring.shell(after.name).view.predecessor == stranger.node)
    }

    @Test("A Notify is not believed if the named node does not confirm it")
    func spoofed() throws {
        let ring = try InProcessRing.settled(3, Self.settings)
        func predecessors() -> [NodeReference] {
            ring.circle.map { ring.shell($0.name).view.predecessor }
        }
        let before = predecessors()
        // Nobody of that name listens there, though the certificate would hold.
        for index in 0..<20 {
            let ghost = NodeReference(
                id: ring.identifier("ghost\(index)"),
                name: "ghost\(index)",
                address: "x.ring.test:\(index + 1)",
                incarnation: 0
            )
            for node in ring.circle {
                let result = try call(
                    .notify(ghost, changed: false),
                    at: node.name,
                    as: Stranger.identity("x"),
                    in: ring
                )
                #expect(result.status.isOK)
                // At once: what is believed for a moment is mended a moment later.
                #expect(predecessors() == before)
            }
        }
        ring.executor.run(for: .seconds(5))
        #expect(predecessors() == before)
    }

    @Test("A Notify about another host, about a wrong identifier or from a client is refused")
    func refused() throws {
        let ring = try InProcessRing.settled(2, Self.settings)
        let stranger = Stranger("x", in: ring)
        func code(_ node: NodeReference, _ identity: PeerIdentity) throws -> StatusCode {
            try call(.notify(node, changed: false), at: "n0", as: identity, in: ring).status.code
        }
        #expect(try code(stranger.node, Stranger.identity("y")) == .permissionDenied)
        #expect(
            try code(stranger.node, InProcessRing.identity("x", role: .client)) == .permissionDenied
        )
        var misplaced = stranger.node
        misplaced.id = ring.space.adding(misplaced.id, powerOfTwo: 0)
        #expect(try code(misplaced, Stranger.identity("x")) == .invalidArgument)
    }

    @Test("A node of another width is refused, and the log names both identifiers once a minute")
    func otherWidth() throws {
        let ring = try InProcessRing.settled(2, Self.settings)
        var stranger = Stranger("x", in: ring).node
        let right = stranger.id
        stranger.id = ring.settings.hash.identifier(of: "x", in: try IdentifierSpace(width: 32))
        for _ in 0..<20 {
            let claim = PeerOperation.notify(stranger, changed: false)
            let result = try call(claim, at: "n0", as: Stranger.identity("x"), in: ring)
            #expect(result.status.code == .invalidArgument)
            ring.executor.run(for: .seconds(1))
        }
        let lines = ring.member("n0").log.lines.filter {
            $0.message.contains("computes identifiers differently")
        }
        #expect(lines.count == 1)
        let line = "\(try #require(lines.first).metadata[LogKeys.error] ?? "")"
        #expect(line.contains(stranger.id.hexadecimal(width: 64)))
        #expect(line.contains(right.hexadecimal(width: 64)))
        #expect(line.contains("in 32 bits"))
    }

    @Test("A node of a wider ring is refused and logged")
    func widerRing() throws {
        var settings = Self.settings
        settings.width = 32
        let ring = try InProcessRing.settled(2, settings)
        // FindReq with an identifier of 64 bits: field 1, ten bytes of a number.
        let wide = [0x08] + [UInt8](repeating: 0xFF, count: 9) + [0x01]
        let result = try ring.call(
            ConcordMethods.findSuccessor,
            at: "n0",
            as: Stranger.identity("x"),
            message: wide
        )
        #expect(result.status.code == .invalidArgument)
        ring.executor.run(for: .seconds(1))
        #expect(ring.member("n0").log.lines.contains { $0.message.contains("more bits") })
    }

    @Test("A node that claims a place by wider identifiers is logged with both and their width")
    func widerClaim() throws {
        var settings = Self.settings
        settings.width = 32
        let ring = try InProcessRing.settled(2, settings)
        var stranger = Stranger("x", in: ring).node
        let right = stranger.id
        stranger.id = ring.settings.hash.identifier(of: "x", in: .standard)
        let claim = PeerOperation.notify(stranger, changed: false)
        let result = try call(claim, at: "n0", as: Stranger.identity("x"), in: ring)
        #expect(result.status.code == .invalidArgument)
        ring.executor.run(for: .seconds(1))
        let lines = ring.member("n0").log.lines.filter {
            $0.message.contains("computes identifiers differently")
        }
        let line = "\(try #require(lines.first).metadata[LogKeys.error] ?? "")"
        #expect(line.contains(stranger.id.hexadecimal(width: 64)), "\(line)")
        #expect(line.contains(right.hexadecimal(width: 32)), "\(line)")
        #expect(line.contains("in 64 bits"), "\(line)")
    }
}
