// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTestSupport
import Foundation
import Testing

/// Streams of messages between grpcio and us, each way.
///
/// One at a time: each runs its own Python, which needs more memory than the rest.
@Suite("Streams with grpcio", .tags(.network), .serialized, .timeLimit(.minutes(5)))
struct StreamInteropTests {
    private static let text = Array(String(repeating: "all alike, ", count: 1000).utf8)
    private static let blob = [UInt8]([0, 255, 44, 10])

    // MARK: grpcio calls us

    private func outcomes(
        _ calls: [PythonStreamCall],
        _ check: (StreamService) async throws -> Void = { _ in }
    ) async throws -> [PythonStreamOutcome] {
        let python = try await Python.get()
        let certificates = try await TestCertificates.get()
        let service = StreamService()
        var router = Router()
        service.register(in: &router)
        return try await BareTransport.running(as: certificates.py) { [router] transport in
            let address = try await transport.serve(router)
            let outcomes = try await python.stream(address, as: certificates.alice, calls)
            try await check(service)
            return outcomes
        }
    }

    @Test
    func grpcioStreamsEachWay() async throws {
        let large = filler(1 << 20)
        let outcomes = try await outcomes([
            .init(StreamService.produce.path, .server, [Array("200 1000".utf8)]),
            .init(StreamService.produce.path, .server, [Array("0 0".utf8)]),
            .init(StreamService.sum.path, .client, (0..<100).map { _ in filler(10_000) }),
            .init(StreamService.sum.path, .client, []),
            .init(StreamService.echo.path, .both, [[1], [], large, [2]])
                .with { $0.alternates = true },
            .init(StreamService.echo.path, .both, (0..<50).map { [$0] }),
            .init(StreamService.echo.path, .both, []),
        ])
        #expect(outcomes.map(\.code) == outcomes.map { _ in "OK" })
        #expect(
            outcomes[0].responses
                == (0..<200).map { Data(repeating: UInt8($0), count: 1000) }
        )
        #expect(outcomes[1].responses == [])
        #expect(outcomes[2].responses == [Data("100 1000000".utf8)])
        #expect(outcomes[3].responses == [Data("0 0".utf8)])
        #expect(outcomes[4].responses == [Data([1]), Data(), Data(large), Data([2])])
        #expect(outcomes[5].responses == (0..<50).map { Data([$0]) })
        #expect(outcomes[6].responses == [])
    }

    @Test
    func grpcioSendsAndReadsMetadata() async throws {
        let entries = [
            ["x-echo-initial", Data("ahead".utf8).base64EncodedString()],
            ["x-echo-trailing-bin", Data(Self.blob).base64EncodedString()],
        ]
        let outcomes = try await outcomes([
            .init(StreamService.echo.path, .both, [[1]]).with { $0.metadata = entries },
            .init(StreamService.fail.path, .server, [Array("9 \(awkwardMessage)".utf8)])
                .with { $0.metadata = [entries[1]] },
        ])
        #expect(outcomes[0].code == "OK")
        #expect(outcomes[0].headers.contains(entries[0]))
        #expect(outcomes[0].trailers == [entries[1]])
        #expect(outcomes[1].code == "FAILED_PRECONDITION")
        #expect(outcomes[1].message == awkwardMessage)
        #expect(outcomes[1].trailers == [entries[1]])
    }

    @Test
    func grpcioCancelsAndRunsOutOfTime() async throws {
        let outcomes = try await outcomes([
            .init(StreamService.echo.path, .both, [[1]]),
            .init(StreamService.hold.path, .both, []).with { $0.cancels = .begin },
            .init(StreamService.hold.path, .both, [[1]]).with { $0.cancels = .first },
            .init(StreamService.hold.path, .both, [[1]]).with { $0.timeout = 5 },
            .init(StreamService.echo.path, .both, [[2]]),
        ]) { service in
            // A call that is cancelled at once may never have left grpcio.
            try await service.until {
                $0.failures.count == $0.started - 2 && $0.failures.count >= 2
            }
        }
        #expect(
            outcomes.map(\.code)
                == ["OK", "CANCELLED", "CANCELLED", "DEADLINE_EXCEEDED", "OK"]
        )
        #expect(outcomes[2].responses == [Data([1])])
        #expect(outcomes[3].responses == [Data([1])])
    }

    @Test
    func grpcioCompresses() async throws {
        let asks = [["x-compress", Data("gzip".utf8).base64EncodedString()]]
        let outcomes = try await outcomes([
            .init(StreamService.echo.path, .both, [Self.text, [1], Self.text])
                .with {
                    $0.compresses = true
                    $0.metadata = asks
                },
            .init(StreamService.sum.path, .client, [Self.text]).with { $0.compresses = true },
            .init(StreamService.produce.path, .server, [Array("5 10000".utf8)])
                .with { $0.metadata = asks },
        ])
        #expect(outcomes.map(\.code) == ["OK", "OK", "OK"])
        #expect(outcomes[0].responses == [Data(Self.text), Data([1]), Data(Self.text)])
        #expect(outcomes[1].responses == [Data("1 \(Self.text.count)".utf8)])
        #expect(outcomes[2].responses.map(\.count) == [10_000, 10_000, 10_000, 10_000, 10_000])
    }

    // MARK: We call grpcio

    private func calling(
        _ body: (BareTransport, PythonServer) async throws -> Void
    ) async throws {
        let alice = try await TestCertificates.get().alice
        try await PythonServer.running { server in
            try await BareTransport.running(as: alice) { try await body($0, server) }
        }
    }

    @Test
    func weStreamEachWay() async throws {
        try await calling { transport, server in
            let produced = transport.open(StreamService.produce, at: server.address)
            try await produced.send(Array("200 10000".utf8))
            produced.finishSending()
            var count = 0
            for try await message in produced.responses {
                #expect(message.elementsEqual(repeatElement(UInt8(count), count: 10_000)))
                count += 1
            }
            #expect(count == 200)

            let sum = transport.open(StreamService.sum, at: server.address)
            for _ in 0..<100 { try await sum.send(filler(10_000)) }
            sum.finishSending()
            #expect(try await sum.onlyResponse() == Array("100 1000000".utf8))

            let echo = transport.open(StreamService.echo, at: server.address)
            for message in [[1], [], filler(1 << 20), [2]] {
                try await echo.send(message)
                #expect(try await echo.nextMessage()?.elementsEqual(message) == true)
            }
            echo.finishSending()
            #expect(try await echo.nextMessage() == nil)
            #expect(await echo.status() == .ok)

            let empty = transport.open(StreamService.echo, at: server.address, within: nil)
            empty.finishSending()
            #expect(try await empty.nextMessage() == nil)
        }
    }

    @Test
    func weSendAndReadMetadata() async throws {
        let metadata: Metadata = [
            .init(name: "x-echo-initial", value: Array("ahead".utf8)),
            .init(name: "x-echo-trailing-bin", value: Self.blob),
        ]
        try await calling { transport, server in
            let echo = transport.open(
                StreamService.echo,
                at: server.address,
                metadata: metadata
            )
            let initial = try await echo.initialMetadata()
            #expect(initial["x-echo-initial"] == Array("ahead".utf8))
            echo.finishSending()
            #expect(await echo.trailers()["x-echo-trailing-bin"] == Self.blob)

            let fail = transport.open(
                StreamService.fail,
                at: server.address,
                metadata: [metadata.entries[1]]
            )
            try await fail.send(Array("9 \(awkwardMessage)".utf8))
            fail.finishSending()
            let result = await fail.result()
            #expect(result.status == Status(.failedPrecondition, awkwardMessage))
            #expect(result.trailers["x-echo-trailing-bin"] == Self.blob)
        }
    }

    @Test
    func weCancelAndRunOutOfTime() async throws {
        try await calling { transport, server in
            for time in [nil, Duration.seconds(5)] {
                // The connection is there first, so that the deadline runs on the server.
                let first = transport.open(StreamService.echo, at: server.address)
                first.finishSending()
                #expect(await first.status() == .ok)

                let held = transport.open(StreamService.hold, at: server.address, within: time)
                try await held.send([1])
                #expect(try await held.nextMessage() == [1])
                if time == nil { held.cancel() }
                let status = await held.status()
                #expect(status.code == (time == nil ? .cancelled : .deadlineExceeded))
            }
            let early = transport.open(StreamService.hold, at: server.address)
            early.cancel()
            #expect(await early.status().code == .cancelled)
            try await server.process.wait(for: "what its handlers saw") { output in
                output.lines.count { $0 == "cancelled" } == 2 ? () : nil
            }
        }
    }

    @Test
    func weCompress() async throws {
        try await calling { transport, server in
            for asks in [false, true] {
                let echo = transport.open(
                    StreamService.echo,
                    at: server.address,
                    metadata: asks ? [.init(name: "x-compress", value: Array("gzip".utf8))] : [],
                    compression: .gzip
                )
                for message in [Self.text, [1], [], Self.text] {
                    try await echo.send(message)
                    #expect(try await echo.nextMessage() == message)
                }
                echo.finishSending()
                #expect(await echo.status() == .ok)
            }
        }
    }
}
