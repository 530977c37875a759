// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordTestSupport
import Foundation
import Testing

/// grpcio and our transport, both ways round, over every status, size and kind of metadata.
///
/// Each test makes all its calls from one Python: starting one costs more than a hundred calls.
@Suite("grpcio: statuses, sizes, metadata", .tags(.network), .serialized, .timeLimit(.minutes(5)))
struct GRPCIOMatrixTests {
    /// Runs the test service, and calls it by grpcio.
    private static func outcomes(
        _ calls: [PythonCall],
        of service: TestService = TestService()
    ) async throws -> [PythonOutcome] {
        let certificates = try await TestCertificates.get()
        return try await BareTransport.running(as: certificates.py) { transport in
            let address = try await transport.serve(service.router)
            return try await Python.get().call(address, as: certificates.alice, calls)
        }
    }

    // MARK: Statuses

    static let orders = (1...16).flatMap { code in
        [false, true].flatMap { headers in
            ["", awkwardMessage, String(repeating: "ä", count: 500)].map {
                TestService.FailOrder(code: code, message: $0, headers: headers)
            }
        }
    }

    @Test
    func everyStatusReachesGRPCIO() async throws {
        let calls = try Self.orders.map {
            PythonCall(TestMethod.fail.path, bytes: try JSONEncoder().encode($0))
        }
        let outcomes = try await Self.outcomes(calls)
        for (order, outcome) in zip(Self.orders, outcomes) {
            let code = StatusCode(wire: order.code)
            #expect(outcome.code == code.description, "\(order)")
            #expect(outcome.message == order.message, "\(order)")
            #expect(outcome.trailers.contains(["reason-bin", "AP8="]), "\(order)")
        }
    }

    @Test
    func everyStatusOfGRPCIOReachesUs() async throws {
        let alice = try await TestCertificates.get().alice
        try await PythonServer.running { server in
            try await BareTransport.running(as: alice) { transport in
                for order in Self.orders {
                    let outcome = await transport.call(
                        TestMethod.fail,
                        Array(try JSONEncoder().encode(order)),
                        at: server.address
                    )
                    let status = Status(StatusCode(wire: order.code), order.message)
                    #expect(outcome.result.status == status, "\(order)")
                    #expect(outcome.result.trailers["reason-bin"] == [0, 255], "\(order)")
                    #expect((outcome.headers != nil) == order.headers, "\(order)")
                }
            }
        }
    }

    // MARK: Deadlines

    @Test
    func deadlineOfAMillisecondWorks() async throws {
        let service = TestService()
        let outcomes = try await Self.outcomes(
            [PythonCall(TestMethod.echo.path)]
                + Array(repeating: PythonCall(TestMethod.wait.path, timeout: 0.001), count: 20)
                + Array(repeating: PythonCall(TestMethod.echo.path, timeout: 0.001), count: 20)
                + [PythonCall(TestMethod.echo.path)],
            of: service
        )
        #expect(outcomes[1...20].allSatisfy { $0.code == "DEADLINE_EXCEEDED" })
        #expect(outcomes[21...40].allSatisfy { ["OK", "DEADLINE_EXCEEDED"].contains($0.code) })
        #expect(outcomes.first?.code == "OK")
        #expect(outcomes.last?.code == "OK")
    }

    @Test
    func deadlineOfAMillisecondWorksWithGRPCIO() async throws {
        let alice = try await TestCertificates.get().alice
        try await PythonServer.running { server in
            try await BareTransport.running(as: alice) { transport in
                for _ in 0..<20 {
                    let outcome = await transport.call(
                        TestMethod.wait,
                        at: server.address,
                        within: .milliseconds(1)
                    )
                    #expect(outcome.result.status.code == .deadlineExceeded)
                }
                let last = await transport.call(TestMethod.echo, [1], at: server.address)
                #expect(last.result.message == [1])
            }
        }
    }

    // MARK: Messages

