// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordTestSupport
import Foundation
import NIOConcurrencyHelpers

/// The output of Tests/Interop/official/relay.py about messages.
final class RelayLog: Sendable {
    enum Way: String {
        case request
        case response
    }

    private struct State {
        var process: ChildProcess?
        var taken: [Way: Int] = [:]
    }

    private let state = NIOLockedValueBox(State())

    /// The program in which the relay runs; a service is there before it.
    func watch(_ process: ChildProcess) {
        state.withLockedValue { $0.process = process }
    }

    /// Whether the next message of that way came compressed: to be asked once for each, in order.
    func next(_ way: Way) async throws(Status) -> Bool {
        let number = state.withLockedValue { state in
            defer { state.taken[way, default: 0] += 1 }
            return state.taken[way, default: 0]
        }
        var isCompressed: Bool?
        do {
            try await eventually("\(way.rawValue) \(number) passes the relay") {
                let seen = lines(of: way)
                if number < seen.count { isCompressed = seen[number] }
                return isCompressed != nil
            }
        } catch {
            throw Status(.internalError, "\(error)")
        }
        return isCompressed ?? false
    }

    /// The relay prints "wire request compressed 291" and the like, ahead of the message itself.
    private func lines(of way: Way) -> [Bool] {
        let lines = state.withLockedValue { $0.process }?.output.lines ?? []
        return lines.compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 4, words[0] == "wire", words[1] == way.rawValue else {
                return nil
            }
            return words[2] == "compressed"
        }
    }
}

/// The programs of Tests/Interop/official.
struct OfficialPython: Encodable {
    private struct Files: Encodable {
        var certificate: String
        var key: String

        init(_ issued: TestAuthority.Issued) {
            certificate = issued.certificate
            key = issued.key
        }
    }

    /// The client's output for a case.
    private struct Outcome: Decodable {
        var `case`: String
        var problem: String?
    }

    private var roots: String
    private var server: Files
    private var client: Files
    private var relays: Bool
    private var address: String?
    private var cases: [String]

    private init(_ official: OfficialCase, at address: String?) async throws {
        let certificates = try await TestCertificates.get()
        roots = certificates.authority.certificate
        server = Files(certificates.py)
        client = Files(certificates.alice)
        relays = official.needsRelay
        self.address = address
        cases = [official.rawValue]
    }

    /// Runs a case by grpcio. `relay` reports the messages that pass it.
    ///
    /// - Returns: the deviations.
    static func call(
        _ official: OfficialCase,
        at address: String,
        relay: RelayLog
    ) async throws -> String? {
        let order = try await OfficialPython(official, at: address)
        return try await Python.get().running("official/client.py", order) { process in
            relay.watch(process)
            guard try await process.exit() == 0,
                let line = process.output.lines.last,
                let outcome = try? JSONDecoder().decode(Outcome.self, from: Data(line.utf8)),
                outcome.case == official.rawValue
            else { throw TestFailure("client.py failed: \(process.report)") }
            return outcome.problem
        }
    }

    /// Runs grpcio's server for a case.
    static func serving(
        _ official: OfficialCase,
        _ body: (_ address: String, RelayLog) async throws -> Void
    ) async throws {
        let relay = RelayLog()
        let order = try await OfficialPython(official, at: nil)
        try await listening("official/server.py", order, relay) { try await body($0, relay) }
    }

    /// Runs the relay alone, in front of a server.
    static func relaying(
        to address: String,
        for official: OfficialCase,
        _ relay: RelayLog,
        _ body: (_ address: String) async throws -> Void
    ) async throws {
        let order = try await OfficialPython(official, at: address)
        try await listening("official/relay.py", order, relay, body)
    }

    private static func listening(
        _ script: String,
        _ order: OfficialPython,
        _ relay: RelayLog,
        _ body: (_ address: String) async throws -> Void
    ) async throws {
        try await Python.get().running(script, order) { process in
            let port = try await process.wait(for: "its port") { output in
                output.text.contains("\n")
                    ? output.lines.first { $0.hasPrefix("port ") }?.dropFirst(5) : nil
            }
            relay.watch(process)
            try await body("127.0.0.1:\(port)")
        }
    }
}
