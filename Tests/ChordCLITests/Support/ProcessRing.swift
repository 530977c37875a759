// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Foundation
import Logging

/// A node in its own process.
struct ProcessNode: Sendable {
    let name: String
    let address: String
    let id: Identifier
    let process: ChordProcess
}

/// A ring of processes on ports that the kernel chose.
final class ProcessRing {
    /// The identifiers of rings with the width that is the default.
    static let space = IdentifierSpace.standard
    private let space: IdentifierSpace
    private(set) var nodes: [String: ProcessNode] = [:]
    private let options: [String]
    private let certificates: String
    /// The folder of the nodes' data directories: a node that starts again has its memory, and so its place.
    private let state = TestCertificates.temporary.appending(path: "ring-\(UUID().uuidString)")

    private init(space: IdentifierSpace = .standard, options: [String]) async throws {
        self.space = space
        self.options = options
        certificates = try await TestCertificates.directory()
    }

    /// Makes a ring of n1, n2 and so on, waits until it is ideal, and ends all its processes after
    /// `body`.
    static func running(
        _ count: Int,
        width: Int = IdentifierSpace.standard.width,
        options: [String] = ["--stabilize-interval", "250ms"],
        _ body: (ProcessRing) async throws -> Void
    ) async throws {
        try await withRing(space: try IdentifierSpace(width: width), options: options) { ring in
            try await ring.start("n1")
            for number in 1..<max(count, 1) {
                try await ring.start("n\(number + 1)", through: "n1")
            }
            try await ring.awaitIdeal(count)
            try await body(ring)
        }
    }

    /// Lets n1, n2 and so on found a ring together, which is not waited for any longer than until all say
    /// that they are members.
    ///
    /// - Parameter body: gets the founders' addresses besides.
    static func founded(
        _ count: Int,
        options: [String] = ["--stabilize-interval", "250ms"],
        _ body: (ProcessRing, _ addresses: [String: String]) async throws -> Void
    ) async throws {
        let ports = try (0..<count).map { _ in try ReservedPort() }
        let initial = ["--initial-ring", ports.map(\.address).joined(separator: ",")]
        try await withRing(options: options + initial) { ring in
            let names = (1...count).map { "n\($0)" }
            let addresses = Dictionary(uniqueKeysWithValues: zip(names, ports.map(\.address)))
            // None is a member before the last has begun.
            let processes = try names.map { try ring.launch($0, at: addresses[$0] ?? "") }
            defer { for process in processes { process.kill() } }
            for (name, process) in zip(names, processes) {
                try await ring.awaitMember(name, process)
            }
            try await body(ring, addresses)
        }
        withExtendedLifetime(ports) {}
    }

    private static func withRing(
        space: IdentifierSpace = .standard,
        options: [String],
        _ body: (ProcessRing) async throws -> Void
    ) async throws {
        let ring = try await ProcessRing(space: space, options: options)
        defer { for node in ring.nodes.values { node.process.kill() } }
        do {
            try await body(ring)
        } catch {
            for node in ring.inOrder {
                let log = node.process.errorText.split(separator: "\n").suffix(12)
                print(([Substring(node.name)] + log).joined(separator: "\n  "))
            }
            throw error
        }
    }

    /// Starts a node and waits until it is a member.
    @discardableResult
    func start(
        _ name: String,
        through contact: String? = nil,
        at address: String = "127.0.0.1:0"
    ) async throws -> ProcessNode {
        let process = try launch(name, through: contact, at: address)
        do {
            return try await awaitMember(name, process)
        } catch {
            process.kill()
            throw error
        }
    }

    private func launch(
        _ name: String,
        through contact: String? = nil,
        at address: String
    ) throws -> ChordProcess {
        var arguments = [
            "serve", "--name", name, "--ring", "test", "--listen", address, "--certs-dir",
            certificates,
        ]
        arguments += options
        if let contact, let node = nodes[contact] { arguments += ["--join", node.address] }
        return try ChordProcess(arguments, environment: ["XDG_STATE_HOME": state.path])
    }

    @discardableResult
    private func awaitMember(
        _ name: String,
        _ process: ChordProcess
    ) async throws -> ProcessNode {
        let ready = try await process.line("the ready line", ReadyLine.init)
        let id = try space.identifier(hexadecimal: ready.identifier)
        let node = ProcessNode(name: name, address: ready.address, id: id, process: process)
        nodes[name] = node
        return node
    }

    /// The nodes as they follow each other on the circle.
    var inOrder: [ProcessNode] { nodes.values.sorted { $0.id < $1.id } }

    /// Kills a node.
    /// Kills a node, and waits until its address is free.
    func kill(_ name: String) async throws {
        guard let process = nodes.removeValue(forKey: name)?.process else { return }
        process.kill()
        try await eventually("\(name) is gone") { !process.isRunning }
    }

    /// Takes a node out of the books; its process goes on.
    func forget(_ name: String) -> ProcessNode? { nodes.removeValue(forKey: name) }

    /// The owner of a key, computed here from the list of all identifiers.
    func owner(of key: String, without absent: Set<String> = []) -> String? {
        Self.owner(of: key, among: inOrder.filter { !absent.contains($0.name) })
    }

    static func owner(of key: String, among nodes: [ProcessNode]) -> String? {
        let id = HashFunction.sha256.identifier(of: key, in: space)
        return (nodes.first { id <= $0.id } ?? nodes.first)?.name
    }

    func awaitIdeal(_ count: Int) async throws {
        let client = try await client(of: inOrder)
        var last = "nothing"
        do {
            try await eventually("an ideal ring of \(count): \(last)") {
                do throws(ChordError) {
                    let walk = try await client.walk()
                    last = "\(walk.members.map(\.node.name)) \(walk.problems)"
                    return walk.isIdeal && walk.members.count == count
                } catch {
                    last = "\(error)"
                    return false
                }
            }
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    /// A client of these nodes.
    func client(of nodes: [ProcessNode]) async throws -> ChordClient {
        try await Self.client(of: nodes)
    }

    static func client(of nodes: [ProcessNode]) async throws -> ChordClient {
        var configuration = ChordClientConfiguration(
            nodes: nodes.map(\.address),
            certificates: try await TestCertificates.client()
        )
        configuration.failureDetection = FailureDetection(allowing: ChordProcess.failureDetection)
        configuration.lookups = LookupLimits(allowing: ChordProcess.failureDetection)
        configuration.logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        return try ChordClient(configuration)
    }

    /// Options of commands that ask this ring.
    func flags(_ name: String = "n1", as asker: String = "client-demo") throws -> [String] {
        guard let node = nodes[name] else { throw TestFailure("no \(name) in the ring") }
        return ["--node", node.address, "--certs-dir", certificates, "--as", asker]
    }
}

/// The line that `serve` prints when it is a member.
struct ReadyLine {
    var name: String
    var identifier: String
    var address: String
    var ring: String
    var known: Int

    init?(_ line: String) {
        let pattern = #/ready: (\S+) \(([0-9a-f]+)\) at (\S+) in ring (\S+), (\d+) members? known/#
        guard let match = line.wholeMatch(of: pattern), let known = Int(match.5) else { return nil }
        name = String(match.1)
        identifier = String(match.2)
        address = String(match.3)
        ring = String(match.4)
        self.known = known
    }
}
