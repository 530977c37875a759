// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordRPC
import Foundation
import ChordTestSupport
import Testing

/// grpcio, with the code that grpc_tools makes of our contract, against nodes of ours.
///
/// One at a time: each runs a Python of its own, which costs more memory than all the rest.
@Suite("grpcio calls our nodes", .tags(.network), .serialized, .timeLimit(.minutes(5)))
struct GRPCIOCallsUsTests {
    static let keys = (0..<12).map { "key \($0)" }

    // MARK: Answers

    @Test
    func everyNodeNamesTheRightOwner() async throws {
        let python = try await Python.get()
        let alice = try await InteropCertificates.get().alice
        try await Ring.running(["n1", "n2", "n3"]) { ring in
            for node in ring.nodes {
                let here = node.reference
                let calls =
                    [PythonCall("GetPredecessor"), PythonCall("GetSuccessorList")]
                    + Self.keys.map { PythonCall("FindSuccessor", ["want_path": true], key: $0) }
                    + ring.inOrder.map {
                        PythonCall("FindSuccessor", ["id": .bytes($0.id.bytes64)])
                    }
                let outcomes = try await python.call(here.address, as: alice, calls)
                try #require(outcomes.map(\.code) == calls.map { _ in "OK" })

                let others = ring.after(here)
                #expect(outcomes[0].reply?.predecessor?.is(others.last) == true)
                let state = try #require(outcomes[1].reply)
                #expect(state.node?.is(here) == true)
                #expect(state.predecessor?.is(others.last) == true)
                #expect(state.successors?.map(\.name) == others.map(\.name))
                #expect(state.parameters?.ring == "interop")
                #expect(state.parameters?.hash == "sha256")
                #expect(state.parameters?.width == 64)
                #expect(state.parameters?.id_rule == "ID_RULE_NAME")
                #expect(state.parameters?.successors == node.parameters.successorCount)

                for (key, outcome) in zip(Self.keys, outcomes.dropFirst(2)) {
                    let reply = try #require(outcome.reply)
                    let owner = ring.owner(of: node.identifier(of: key))
                    #expect(reply.owner?.is(owner) == true, "\(key) at \(here)")
                    #expect(reply.successors?.map(\.name) == ring.after(owner).map(\.name))
                    #expect(reply.path?.first?.is(here) == true)
                    #expect(reply.path?.last == reply.answering)
                    #expect((reply.hops ?? 0) + 1 == reply.path?.count)
                }
                for (member, outcome) in zip(ring.inOrder, outcomes.suffix(ring.nodes.count)) {
                    #expect(outcome.reply?.owner?.is(member) == true, "\(member)'s own")
                }
            }
        }
    }

    // MARK: Failures

    /// A call that a node refuses, and how grpcio tells of it.
    struct Refusal: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var call: PythonCall
        var code: String
        /// What the message says, in part.
        var message: String