    /// From nothing to the limit, over frames' and windows' ends.
    static let sizes = [0, 1, 16_379, 16_384, 65_535, 1 << 20, 4 << 20]
    static let tooMuch = (4 << 20) + 1

    @Test
    func messagesOfEverySizeComeBackToGRPCIO() async throws {
        let sizes = Self.sizes + [Self.tooMuch, 0]
        let outcomes = try await Self.outcomes(
            sizes.map { PythonCall(TestMethod.echo.path, size: $0) }
        )
        for (size, outcome) in zip(sizes, outcomes) {
            if size == Self.tooMuch {
                #expect(outcome.code == "RESOURCE_EXHAUSTED")
                #expect(outcome.message.contains("\(size)"), "\(outcome.message)")
            } else {
                #expect(outcome.code == "OK", "\(size): \(outcome.message)")
                #expect(outcome.bytes == Data(filler(size)), "\(size)")
            }
        }
    }

    @Test
    func messagesOfEverySizeComeBackFromGRPCIO() async throws {
        let alice = try await TestCertificates.get().alice
        try await PythonServer.running { server in
            try await BareTransport.running(as: alice) { transport in
                for size in Self.sizes + [Self.tooMuch, 0] {
                    let message = filler(size)
                    let outcome = await transport.call(
                        TestMethod.echo,
                        message,
                        at: server.address
                    )
                    if size == Self.tooMuch {
                        #expect(outcome.result.status.code == .resourceExhausted)
                    } else {
                        #expect(outcome.result.status == .ok, "\(size)")
                        #expect(outcome.result.message == message, "\(size)")
                    }
                }
            }
        }
    }

    // MARK: Metadata

    @Test
    func metadataOfEveryKindComesBack() async throws {
        let all = Data((0...255).map { UInt8($0) })
        let bytes = [Data(), Data([0]), Data([0, 255]), Data("abc".utf8), all]
        let printable = String(decoding: (0x21...0x7e).map { UInt8($0) }, as: UTF8.self)
        let texts = ["", "plain", "inner  blanks", printable, String(repeating: "v", count: 7_000)]
        let calls =
            bytes.map { PythonCall(TestMethod.echo.path, metadata: [Self.entry("echo-bin", $0)]) }
            + texts.map {
                PythonCall(
                    TestMethod.echo.path,
                    metadata: [Self.entry("echo-text", Data($0.utf8))]
                )
            }
            + [
                PythonCall(
                    TestMethod.echo.path,
                    metadata: bytes.map { Self.entry("echo-many-bin", $0) }
                        + texts.dropLast().map { Self.entry("echo-many", Data($0.utf8)) }
                )
            ]
        let outcomes = try await Self.outcomes(calls)
        for (call, outcome) in zip(calls, outcomes) {
            #expect(outcome.code == "OK", "\(outcome.message)")
            #expect(outcome.trailers == call.metadata)
        }
    }

    @Test
    func oversizedMetadataIsRefusedAndTheConnectionStays() async throws {
        let much = Self.entry("echo-text", Data(String(repeating: "v", count: 20_000).utf8))
        let outcomes = try await Self.outcomes([
            PythonCall(TestMethod.echo.path),
            PythonCall(TestMethod.echo.path, metadata: [much]),
            PythonCall(TestMethod.echo.path),
        ])
        #expect(outcomes.map(\.code) == ["OK", "RESOURCE_EXHAUSTED", "OK"])
    }

    private static func entry(_ name: String, _ value: Data) -> [String] {
        [name, value.base64EncodedString()]
    }

    // MARK: Malformed calls

    @Test
    func methodMissingAtTheServerIsUnimplemented() async throws {
        let outcomes = try await Self.outcomes(
            ["/interop.Test/Nothing", "/nothing.Here/Echo", "/a", "/"].map { PythonCall($0) }
        )
        #expect(outcomes.allSatisfy { $0.code == "UNIMPLEMENTED" })
    }
}
