// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Testing

/// A service from outside the package's modules, the one of Examples/CustomService, over TLS.
@Suite("A service of an embedder's own", .tags(.network), .timeLimit(.minutes(5)))
struct CustomServiceTests {
    private func report(of node: ChordNode, to name: String) async throws -> [Substring] {
        let client = try await client(name, of: node)
        do {
            let answer = try await client.call(RangeStatistics.report, [])
            await client.close()
            return String(decoding: answer, as: UTF8.self).split(separator: " ")
        } catch {
            await client.close()
            throw error
        }
    }

    @Test func clientsCallItAndItKnowsTheNodesRange() async throws {
        let first = try await ChordNode(
            try await configuration("n1"),
            services: [RangeStatistics()]
        )
        try await running(first) {
            #expect(try await report(of: first, to: "alice") == ["1000", "1", "alice"])
            let second = try await ChordNode(
                try await configuration("n2", joining: [first.reference.address]),
                services: [RangeStatistics()]
            )
            try await running(second) {
                try await wait(for: first) { first.predecessor == second.reference }
                let one = try await report(of: first, to: "alice").first.flatMap { Int($0) }
                let other = try await report(of: second, to: "bob").first.flatMap { Int($0) }
                let sum = try #require(one) + #require(other)
                #expect((998...1000).contains(sum))
            }
        }
    }

    @Test func callersAndLengthsAreThoseOfTheMethod() async throws {
        let node = try await ChordNode(
            try await configuration("n1"),
            services: [RangeStatistics()]
        )
        try await running(node) {
            let refused = await #expect(throws: ChordError.self) {
                try await report(of: node, to: "n2")
            }
            #expect(refused?.code == .refused)
            let client = try await client("alice", of: node)
            let tooLong = await #expect(throws: ChordError.self) {
                try await client.call(RangeStatistics.report, [UInt8](repeating: 0, count: 17))
            }
            #expect((tooLong?.cause as? Status)?.code == .resourceExhausted)
            await client.close()
        }
    }

    @Test func serviceThatNamesAMethodOfTheNodeIsRefused() async throws {
        struct Impostor: NodeService {
            var methods: [ServiceMethod] {
                let method = RPCMethod(
                    service: "chord.v1.ChordService",
                    name: "Notify",
                    callers: .everybody
                )
                return [ServiceMethod(method) { request, _ in request }]
            }
        }
        let configuration = try await configuration("n1")
        let error = await #expect(throws: ChordError.self) {
            try await ChordNode(configuration, services: [Impostor()])
        }
        #expect(error?.code == .invalidConfiguration)
    }
}
