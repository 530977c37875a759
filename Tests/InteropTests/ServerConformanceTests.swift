// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTestSupport
import ChordTransport
import Testing

/// Hand-made frames, right ones and wrong ones, against our server: RFC 9113, RFC 7541, and gRPC over
/// HTTP/2. The cases are in Tests/Interop/conformance; docs/conformance.md lists them.
@Suite("Conformance of our server", .tags(.network, .slow), .serialized, .timeLimit(.minutes(5)))
struct ServerConformanceTests {
    /// The beginnings of the cases' numbers, and how many cases there are at least: a suite that got
    /// lost must not count as passed.
    static let suites = [
        ("http2/", 150), ("hpack/", 25), ("grpc/", 60), ("grpc-stream/", 5), ("grpc-gzip/", 30),
    ]

    @Test(arguments: suites)
    func nodePassesAllCases(suite: String, atLeast count: Int) async throws {
        try await Ring.running { ring in
            let results = try await ConformanceResult.all(
                of: "conformance/against_server.py",
                arguments: ["--address", ring.address, "--health", "--only", suite]
            )
            #expect(results.count >= count)
            for result in results { result.recordProblem() }
            try await ring.servesAGoodClient()
        }
    }

    @Test
    func messagesOfEverySizeComeBack() async throws {
        let certificates = try await TestCertificates.get()
        try await BareTransport.running(as: certificates.py) { transport in
            let address = try await transport.serve(TestService().router)
            let results = try await ConformanceResult.all(
                of: "conformance/against_server.py",
                arguments: [
                    "--address", address, "--path", TestMethod.echo.path, "--echoes",
                    "--only", "grpc/",
                ]
            )
            #expect(results.contains { $0.case == "grpc/echo/1" })
            for result in results { result.recordProblem() }
        }
    }

    @Test(arguments: [("grpc-stream/", 55), ("grpc-gzip/", 90)])
    func streamsAndCompressionPassAllCases(
        suite: String,
        atLeast count: Int
    ) async throws {
        let certificates = try await TestCertificates.get()
        var configuration = TransportConfiguration()
        configuration.server.compressesAnswers = true
        try await BareTransport.running(as: certificates.py, configuration: configuration) {
            transport in
            let streams = StreamService()
            var router = TestService().router
            streams.register(in: &router)
            let address = try await transport.serve(router)
            let results = try await ConformanceResult.all(
                of: "conformance/against_server.py",
                arguments: [
                    "--address", address, "--path", TestMethod.echo.path, "--echoes", "--streams",
                    "--compresses", "--only", suite,
                ]
            )
            #expect(results.count >= count)
            for result in results { result.recordProblem() }
            // However its call ended, a handler must not be left behind.
            try await streams.until { $0.started == $0.ended }
        }
    }

    /// Tools that cannot show a certificate reach a node through the forwarder.
    @Test
    func forwarderAdmitsOtherTools() async throws {
        let python = try await Python.get()
        let certificates = try await TestCertificates.get()
        try await Ring.running { ring in
            let arguments = [
                "--to", ring.address, "--roots", certificates.authority.certificate,
                "--certificate", certificates.alice.certificate, "--key", certificates.alice.key,
            ]
            try await python.running("conformance/tls_forwarder.py", arguments: arguments) {
                forwarder in
                let address = try await forwarder.wait(for: "its address") { output in
                    output.text.contains("\n")
                        ? output.lines.first?.split(separator: " ").last.map(String.init) : nil
                }
                let results = try await ConformanceResult.all(
                    of: "conformance/against_server.py",
                    arguments: ["--plain", "--address", address, "--only", "http2/5."]
                )
                #expect(results.count >= 20)
                for result in results { result.recordProblem() }
            }
        }
    }
}
