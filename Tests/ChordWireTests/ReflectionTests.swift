// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import ChordWire
import Testing

/// The answers of reflection, read by hand: the messages are the tools' own.
@Suite(.tags(.unit)) struct ReflectionTests {
    private let reflection = Reflection(
        services: ["b.B", "a.A"],
        files: ["chord/v1/admin.proto", "grpc/health/v1/health.proto"]
    )

    private func answer(_ field: UInt64, _ text: String) throws -> [UInt8] {
        try reflection.answer(WireWriter().bytes(field, Array(text.utf8)).bytes)
    }

    private func contains(_ bytes: [UInt8], _ text: String) -> Bool {
        let wanted = Array(text.utf8)
        return bytes.indices.contains { bytes[$0...].starts(with: wanted) }
    }

    @Test func servicesAreListedInOrder() throws {
        let answer = try answer(7, "*")
        // The request as it came; then the list, each service with its name.
        #expect(answer == [0x12, 3, 0x3A, 1, 0x2A, 0x32, 14] + service("a.A") + service("b.B"))
    }

    private func service(_ name: String) -> [UInt8] { [0x0A, 5, 0x0A, 3] + Array(name.utf8) }

    @Test(arguments: [
        "chord.v1.ChordService", "chord.v1.ChordService.Notify", "chord.v1.Node",
        "chord.v1.Node.incarnation", "chord.v1.IdRule", "chord.v1.ID_RULE_NAME",
    ])
    func symbolIsResolvedToItsFile(_ symbol: String) throws {
        let answer = try answer(4, symbol)
        #expect(answer.contains(0x22))
        #expect(contains(answer, "chord/v1/chord.proto"))
        #expect(contains(answer, "FindSuccessorRequest"))
    }

    @Test func fileIsReturnedWithItsImports() throws {
        let answer = try answer(3, "chord/v1/admin.proto")
        #expect(contains(answer, "AdminService"))
        #expect(contains(answer, "FindSuccessorRequest"))
        let alone = try self.answer(3, "grpc/health/v1/health.proto")
        #expect(contains(alone, "HealthCheckResponse"))
        #expect(contains(alone, "SERVING"))
        #expect(!contains(alone, "FindSuccessorRequest"))
    }

    @Test(arguments: [
        (3, "no/such.proto"), (4, "chord.v1.Nothing"), (4, "chord.v1.Node.nothing"),
        (6, "chord.v1.Node"),
    ])
    func unknownNameIsNotFound(_ field: UInt64, _ text: String) throws {
        let answer = try answer(field, text)
        let failure = try #require(answer.firstIndex(of: 0x3A))
        // NOT_FOUND, and what it is about.
        #expect(answer[(failure + 2)...].starts(with: [0x08, 5]))
        #expect(contains(answer, text))
    }

    @Test func extensionQueryIsNotFound() throws {
        let answer = try answer(3, "interop/concord.proto")
        #expect(answer.contains(0x3A))
        #expect(contains(answer, "knows no file interop/concord.proto"))
    }

    @Test func fileOfAnEmbeddersServiceComesWithItsImports() throws {
        // name 1, package 2, dependency 3, message_type 4: "own/own.proto" of package "own".
        let message = WireWriter().bytes(1, Array("Thing".utf8))
        let file = WireWriter().bytes(1, Array("own/own.proto".utf8))
            .bytes(2, Array("own".utf8)).bytes(3, Array("chord/v1/chord.proto".utf8))
            .message(4, message).bytes
        let reflection = Reflection(services: ["own.Own"], files: [], others: [file])
        let symbol = WireWriter().bytes(4, Array("own.Thing".utf8)).bytes
        let answer = try reflection.answer(symbol)
        #expect(contains(answer, "own/own.proto"))
        #expect(contains(answer, "FindSuccessorRequest"))
    }

    @Test func extensionsAreNotFound() throws {
        let inner = WireWriter().bytes(1, Array("chord.v1.Node".utf8))
        let answer = try reflection.answer(WireWriter().message(5, inner).bytes)
        #expect(contains(answer, "there are no extensions of chord.v1.Node"))
    }

    @Test func requestWithoutQueryIsRefused() {
        for bytes: [UInt8] in [[], [0xFF], [0x1A, 0], [0x22, 1, 0xFF]] {
            #expect(throws: WireError.self) { try reflection.answer(bytes) }
        }
    }
}
