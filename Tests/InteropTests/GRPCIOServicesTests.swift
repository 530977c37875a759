// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Foundation
import Testing

/// Health, reflection and administration over the wire, asked by grpcio.
@Suite(.tags(.network), .timeLimit(.minutes(2)))
struct GRPCIOServicesTests {
    private struct Order: Encodable {
        struct Files: Encodable {
            var certificate: String
            var key: String

            init(_ issued: TestAuthority.Issued) {
                certificate = issued.certificate
                key = issued.key
            }
        }

        var address: String
        var contracts: String
        var roots: String
        var client: Files
        var admin: Files
    }

    /// A number or a word: a status, kind or failure in the script's answer.
    private enum Word: Decodable, Equatable, ExpressibleByIntegerLiteral,
        ExpressibleByStringLiteral
    {
        case number(Int)
        case text(String)

        init(integerLiteral value: Int) { self = .number(value) }
        init(stringLiteral value: String) { self = .text(value) }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int.self) {
                self = .number(number)
            } else {
                self = .text(try container.decode(String.self))
            }
        }
    }

    private struct Findings: Decodable {
        struct Reflected: Decodable, Equatable {
            var services: [String]
            var differing: [String]
            var found: Bool
            var missing: Int
            var echoed: String
        }

        enum CodingKeys: String, CodingKey {
            case reflection, health, description, states, kinds
            case clientLeaves = "client leaves"
            case adminLeaves = "admin leaves"
            case formerReflection = "former reflection"
            case servicesByItsClient = "by grpcio's own client"
            case fileByItsClient = "found by it"
        }

        var reflection: Reflected
        var formerReflection: Reflected
        var servicesByItsClient: [String]
        var fileByItsClient: String
        var health: [Word]
        var description: [Word]
        var clientLeaves: String
        var adminLeaves: String
        var states: [Word]
        var kinds: [Word]
    }

    @Test(
        "grpcio uses reflection, watches health and events, and makes a node leave"
    )
    func services() async throws {
        let certificates = try await TestCertificates.get()
        let findings = try await Ring.running(["n1", "n2"]) { ring in
            let order = Order(
                address: ring.address,
                contracts: Python.root.appendingPathComponent("Protos").path,
                roots: certificates.authority.certificate,
                client: .init(certificates.alice),
                admin: .init(certificates.admin)
            )
            return try await Python.get().running("services.py", order) { process in
                guard try await process.exit() == 0 else {
                    throw TestFailure("services.py failed: \(process.report)")
                }
                return try JSONDecoder().decode(Findings.self, from: Data(process.output.bytes))
            }
        }
        #expect(
            findings.reflection.services == [
                "chord.v1.AdminService", "chord.v1.ChordService", "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection",
                "grpc.reflection.v1alpha.ServerReflection",
            ]
        )
        #expect(findings.reflection.differing == [])
        #expect(findings.reflection.found)
        // Tools that know the former name only get the same answers.
        #expect(findings.formerReflection == findings.reflection)
        #expect(findings.servicesByItsClient == findings.reflection.services)
        #expect(findings.fileByItsClient == "chord/v1/chord.proto")
        #expect(findings.reflection.missing == 5 && findings.reflection.echoed == "no.proto")
        // SERVING, SERVING, and no such service.
        #expect(findings.health == [1, 1, "NOT_FOUND"])
        #expect(findings.description == ["n1", 3, 1, .text(ChordVersion.number)])
        #expect(findings.clientLeaves == "PERMISSION_DENIED")
        #expect(findings.adminLeaves == "OK")
        #expect(findings.states == [1, 2, "UNAVAILABLE"])
        #expect(findings.kinds.first == 1 && findings.kinds.last == "UNAVAILABLE")
        #expect(findings.kinds.contains(7), "the leave itself: \(findings.kinds)")
    }
}
