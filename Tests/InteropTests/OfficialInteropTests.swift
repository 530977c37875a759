// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTransport
import ChordTestSupport
import Testing

/// gRPC's own interoperability cases, with its service and its messages.
///
/// One at a time: most run a Python of their own, which costs more memory than all the rest.
@Suite("Official gRPC interop cases", .tags(.network, .slow), .serialized, .timeLimit(.minutes(5)))
struct OfficialInteropTests {
    @Test("grpcio calls us", arguments: OfficialRun.ofGRPCIO)
    func grpcioCallsUs(_ run: OfficialRun) async throws {
        let relay = RelayLog()
        let service = OfficialService(relay: run.official.needsRelay ? relay : nil)
        try await BareTransport.running(as: TestCertificates.get().py) { transport in
            let address = try await transport.serve(service.router)
            let problem = try await OfficialPython.call(run.official, at: address, relay: relay)
            #expect(problem == nil)
        }
    }

    @Test("we call grpcio", arguments: OfficialRun.all)
    func weCallGRPCIO(_ run: OfficialRun) async throws {
        try await OfficialPython.serving(run.official) { address, relay in
            try await call(run.official, at: address, relay)
        }
    }

    @Test("we call us", arguments: OfficialRun.all)
    func weCallUs(_ run: OfficialRun) async throws {
        try await BareTransport.running(as: TestCertificates.get().py) { transport in
            guard run.official.needsRelay else {
                let address = try await transport.serve(OfficialService().router)
                return try await call(run.official, at: address)
            }
            // The log is one for both sides: each takes the messages that come to it.
            let relay = RelayLog()
            let address = try await transport.serve(OfficialService(relay: relay).router)
            try await OfficialPython.relaying(to: address, for: run.official, relay) { address in
                try await call(run.official, at: address, relay)
            }
        }
    }

    @Test("we call us in process, where nothing is compressed", arguments: OfficialRun.withoutWire)
    func weCallUsInProcess(_ run: OfficialRun) async throws {
        let network = InProcessNetwork()
        let executor = BareTransport.executors.all[0]
        network.listen(
            address: "there:1",
            router: OfficialService().router,
            identity: Self.identity(PythonServer.name, .node),
            executor: executor
        )
        let client = OfficialClient(
            transport: network.transport(identity: Self.identity("alice", .client)),
            executor: executor,
            target: Self.target("there:1")
        )
        try await client.run(run.official)
    }

    // MARK: Our client

    private func call(
        _ official: OfficialCase,
        at address: String,
        _ relay: RelayLog? = nil
    ) async throws {
        try await BareTransport.running(as: TestCertificates.get().alice) { transport in
            let client = OfficialClient(
                transport: transport.client,
                executor: transport.executor,
                target: Self.target(address),
                relay: relay
            )
            try await client.run(official)
        }
    }

    private static func target(_ address: String) -> PeerTarget {
        PeerTarget(address: address, expected: ExpectedPeer(name: PythonServer.name))
    }

    private static func identity(_ name: String, _ role: Role) -> PeerIdentity {
        PeerIdentity(
            role: role,
            name: name,
            trustDomain: TestCertificates.trustDomain,
            proof: .spiffe
        )
    }

    // MARK: The messages

    /// The other cases show that right messages are read; the codec is ours, and strict.
    @Test(
        "Malformed requests are refused",
        arguments: [
            ("it ends in a number", [0x10, 0x80]),
            ("a number of more than 64 bits", [0x10] + Array(repeating: 0xff, count: 9) + [0x02]),
            ("a number of eleven bytes", [0x10] + Array(repeating: 0x80, count: 10) + [0x00]),
            ("a number of more than 32 bits", [0x10, 0x80, 0x80, 0x80, 0x80, 0x08]),
            ("a field longer than the message", [0x1a, 0x03, 0x08, 0x00]),
            ("field 0", [0x00, 0x00]),
            ("a field that is not listed", [0x20, 0x01]),
            ("a field that comes twice", [0x10, 0x01, 0x10, 0x02]),
            ("a number where bytes should be", [0x18, 0x01]),
            ("bytes where a number should be", [0x12, 0x01, 0x01]),
            ("four bytes at once", [0x15, 0x01, 0x00, 0x00, 0x00]),
            ("neither true nor false", [0x42, 0x02, 0x08, 0x02]),
            ("a text that is not UTF-8", [0x3a, 0x03, 0x12, 0x01, 0xff]),
        ] as [(String, [UInt8])]
    )
    func malformed(what: String, bytes: [UInt8]) {
        let failure = #expect(throws: Status.self) {
            try Official.SimpleRequest(decoding: bytes)
        }
        #expect(failure?.code == .invalidArgument)
    }
}
