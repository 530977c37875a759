// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordHash
import ChordRPC
import ChordTLS
import ChordTransport
import ChordWire
import Logging
import NIOPosix
import ChordTestSupport
import Testing

@testable import Chord
@testable import ChordRuntime

/// A member with its own certificate that answers every lookup with one owner.
private final class LyingNode: Sendable {
    private let server: GRPCServer
    private static let parameters = RingParameters(
        ring: "chord",
        hash: "sha256",
        probe: HashFunction.sha256.identifier(of: RingParameters.probeText, in: .standard),
        space: .standard,
        rule: .name,
        successorCount: 4
    )

    private init(_ certificates: Certificates) throws {
        server = GRPCServer(
            tls: TLSContextSource(try certificates.load()),
            executors: EventLoopExecutors(group: MultiThreadedEventLoopGroup.singleton),
            configuration: TransportConfiguration(),
            log: TransportLog(
                logger: Logger(label: "liar") { _ in SwiftLogNoOpLogHandler() },
                failuresPerSecond: 10
            ),
            metrics: ChordTransportMetrics()
        )
    }

    static func reference(_ name: String, _ address: String) -> NodeReference {
        NodeReference(
            id: HashFunction.sha256.identifier(of: name, in: .standard),
            name: name,
            address: address,
            incarnation: 1
        )
    }

    /// Runs a liar of the name n2 for the time of `body`, which gets its address.
    ///
    /// - Parameter isListed: whether its list names the owner, too; otherwise it says that it is alone.
    static func naming<R: Sendable>(
        _ owner: NodeReference,
        isListed: Bool = false,
        _ body: (String) async throws -> R
    ) async throws -> R {
        let directory = try await TestCertificates.directory()
        let node = try LyingNode(Certificates(directory: directory, name: "n2"))
        try await node.server.bind(host: "127.0.0.1", port: 0)
        let address = node.server.localAddresses[0].description
        let liar = reference("n2", address)
        var router = Router()
        router.register(ChordMethods.getSuccessorList) { _, call in
            let other = isListed ? owner : liar
            let state = RingState(node: liar, predecessor: other, successors: [other])
            GetSuccessorListReply(state: state, parameters: parameters)
                .encode(appendingTo: &call.reply, space: .standard)
            return .replied
        }
        router.register(ChordMethods.findSuccessor) { _, call in
            FindSuccessorReply(owner: owner, answering: liar)
                .encode(appendingTo: &call.reply, space: .standard)
            return .replied
        }
        try await node.server.serve(router)
        do {
            let result = try await body(address)
            await node.server.shutdown(grace: .zero)
            return result
        } catch {
            await node.server.shutdown(grace: .zero)
            throw error
        }
    }
}

@Suite("chord lookup at a node that lies", .tags(.network), .timeLimit(.minutes(5)))
struct LyingNodeTests {
    private func lookup(_ arguments: String..., at nodes: [String]) async throws
        -> ChordProcess.Outcome
    {
        try await ChordProcess.run(
            ["lookup", "apple", "--certs-dir", try await TestCertificates.directory()]
                + ["--as", "client-demo"] + nodes.flatMap { ["--node", $0] } + arguments
        )
    }

    @Test("An owner at a wrong identifier is refused by name, and nothing is printed")
    func misplaced() async throws {
        var ghost = LyingNode.reference("ghost", "10.9.9.9:1")
        ghost.id = Identifier(1)
        let outcome = try await LyingNode.naming(ghost) { try await lookup(at: [$0]) }
        #expect(outcome.code == 1)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.contains("n2 at 127.0.0.1:"), "\(outcome.errors)")
        #expect(outcome.errors.contains("ghost@10.9.9.9:1"), "\(outcome.errors)")
        #expect(outcome.errors.contains("--node"), "\(outcome.errors)")
    }

    @Test("Another node is asked instead")
    func another() async throws {
        var ghost = LyingNode.reference("ghost", "10.9.9.9:1")
        ghost.id = Identifier(1)
        try await ProcessRing.running(1) { ring in
            let honest = try #require(ring.nodes["n1"]).address
            let outcome = try await LyingNode.naming(ghost) {
                try await lookup("--json", at: [$0, honest])
            }
            #expect(outcome.code == 0, "\(outcome.errors)")
            let owner = try outcome.object()["owner"] as? [String: Any]
            #expect(owner?["name"] as? String == "n1")
        }
    }

    /// A node that does not exist, in the place of the owner of the key. Nobody lives at its address: the
    /// port is refused at once.
    private func inventedOwner() throws -> NodeReference {
        let key = HashFunction.sha256.identifier(of: "apple", in: .standard)
        let liar = HashFunction.sha256.identifier(of: "n2", in: .standard)
        return try #require(
            (0..<10_000).lazy.map { LyingNode.reference("ghost\($0)", "127.0.0.1:1") }
                .first { $0.id.isBetween(key, and: liar) }
        )
    }

    @Test("An invented owner at its place is accepted without --verify and refused with it")
    func invented() async throws {
        let ghost = try inventedOwner()
        let outcomes = try await LyingNode.naming(ghost, isListed: true) { address in
            (
                plain: try await lookup(at: [address]),
                verified: try await lookup("--verify", at: [address])
            )
        }
        #expect(outcomes.verified.code == 1)
        #expect(outcomes.verified.output.isEmpty)
        #expect(outcomes.verified.errors.contains("confirmed"), "\(outcomes.verified.errors)")
        // Nothing that a client knows contradicts it; docs/threat-model.md says so.
        #expect(outcomes.plain.code == 0)
        #expect(outcomes.plain.output.contains(ghost.name), "\(outcomes.plain.output)")
    }

    @Test("An invented owner is refuted by the owner in the liar's own list")
    func contradicted() async throws {
        let ghost = try inventedOwner()
        let outcome = try await LyingNode.naming(ghost) { address in
            try await lookup("--verify", "--json", at: [address])
        }
        // It claims to be alone, and a ring of one has one owner.
        #expect(outcome.code == 0, "\(outcome.errors)")
        let object = try outcome.object()
        #expect((object["owner"] as? [String: Any])?["name"] as? String == "n2")
        let verified = try #require(object["verified"] as? [String: Any])
        let refuted = try #require(verified["refuted"] as? [[String: Any]])
        #expect(refuted.map { $0["name"] as? String } == [ghost.name])
        #expect(verified["agreeing"] as? Int == 0)
    }
}
