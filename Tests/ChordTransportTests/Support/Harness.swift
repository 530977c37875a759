// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import ChordIdentity
import ChordRPC
import NIOPosix
import Testing

@testable import ChordTransport

/// Transports over which the same suite runs, because calls must behave the same.
enum TransportKind: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case inProcess
    case network
    /// Called from an executor that is on none of the client's loops.
    case networkFromElsewhere

    var testDescription: String { rawValue }

    /// Serves `router` as node `n1` and calls it as client `alice`.
    func run<R: Sendable>(
        _ router: Router,
        _ body: @Sendable (TestedTransport) async throws -> R
    ) async throws -> R {
        let caller = testExecutors.all[0]
        switch self {
        case .inProcess:
            let network = InProcessNetwork()
            network.listen(
                address: "there:1",
                router: router,
                identity: .testNode("n1"),
                executor: testExecutors.all[1]
            )
            return try await body(
                TestedTransport(
                    transport: network.transport(identity: .testClient("alice")),
                    address: "there:1",
                    executor: caller
                )
            )
        case .network, .networkFromElsewhere:
            let certificates = try await Certificates.get()
            let executors = self == .network ? testExecutors : elsewhereExecutors
            return try await TestNode.serving(router, as: certificates.n1) { _, address in
                try await TestNode.calling(as: certificates.alice, executors: executors) { client in
                    try await body(
                        TestedTransport(transport: client, address: address, executor: caller)
                    )
                }
            }
        }
    }
}

/// Event loops without callers of the tests.
let elsewhereExecutors = EventLoopExecutors(
    group: MultiThreadedEventLoopGroup(numberOfThreads: 1)
)

/// A transport with a node to call over it.
struct TestedTransport: Sendable {
    let transport: any ClientTransport
    let address: String
    let executor: EventLoopExecutor

    func call(
        _ method: RPCMethod,
        _ message: [UInt8] = [],
        within time: Duration = .seconds(20),
        metadata: Metadata = [],
        expecting expected: ExpectedPeer = ExpectedPeer(name: "n1")
    ) async -> ClientResult {
        await transport.call(
            method,
            message,
            at: address,
            expecting: expected,
            within: time,
            metadata: metadata,
            on: executor
        )
    }

    /// Opens a stream; without a time it has no deadline.
    func open(
        _ method: RPCMethod,
        within time: Duration? = .seconds(20),
        metadata: Metadata = [],
        expecting expected: ExpectedPeer = ExpectedPeer(name: "n1")
    ) -> ClientStream {
        transport.openStream(
            ClientStreamCall(
                target: PeerTarget(address: address, expected: expected),
                method: method,
                deadline: time.map { executor.now + $0 },
                metadata: metadata
            ),
            on: executor
        )
    }

    func observe(
        _ method: RPCMethod,
        _ message: [UInt8] = [],
        within time: Duration = .seconds(20)
    ) async -> (RecordingObserver, any ClientCallHandle) {
        await transport.observe(method, message, at: address, within: time, on: executor)
    }
}

extension PeerIdentity {
    static func testNode(_ name: String) -> PeerIdentity {
        PeerIdentity(role: .node, name: name, trustDomain: "chord.test", proof: .spiffe)
    }

    static func testClient(_ name: String) -> PeerIdentity {
        PeerIdentity(role: .client, name: name, trustDomain: "chord.test", proof: .spiffe)
    }
}
