// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Foundation

/// The Python side: its interpreter, its scripts, and the code that grpc_tools makes of our contract and
/// of that of gRPC's interoperability cases.
struct Python: Sendable {
    let interpreter: String
    let generated: String

    /// The top of the source tree.
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static let prepared = Task { try await prepare() }

    /// The interpreter with everything that it needs, made ready once per run.
    static func get() async throws -> Python { try await prepared.value }

    private static func prepare() async throws -> Python {
        guard let interpreter = ProcessInfo.processInfo.environment["CHORD_TEST_PYTHON"] else {
            throw TestFailure(
                "CHORD_TEST_PYTHON is not set, so there is no grpcio to test against: run"
                    + " `make test`, or `make test FILTER=InteropTests`, which prepare it"
            )
        }
        let generated = try await TestCertificates.get().folder.appendingPathComponent("python")
        try FileManager.default.createDirectory(at: generated, withIntermediateDirectories: true)
        try await ChildProcess.running(
            interpreter,
            [
                "-m", "grpc_tools.protoc", "-I", root.appendingPathComponent("Protos").path,
                "-I", root.appendingPathComponent("Tests/Interop/official").path,
                "--python_out", generated.path, "--grpc_python_out", generated.path,
                "chord/v1/chord.proto", "grpc_testing.proto",
            ]
        ) { protoc in
            guard try await protoc.exit() == 0 else {
                throw TestFailure("grpc_tools.protoc failed: \(protoc.report)")
            }
        }
        return Python(interpreter: interpreter, generated: generated.path)
    }

    /// Runs a script of Tests/Interop with one JSON argument for the time of `body`.
    func running<R: Sendable>(
        _ script: String,
        _ order: some Encodable,
        _ body: (ChildProcess) async throws -> R
    ) async throws -> R {
        let argument = String(decoding: try JSONEncoder().encode(order), as: UTF8.self)
        return try await running(script, arguments: [argument], body)
    }

    /// Runs a script of Tests/Interop for the time of `body`.
    func running<R: Sendable>(
        _ script: String,
        arguments: [String],
        _ body: (ChildProcess) async throws -> R
    ) async throws -> R {
        let path = Self.root.appendingPathComponent("Tests/Interop/\(script)").path
        return try await ChildProcess.running(
            interpreter,
            [path] + arguments,
            // No compiled files beside the scripts.
            environment: ["PYTHONPATH": generated, "PYTHONDONTWRITEBYTECODE": "1"],
            body
        )
    }
}

// MARK: - grpcio as the caller

/// A call that grpcio is to make.
struct PythonCall: Encodable, Sendable {
    /// A method of the contract, or a whole path.
    var method: String
    /// The request's fields, as protobuf's JSON form has them.
    var request: [String: JSONValue] = [:]
    /// The key whose identifier Python puts into the request.
    var key: String?
    /// The raw request, for a path.
    var bytes: Data?
    /// In place of `bytes`: how many of the filler's the request is.
    var size: Int?
    var metadata: [[String]] = []
    var timeout: Double?

    init(
        _ method: String,
        _ request: [String: JSONValue] = [:],
        key: String? = nil,
        bytes: Data? = nil,
        size: Int? = nil,
        metadata: [[String]] = [],
        timeout: Double? = nil
    ) {
        self.method = method
        self.request = request
        self.key = key
        self.bytes = bytes
        self.size = size
        self.metadata = metadata
        self.timeout = timeout
    }
}

/// The few kinds of value that requests are made of.
indirect enum JSONValue: Encodable, Sendable, ExpressibleByStringLiteral,
    ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByDictionaryLiteral
{
    case string(String)
    case number(Int)
    case truth(Bool)
    case object([String: JSONValue])

    init(stringLiteral value: String) { self = .string(value) }
    init(integerLiteral value: Int) { self = .number(value) }
    init(booleanLiteral value: Bool) { self = .truth(value) }
    init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(elements) { $1 })
    }

    static func bytes(_ bytes: [UInt8]) -> JSONValue { .string(Data(bytes).base64EncodedString()) }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .string(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .truth(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }
}

/// How a call of grpcio's ended.
struct PythonOutcome: Decodable, Sendable {
    /// A node as protobuf's JSON form has it: 64-bit numbers are texts there.
    struct Node: Decodable, Hashable, Sendable {
        var id: Data
        var name: String
        var address: String
        var incarnation: String
    }

    /// The fields of all replies together.
    struct Reply: Decodable, Sendable {
        struct Parameters: Decodable, Sendable {
            var ring: String
            var hash: String
            var hash_probe: Data
            var width: Int
            var id_rule: String
            var successors: Int
        }

        var owner: Node?
        var answering: Node?
        var successors: [Node]?
        var hops: Int?
        var path: [Node]?
        var node: Node?
        var predecessor: Node?
        var parameters: Parameters?
    }

    var code: String
    var message: String
    var reply: Reply?
    var bytes: Data?
    var headers: [[String]]
    var trailers: [[String]]
}

extension Python {
    private struct Order<Call: Encodable>: Encodable {
        var address: String
        var roots: String
        var certificate: String
        var key: String
        var calls: [Call]
    }

    /// Makes calls by grpcio, one after the other.
    func call(
        _ address: String,
        as caller: TestAuthority.Issued,
        _ calls: [PythonCall]
    ) async throws -> [PythonOutcome] {
        try await outcomes(of: calls, by: "calls.py", at: address, as: caller)
    }

    /// Makes calls by a script, one after the other.
    func outcomes<Outcome: Decodable & Sendable>(
        of calls: [some Encodable],
        by script: String,
        at address: String,
        as caller: TestAuthority.Issued
    ) async throws -> [Outcome] {
        let order = Order(
            address: address,
            roots: try await TestCertificates.get().authority.certificate,
            certificate: caller.certificate,
            key: caller.key,
            calls: calls
        )
        return try await running(script, order) { process in
            guard try await process.exit() == 0 else {
                throw TestFailure("\(script) failed: \(process.report)")
            }
            return try JSONDecoder().decode([Outcome].self, from: Data(process.output.bytes))
        }
    }
}

// MARK: - grpcio as the server

/// A grpcio server that runs.
struct PythonServer: Sendable {
    static let name = "py"
    static let members = ["py", "q1", "q2", "q3", "q4", "q5"]

    let address: String
    let process: ChildProcess

    private struct Order: Encodable {
        var name: String
        var ring: String
        var members: [String]
        var roots: String
        var certificate: String
        var key: String
    }

    /// Runs the server for the time of `body`.
    static func running<R: Sendable>(_ body: (PythonServer) async throws -> R) async throws -> R {
        let certificates = try await TestCertificates.get()
        let order = Order(
            name: name,
            ring: "written in python",
            members: members,
            roots: certificates.authority.certificate,
            certificate: certificates.py.certificate,
            key: certificates.py.key
        )
        return try await Python.get().running("server.py", order) { process in
            let port = try await process.wait(for: "its port") { output in
                output.text.contains("\n")
                    ? output.lines.first { $0.hasPrefix("port ") }?.dropFirst(5) : nil
            }
            return try await body(
                PythonServer(address: "127.0.0.1:\(port)", process: process)
            )
        }
    }
}