        init(_ what: String, _ call: PythonCall, _ code: String, _ message: String) {
            testDescription = what
            self.call = call
            self.code = code
            self.message = message
        }
    }

    static let refusals = [
        Refusal(
            "unknown method",
            PythonCall("/chord.v1.ChordService/Nonesuch"),
            "UNIMPLEMENTED",
            "this node has no method /chord.v1.ChordService/Nonesuch"
        ),
        Refusal(
            "unknown service",
            PythonCall("/chord.v9.ChordService/Notify"),
            "UNIMPLEMENTED",
            "this node has no method /chord.v9.ChordService/Notify"
        ),
        Refusal(
            "a path of three parts",
            PythonCall("/a/b/c"),
            "UNIMPLEMENTED",
            "this node has no method /a/b/c"
        ),
        Refusal(
            "identifier too short",
            PythonCall("FindSuccessor", ["id": .bytes([1, 2, 3])]),
            "INVALID_ARGUMENT",
            "3 bytes"
        ),
        Refusal(
            "identifier too long",
            PythonCall("FindSuccessor", ["id": .bytes(Array(repeating: 1, count: 9))]),
            "INVALID_ARGUMENT",
            "9 bytes"
        ),
        Refusal("no identifier", PythonCall("FindSuccessor"), "INVALID_ARGUMENT", "id"),
        Refusal(
            "not a protobuf message",
            PythonCall("/chord.v1.ChordService/FindSuccessor", bytes: Data([0xff, 0xff, 0xff])),
            "INVALID_ARGUMENT",
            "3 bytes that are not this message"
        ),
        Refusal(
            "a client notifies",
            PythonCall(
                "Notify",
                ["candidate": ["id": .bytes(Array(repeating: 7, count: 8)), "name": "alice"]]
            ),
            "PERMISSION_DENIED",
            "/chord.v1.ChordService/Notify is not open to"
        ),
        Refusal(
            "a client lets a node leave",
            PythonCall("Leave", ["node": ["name": "n1"]]),
            "PERMISSION_DENIED",
            "its role is client"
        ),
        Refusal(
            "parameters of another ring",
            PythonCall(
                "GetSuccessorList",
                [
                    "parameters": [
                        "ring": "some other", "hash": "sha256",
                        "hash_probe": .bytes(Array(repeating: 1, count: 8)), "width": 64,
                        "id_rule": "ID_RULE_NAME", "successors": 4,
                    ]
                ]
            ),
            "FAILED_PRECONDITION",
            #"the ring's name here is "interop", there "some other""#
        ),
    ]

    @Test(arguments: refusals)
    func refusalReachesGRPCIOUnchanged(_ refusal: Refusal) async throws {
        let python = try await Python.get()
        let alice = try await InteropCertificates.get().alice
        try await Ring.running { ring in
            // The second call shows that the connection outlives the refusal.
            let outcomes = try await python.call(
                ring.address,
                as: alice,
                [refusal.call, PythonCall("GetPredecessor")]
            )
            #expect(outcomes[0].code == refusal.code)
            #expect(outcomes[0].message.contains(refusal.message), "\(outcomes[0].message)")
            #expect(outcomes[1].code == "OK")
        }
    }

    @Test
    func nodeCannotNotifyInAnotherName() async throws {
        let python = try await Python.get()
        let certificates = try await InteropCertificates.get()
        try await Ring.running { ring in
            let parameters: JSONValue = [
                "ring": "interop", "hash": "sha256",
                "hash_probe": .bytes(ring.nodes[0].parameters.probe.bytes64), "width": 64,
                "id_rule": "ID_RULE_NAME", "successors": 4,
            ]
            let candidate: JSONValue = [
                "id": .bytes(ring.nodes[0].identifier(of: "n3").bytes64), "name": "n3",
                "address": "127.0.0.1:9", "incarnation": 1,
            ]
            let outcomes = try await python.call(
                ring.address,
                as: certificates.py,
                [PythonCall("Notify", ["candidate": candidate, "parameters": parameters])]
            )
            #expect(outcomes[0].code == "PERMISSION_DENIED")
            #expect(outcomes[0].message.contains("n3"), "\(outcomes[0].message)")
        }
    }

    // MARK: What the protocol calls do not show

    @Test
    func aDeadlineEndsTheCallOnBothSides() async throws {
        let python = try await Python.get()
        let certificates = try await InteropCertificates.get()
        let service = TestService()
        try await BareTransport.running(as: certificates.py) { transport in
            let address = try await transport.serve(service.router)
            let outcomes = try await python.call(
                address,
                as: certificates.alice,
                // The first call makes the connection, so that the second runs out on the server.
                [
                    PythonCall(TestMethod.echo.path),
                    PythonCall(TestMethod.wait.path, timeout: 1),
                ]
            )
            #expect(outcomes.map(\.code) == ["OK", "DEADLINE_EXCEEDED"])
            #expect(service.waits.map(\.hasDeadline) == [true])
            try await eventually("the handler hears of the end") {
                service.waits.allSatisfy(\.isCancelled)
            }
        }
    }
}

extension Identifier {
    /// The eight bytes that stand for an identifier of 64 bits on the wire.
    var bytes64: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: word3 >> UInt64(56 - 8 * $0)) }
    }
}

extension PythonOutcome.Node {
    /// Whether this is the node, all four fields of it.
    func `is`(_ node: NodeReference?) -> Bool {
        guard let node else { return false }
        return [UInt8](id) == node.id.bytes64 && name == node.name && address == node.address
            && incarnation == String(node.incarnation)
    }
}
