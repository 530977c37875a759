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

@Suite("Requests that a node refuses", .tags(.interaction))
struct RefusalTests {
    static let methods = [
        ChordMethods.findSuccessor, ChordMethods.getPredecessor, ChordMethods.notify,
        ChordMethods.getSuccessorList, ChordMethods.leave,
    ]

    private func reference(_ name: String, in ring: InProcessRing) -> NodeReference {
        NodeReference(
            id: ring.identifier(name),
            name: name,
            address: InProcessRing.address(name),
            incarnation: 1
        )
    }

    private func notify(
        _ ring: InProcessRing,
        about node: NodeReference,
        as identity: PeerIdentity,
        parameters: RingParameters? = nil
    ) throws -> Status {
        let request = NotifyRequest(
            candidate: node,
            parameters: parameters ?? ring.parameters(ring.settings)
        )
        return try ring.call(
            ChordMethods.notify,
            at: "n0",
            as: identity,
            message: request.encoded(in: ring.space)
        ).status
    }

    @Test("Notify and Leave about another node than the caller change nothing")
    func aboutOthers() throws {
        let ring = try InProcessRing.settled(3)
        let view = ring.shell("n0").view
        let liar = InProcessRing.identity("liar")
        #expect(
            try notify(ring, about: reference("x", in: ring), as: liar).code == .permissionDenied
        )
        let predecessor = view.predecessor
        #expect(try notify(ring, about: predecessor, as: liar).code == .permissionDenied)
        for leaver in [predecessor, view.successors[0], view.node] {
            let request = LeaveRequest(
                LeaveNotice(
                    state: RingState(node: leaver, predecessor: leaver, successors: [leaver])
                )
            )
            let status = try ring.call(
                ChordMethods.leave,
                at: "n0",
                as: liar,
                message: request.encoded(in: ring.space)
            ).status
            #expect(status.code == .permissionDenied)
            #expect(status.message.contains(leaver.name))
        }
        ring.executor.drain()
        #expect(ring.shell("n0").view == view)
    }

    @Test("Clients and admins cannot send Notify or Leave", arguments: [Role.client, .admin])
    func notANode(role: Role) throws {
        let ring = try InProcessRing.settled(2)
        let view = ring.shell("n0").view
        let identity = InProcessRing.identity("x", role: role)
        let node = reference("x", in: ring)
        #expect(try notify(ring, about: node, as: identity).code == .permissionDenied)
        let request = LeaveRequest(
            LeaveNotice(state: RingState(node: node, predecessor: node, successors: [node]))
        )
        let status = try ring.call(
            ChordMethods.leave,
            at: "n0",
            as: identity,
            message: request.encoded(in: ring.space)
        ).status
        #expect(status.code == .permissionDenied)
        #expect(ring.shell("n0").view == view)
    }

    @Test("A node cannot choose its identifier")
    func chosenIdentifier() throws {
        let ring = try InProcessRing.settled(2)
        let view = ring.shell("n0").view
        var node = reference("x", in: ring)
        node.id = ring.space.subtracting(view.node.id, Identifier(1))
        let status = try notify(ring, about: node, as: InProcessRing.identity("x"))
        #expect(status.code == .invalidArgument)
        #expect(status.message.contains("\(node.id)"))
        #expect(status.message.contains("\(ring.identifier("x"))"))
        #expect(ring.shell("n0").view == view)
    }

    @Test("Where certificates prove hosts, the host must be the caller's")
    func hostProof() throws {
        let ring = try InProcessRing.settled(2)
        let identity = PeerIdentity(
            role: .node,
            name: nil,
            trustDomain: nil,
            proof: .host,
            dnsNames: ["x.ring.test"]
        )
        #expect(try notify(ring, about: reference("x", in: ring), as: identity).isOK)
        #expect(
            try notify(ring, about: reference("y", in: ring), as: identity).code
                == .permissionDenied
        )
    }

    @Test("A joiner can speak about itself and look up its own place")
    func joiner() throws {
        let ring = try InProcessRing.settled(3)
        let joiner = reference("x", in: ring)
        func ask(
            _ id: Identifier,
            as identity: PeerIdentity,
            hops: Int = 0
        ) throws -> StatusCode {
            let request = FindSuccessorRequest(id: id, hops: hops, joiner: joiner)
            return try ring.call(
                ChordMethods.findSuccessor,
                at: "n0",
                as: identity,
                message: request.encoded(in: ring.space)
            ).status.code
        }
        #expect(try ask(joiner.id, as: InProcessRing.identity("x")) == .ok)
        #expect(try ask(joiner.id, as: InProcessRing.identity("liar")) == .permissionDenied)
        #expect(
            try ask(joiner.id, as: InProcessRing.identity("x", role: .client)) == .permissionDenied
        )
        // Claiming to be a forwarder takes a node.
        #expect(
            try ask(joiner.id, as: InProcessRing.identity("x", role: .client), hops: 1)
                == .permissionDenied
        )
        #expect(try ask(joiner.id, as: InProcessRing.identity("n1"), hops: 1) == .ok)
        #expect(try ask(Identifier(7), as: InProcessRing.identity("x")) == .invalidArgument)
    }

    @Test("A joiner is told the member before its place, with the list")
    func joinerAnswer() throws {
        let ring = try InProcessRing.settled(6)
        for index in 0..<20 {
            let joiner = reference("j\(index)", in: ring)
            for contact in ring.circle {
                let request = FindSuccessorRequest(id: joiner.id, joiner: joiner)
                let result = try ring.call(
                    ChordMethods.findSuccessor,
                    at: contact.name,
                    as: InProcessRing.identity(joiner.name),
                    message: request.encoded(in: ring.space)
                )
                let reply = try FindSuccessorReply(decoding: result.message, space: ring.space)
                let owner = ring.owner(of: joiner.id)
                #expect(reply.owner == owner)
                #expect(reply.answering == ring.shell(owner.name).view.predecessor)
                #expect(
                    reply.answeringSuccessors == ring.shell(reply.answering.name).view.successors
                )
            }
        }
    }

    @Test("Bytes that are no request are INVALID_ARGUMENT", arguments: methods)
    func malformed(method: RPCMethod) throws {
        let ring = try InProcessRing.settled(2)
        let view = ring.shell("n0").view
        let identity = InProcessRing.identity("x")
        let cut: [UInt8] = [0x0a, 0x20, 1, 2, 3]
        let first = try ring.call(method, at: "n0", as: identity, message: cut)
        #expect(first.status.code == .invalidArgument)
        #expect(first.message.isEmpty)
        for _ in 0..<500 {
            let count = Int(ring.executor.random() % 80)
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: ring.executor.random()) }
            let result = try ring.call(method, at: "n0", as: identity, message: bytes)
            // Random bytes may happen to be a message; they never are one that may change anything.
            let allowed: [StatusCode] = [.ok, .invalidArgument]
            #expect(allowed.contains(result.status.code))
        }
        let long = [UInt8](repeating: 0, count: WireLimits.messageBytes + 1)
        let last = try ring.call(method, at: "n0", as: identity, message: long)
        #expect(last.status.code == .resourceExhausted)
        #expect(ring.shell("n0").view == view)
    }

    @Test("Requests with changed bytes do not crash the node", arguments: methods)
    func mutated(method: RPCMethod) throws {
        let ring = try InProcessRing.settled(3)
        let node = reference("x", in: ring)
        let state = RingState(node: node, predecessor: node, successors: [node, node])
        let parameters = ring.parameters(ring.settings)
        let message: [UInt8] =
            switch method {
            case ChordMethods.findSuccessor:
                FindSuccessorRequest(id: node.id, hopBudget: 5, hops: 1, joiner: node)
                    .encoded(in: ring.space)
            case ChordMethods.notify:
                NotifyRequest(candidate: node, parameters: parameters).encoded(in: ring.space)
            case ChordMethods.getSuccessorList:
                GetSuccessorListRequest(parameters: parameters).encoded(in: ring.space)
            case ChordMethods.leave: LeaveRequest(LeaveNotice(state: state)).encoded(in: ring.space)
            default: [0x08, 0x01]
            }
        let liar = InProcessRing.identity("liar")
        for _ in 0..<1000 {
            var bytes = message
            let index = Int(ring.executor.random() % UInt64(bytes.count))
            bytes[index] = UInt8(truncatingIfNeeded: ring.executor.random())
            let result = try ring.call(method, at: "n1", as: liar, message: bytes)
            #expect(result.status.origin == .peer)
            #expect(result.status.code != .internalError)
        }
        #expect(ring.isIdeal)
    }

    @Test("Notify and GetSuccessorList of another ring are refused, naming both rings")
    func otherRing() throws {
        let ring = try InProcessRing.settled(2)
        var other = ring.parameters(ring.settings)
        other.ring = "other"
        let notified = try notify(
            ring,
            about: reference("x", in: ring),
            as: InProcessRing.identity("x"),
            parameters: other
        )
        let asked = try ring.call(
            ChordMethods.getSuccessorList,
            at: "n0",
            as: InProcessRing.identity("x"),
            message: GetSuccessorListRequest(parameters: other).encoded(in: ring.space)
        ).status
        for status in [notified, asked] {
            #expect(status.code == .failedPrecondition)
            #expect(status.message.contains("\"other\""))
            #expect(status.message.contains("\"test\""))
        }
    }

    @Test("A node that is no member answers FAILED_PRECONDITION to everything but Leave")
    func notMember() throws {
        let ring = InProcessRing()
        ring.add("n0")
        let node = reference("x", in: ring)
        let requests: [(RPCMethod, [UInt8])] = [
            (ChordMethods.findSuccessor, FindSuccessorRequest(id: node.id).encoded(in: ring.space)),
            (ChordMethods.getPredecessor, []),
            (ChordMethods.getSuccessorList, []),
            (
                ChordMethods.notify,
                NotifyRequest(candidate: node, parameters: ring.parameters(ring.settings))
                    .encoded(in: ring.space)
            ),
        ]
        for (method, message) in requests {
            let result = try ring.call(
                method,
                at: "n0",
                as: InProcessRing.identity("x"),
                message: message
            )
            #expect(result.status.code == .failedPrecondition)
            #expect(result.status.message.contains("n0"))
        }
    }

    @Test("A Notify resets the dial backoff of its caller")
    func backoff() throws {
        let ring = try InProcessRing.settled(2)
        let node = reference("x", in: ring)
        #expect(try notify(ring, about: node, as: InProcessRing.identity("x")).isOK)
        ring.executor.drain()
        #expect(ring.member("n0").transport.backoffResets.last == node.address)
    }
}
