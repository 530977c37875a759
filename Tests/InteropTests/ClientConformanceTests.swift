// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordTestSupport
import Foundation
import Testing

/// Servers that break the rules, frame by frame, against our client: a call must end in time, with the
/// right status and a reason, and the server must be told as RFC 9113 asks.
@Suite("Conformance of our client", .tags(.network, .slow), .serialized, .timeLimit(.minutes(5)))
struct ClientConformanceTests {
    /// A server that misbehaves in one way.
    struct Offer: Decodable, Sendable {
        var `case`: String
        var says: String
        var address: String
        /// The allowed statuses at the caller.
        var status: [String]
        /// What the reason must contain.
        var told: String?
        var seconds: Int
        /// Whether to call with a stream; whether the stream ends.
        var stream: Bool
        var ends: Bool
        /// Whether to ask for compression.
        var gzip: Bool
        /// The sizes of the messages to send.
        var sends: [Int]
        /// The messages that the caller gets, where the case is about them.
        var messages: [Data]?
    }

    /// Runs the servers for the time of `body`.
    private static func offering<R: Sendable>(
        _ body: ([Offer], ChildProcess) async throws -> R
    ) async throws -> R {
        let certificates = try await TestCertificates.get()
        let arguments = [
            "--roots", certificates.authority.certificate, "--certificate",
            certificates.py.certificate,
            "--key", certificates.py.key,
        ]
        return try await Python.get().running(
            "conformance/against_client.py",
            arguments: arguments
        ) { process in
            let offers = try await process.wait(for: "its cases") { output in
                try? JSONDecoder().decode([Offer].self, from: Self.lines(of: output)[0])
            }
            // Servers that got lost must not count as passed.
            #expect(offers.count >= 260)
            return try await body(offers, process)
        }
    }

    @Test
    func everyCallEndsWithTheExpectedStatus() async throws {
        let certificates = try await TestCertificates.get()
        try await Self.offering { offers, process in
            try await BareTransport.running(as: certificates.alice) { transport in
                await withTaskGroup(of: Void.self) { group in
                    for (index, offer) in offers.enumerated() {
                        // All handshakes at once would make each other late.
                        if index >= 24 { await group.next() }
                        group.addTask { await Self.call(offer, over: transport) }
                    }
                }
                // The servers' observations, while the connections are open.
                let seen = try await process.wait(for: "what its servers saw") { output in
                    let results = Self.lines(of: output).dropFirst().compactMap {
                        try? JSONDecoder().decode(ConformanceResult.self, from: $0)
                    }
                    return Set(results.map(\.case)).count == offers.count ? results : nil
                }
                for result in seen { result.recordProblem() }
            }
        }
    }

    /// For every answer of a node the command reports the error in one line, and exits.
    @Test
    func commandReportsTheErrorAndExits() async throws {
        let certificates = try await TestCertificates.get()
        let folder = try certificates.folderOfCommand()
        try await Self.offering { offers, _ in
            // Some of each kind of error, because each needs a process.
            let plain = offers.filter { !$0.stream && !$0.gzip }
            for offer in plain.enumerated().filter({ $0.offset % 9 == 0 }).map(\.element) {
                let arguments = [
                    "lookup", "a key", "--node", offer.address, "--certs-dir", folder,
                    "--as", "client-alice",
                ]
                try await ChildProcess.running(chordCommand, arguments) { process in
                    let name = "\(offer.case), \(offer.says)"
                    let code = try await process.exit()
                    #expect(code == 69, "\(name): \(process.report)")
                    #expect(process.errors.text.hasPrefix("chord: no node answered: "), "\(name)")
                    #expect(process.output.bytes.isEmpty, "\(name)")
                }
            }
        }
    }

    /// Makes a case's call, and says in the report how it ended where that is not right.
    private static func call(_ offer: Offer, over transport: BareTransport) async {
        let (status, messages) =
            offer.stream
            ? await stream(offer, over: transport) : await unary(offer, over: transport)
        let name = "\(offer.case), \(offer.says)"
        #expect(
            offer.status.contains(status.code.description),
            "\(name): the caller is told \(status), right: \(offer.status)"
        )
        if let told = offer.told {
            #expect(status.message.contains(told), "\(name): the caller is told \(status)")
        } else if !status.isOK, status.origin != .peer {
            #expect(!status.message.isEmpty, "\(name): the caller is not told why")
        }
        if let right = offer.messages {
            #expect(
                messages.map { Data($0) } == right,
                "\(name): the caller gets \(messages.count) messages, right: \(right.count)"
            )
        }
    }

    private static func unary(
        _ offer: Offer,
        over transport: BareTransport
    ) async -> (Status, [[UInt8]]) {
        let outcome = await transport.call(
            TestMethod.echo,
            filler(offer.sends[0]),
            at: offer.address,
            within: .seconds(offer.seconds),
            compression: offer.gzip ? .gzip : nil
        )
        return (outcome.result.status, outcome.result.status.isOK ? [outcome.result.message] : [])
    }

    private static func stream(
        _ offer: Offer,
        over transport: BareTransport
    ) async -> (Status, [[UInt8]]) {
        let stream = transport.open(
            StreamService.echo,
            at: offer.address,
            within: .seconds(offer.seconds),
            compression: offer.gzip ? .gzip : nil
        )
        var messages: [[UInt8]] = []
        // A call that has ended already says how when its messages are read.
        for size in offer.sends { try? await stream.send(filler(size)) }
        if offer.ends { stream.finishSending() }
        do throws(Status) {
            while let message = try await stream.nextMessage() { messages.append(message) }
            return (await stream.status(), messages)
        } catch {
            return (error, messages)
        }
    }

    /// The lines that are whole.
    private static func lines(of output: ChildProcess.Output) -> [Data] {
        var lines = output.bytes.split(separator: 10, omittingEmptySubsequences: false)
        lines.removeLast()
        return lines.isEmpty ? [Data()] : lines.map { Data($0) }
    }
}
