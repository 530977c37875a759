// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport

/// A ring of n1 and n2 with a scripted store, which n2 leads, and a client of n1.
struct ScriptedRing {
    let range: ScriptedRange
    let first: NodeReference
    let second: NodeReference
    let client: ChordClient

    func lead(_ leader: NodeReference, term: UInt64) {
        range.place(on: [first, second], leader: leader, term: term)
    }

    /// Lets the client learn the range and its time.
    func warm() async throws {
        _ = try await client.store.get("warm")
        _ = range.takeCalls()
    }

    /// - Parameters:
    ///   - name: the client's certificate.
    ///   - limits: changes the limits of the store's client. Without a change an attempt never ends before its
    ///     answer, however busy the machine is.
    static func with(
        as name: String = "alice",
        _ limits: @Sendable (inout StoreClientLimits) -> Void = { _ in },
        _ body: @Sendable (ScriptedRing) async throws -> Void
    ) async throws {
        let range = ScriptedRange()
        let first = try await ChordNode(
            try await configuration("n1"),
            services: [ScriptedStore(node: "n1", range: range)]
        )
        try await running(first) {
            let second = try await ChordNode(
                try await configuration("n2", joining: [first.reference.address]),
                services: [ScriptedStore(node: "n2", range: range)]
            )
            try await running(second) {
                var configuration = ChordClientConfiguration(
                    nodes: [first.reference.address],
                    certificates: try await TestCertificates.of(name)
                )
                configuration.failureDetection = FailureDetection(allowing: .seconds(40))
                configuration.store = StoreClientLimits(allowing: .seconds(40))
                configuration.logger = silent
                limits(&configuration.store)
                let ring = ScriptedRing(
                    range: range,
                    first: first.reference,
                    second: second.reference,
                    client: try ChordClient(configuration)
                )
                ring.lead(ring.second, term: 1)
                do {
                    try await body(ring)
                    await ring.client.close()
                } catch {
                    await ring.client.close()
                    throw error
                }
            }
        }
    }
}
