// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordIdentity
import ChordRPC
import Foundation
import ChordTestSupport
import Testing

/// Our clients against a server of grpcio.
///
/// One at a time: each runs its own Python, which needs more memory than the rest.
@Suite("We call a grpcio server", .tags(.network), .serialized, .timeLimit(.minutes(5)))
struct WeCallGRPCIOTests {
    // MARK: Looking up

    @Test
    func lookupInARingOfAnotherImplementation() async throws {
        try await PythonServer.running { server in
            try await withClient(of: server.address) { client in
                let parameters = try await client.parameters()
                #expect(parameters.ring == "written in python")
                #expect(parameters.space.width == 64)
                let hash = try #require(HashFunction.named(parameters.hash))
                let order = PythonServer.members
                    .map { (name: $0, id: hash.identifier(of: $0, in: parameters.space)) }
                    .sorted { $0.id < $1.id }
                for key in (0..<12).map({ "key \($0)" }) {
                    let id = hash.identifier(of: key, in: parameters.space)
                    let index = order.firstIndex { $0.id >= id } ?? 0
                    let following = (1...4).map { order[(index + $0) % order.count].name }
                    let found = try await client.lookup(key: key, wantsPath: true)
                    #expect(found.id == id)
                    #expect(found.owner.name == order[index].name)
                    #expect(found.owner.id == order[index].id)
                    #expect(found.owner.address == server.address)
                    #expect(found.owner.incarnation == 7)
                    #expect(found.successors.map(\.name) == following)
                    #expect(found.answering.name == PythonServer.name)
                }
            }
        }
    }

    // MARK: Answers

    /// Messages from nothing to more than a window and a frame hold.
    @Test(arguments: [0, 1, 16_384, 65_536, 1 << 20])
    func aMessageComesBackWithItsMetadata(bytes: Int) async throws {
        let alice = try await TestCertificates.get().alice
        let message = filler(bytes)
        let entries = [
            Metadata.Entry(name: "echo-bin", value: [0, 255, 44, 10]),
            Metadata.Entry(name: "echo-bin", value: [7]),
            Metadata.Entry(name: "echo-text", value: Array("plain text".utf8)),
        ]
        try await PythonServer.running { server in
            try await BareTransport.running(as: alice) { transport in
                let outcome = await transport.call(
                    TestMethod.echo,
                    message,
                    at: server.address,
                    metadata: Metadata(entries)
                )
                #expect(outcome.result.status == .ok)
                #expect(outcome.result.message == message)
                #expect(outcome.result.peer?.name == PythonServer.name)
                for name in ["echo-bin", "echo-text"] {
                    let sent = entries.filter { $0.name == name }
                    #expect(outcome.headers?.entries.filter { $0.name == name } == sent)
                    #expect(outcome.result.trailers.entries.filter { $0.name == name } == sent)
                }
            }
        }
    }

    // MARK: Failures

    @Test
    func aMethodThatTheServerLacksIsUnimplemented() async throws {
        try await PythonServer.running { server in
            try await BareTransport.running(as: TestCertificates.get().alice) { transport in
                let outcome = await transport.call(
                    RPCMethod(calling: "Notify", of: "chord.v1.ChordService"),
                    at: server.address
                )
                #expect(outcome.result.status.code == .unimplemented)
                #expect(outcome.result.status.origin == .peer)
            }
        }
    }

    @Test
    func aDeadlineEndsTheCallOnBothSides() async throws {
        let alice = try await TestCertificates.get().alice
        try await PythonServer.running { server in
            try await BareTransport.running(as: alice) { transport in
                // The connection is there first, so that the deadline runs on the server.
                let first = await transport.call(TestMethod.echo, [1], at: server.address)
                try #require(first.result.status == .ok)
                let outcome = await transport.call(
                    TestMethod.wait,
                    at: server.address,
                    within: .seconds(5)
                )
                // Both sides have the deadline; either can report it first.
                #expect(outcome.result.status.code == .deadlineExceeded)
                let lines = try await server.process.wait(for: "what its handler saw") { output in
                    output.lines.contains("cancelled") ? output.lines : nil
                }
                #expect(lines.dropFirst() == ["called", "cancelled"])
                let last = await transport.call(TestMethod.echo, [2], at: server.address)
                #expect(last.result.message == [2])
            }
        }
    }

    @Test
    func wrongNodeIsNotCalled() async throws {
        let alice = try await TestCertificates.get().alice
        try await PythonServer.running { server in
            try await BareTransport.running(as: alice) { transport in
                let outcome = await transport.call(
                    TestMethod.echo,
                    at: server.address,
                    expecting: ExpectedPeer(name: "n1")
                )
                #expect(outcome.result.status.code == .unavailable)
                #expect(outcome.result.status.origin == .transport)
                #expect(outcome.result.status.message.contains("names node py, expected n1"))
            }
        }
    }
}
