// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordRPC
import ChordStore
import ChordTestSupport
import ChordWire
import Foundation
import Testing

/// A ring of nodes with a store, in this process and over real TLS. A stopped node can be started again on its
/// disk and at its address.
actor StoreRing {
    private let folder = FileManager.default.temporaryDirectory
        .appending(path: "chord-store-\(UUID().uuidString)")
    private let engine: StoreConfiguration.Engine
    private let replicas: Int
    private let successors: Int
    private(set) var nodes: [String: ChordNode] = [:]
    private var runs: [String: Task<Void, any Error>] = [:]
    private var addresses: [String: String] = [:]

    init(
        _ engine: StoreConfiguration.Engine = .disk,
        replicas: Int = 3,
        successors: Int = 4
    ) throws {
        self.engine = engine
        self.successors = successors
        self.replicas = replicas
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    func configuration(_ name: String, engine: StoreConfiguration.Engine? = nil) async throws
        -> ChordConfiguration
    {
        var configuration = try await ChordTests.configuration(
            name,
            joining: nodes.values.map(\.reference.address)
        )
        if let address = addresses[name] { configuration.listen = address }
        configuration.ring.successorCount = successors
        configuration.dataDirectory = folder.appending(path: name).path
        var store = StoreConfiguration(engine ?? self.engine)
        // Elections of a busy machine must not follow from its own pauses.
        store.settings = StoreSettings(raft: .lan)
        store.replicas = replicas
        store.settings.settleTime = .milliseconds(200)
        store.settings.placementInterval = .milliseconds(50)
        // Many nodes of one process, each with room for two segments: the thread sanitizer watches every byte.
        store.settings.log.segmentBytes = 1 << 20
        configuration.store = store
        return configuration
    }

    /// Starts a node and waits until it is a member.
    @discardableResult
    func start(
        _ name: String,
        engine: StoreConfiguration.Engine? = nil
    ) async throws -> ChordNode {
        let node = try await ChordNode(try await configuration(name, engine: engine))
        run(node, name)
        try await node.waitUntilJoined()
        nodes[name] = node
        return node
    }

    private func run(_ node: ChordNode, _ name: String) {
        addresses[name] = node.reference.address
        runs[name] = Task { try await node.run() }
    }

    /// Starts nodes that found the ring together.
    func found(_ names: [String]) async throws {
        // The kernel chooses ports: nodes that never run keep them until all are known.
        for name in names {
            let node = try await ChordNode(try await configuration(name, engine: .routing))
            addresses[name] = node.reference.address
            await node.close()
        }
        var founders: [ChordNode] = []
        for name in names {
            var configuration = try await configuration(name)
            configuration.initialRing = Array(addresses.values)
            let node = try await ChordNode(configuration)
            run(node, name)
            founders.append(node)
        }
        for (name, node) in zip(names, founders) {
            try await node.waitUntilJoined()
            nodes[name] = node
        }
    }

    /// Ends a node in an orderly way. Its disk stays.
    func stop(_ name: String) async throws {
        nodes[name] = nil
        guard let run = runs.removeValue(forKey: name) else { return }
        run.cancel()
        try await run.value
    }

    /// A stopped node forgets that it was a member. Its part of the store stays.
    func forgetMembership(of name: String) throws {
        try FileManager.default.removeItem(at: folder.appending(path: "\(name)/state.json"))
    }

    /// Ends all nodes at the same time.
    func stopAll() async throws {
        let ended = runs
        nodes = [:]
        runs = [:]
        for run in ended.values { run.cancel() }
        for run in ended.values { try await run.value }
    }

    func close() async throws {
        try await stopAll()
        try FileManager.default.removeItem(at: folder)
    }

    /// The status of a node's part of the store.
    func status(of name: String) async throws -> StoreStatusReply {
        try await call(StoreMethods.status, StoreStatusRequest(), at: name)
    }

    /// The ranges of the store as their leaders see them.
    nonisolated func ranges() async throws -> [WireRangeStatus] {
        var newest: [UInt128: WireRangeStatus] = [:]
        for name in await nodes.keys {
            guard let status = try? await status(of: name) else { continue }
            for range in status.ranges where range.leader == range.replica {
                if let known = newest[range.descriptor.range], known.term > range.term { continue }
                newest[range.descriptor.range] = range
            }
        }
        return Array(newest.values)
    }

    /// Waits until the ranges make up the circle, and each has so many voters, all caught up.
    nonisolated func awaitVoters(_ count: Int) async throws {
        var last = "nothing"
        try await eventually("\(count) voters in each range: \(last)") {
            let ranges = try await self.ranges()
            last = ranges.map { "\($0.descriptor.replicas.map(\.node)) \($0.issues)" }.description
            let ends = Set(ranges.map(\.descriptor.bounds.upperBound))
            let begins = Set(ranges.map(\.descriptor.bounds.lowerBound))
            return !ranges.isEmpty && ends == begins && ends.count == ranges.count
                && ranges.allSatisfy { range in
                    let voters = range.descriptor.replicas.filter { $0.kind == .voter }
                    // A small ring never has as many voters as are wanted.
                    let issues = range.issues.filter { $0.kind != .fewMembers }
                    return voters.count == count && issues.isEmpty
                }
        }
    }

    /// An administrator makes a node leave for good.
    func leave(_ name: String) async throws {
        let node = try #require(nodes[name])
        let client = try await client("admin", of: node)
        do {
            try await client.leave()
        } catch {
            await client.close()
            throw error
        }
        await client.close()
        nodes[name] = nil
        try await runs.removeValue(forKey: name)?.value
    }

    /// Calls a method of the store at a node.
    func call<Reply: WireMessage>(
        _ method: RPCMethod,
        _ request: some WireMessage,
        at name: String
    ) async throws -> Reply {
        let node = try #require(nodes[name])
        let client = try await client("alice", of: node)
        let space = node.parameters.space
        do {
            let bytes = try await client.call(
                method,
                request.encoded(in: space),
                timeout: .seconds(20)
            )
            await client.close()
            return try Reply(decoding: bytes, space: space)
        } catch {
            await client.close()
            throw error
        }
    }

    /// Stores a value through a node.
    @discardableResult
    func put(_ key: String, _ value: String, at name: String) async throws -> WriteReply.Content {
        let request = PutRequest(key: Array(key.utf8), value: Array(value.utf8))
        let reply: WriteReply = try await call(StoreMethods.put, request, at: name)
        guard case .answer(_, let content) = reply.outcome else {
            throw Status(.internalError, "a redirect that nobody asked for")
        }
        return content
    }

    /// The value of a key, read through a node; nil for an absent key.
    func get(
        _ key: String,
        at name: String,
        level: WireReadLevel = .linearizable
    ) async throws -> String? {
        let request = GetRequest(keys: [Array(key.utf8)], level: level)
        let reply: GetReply = try await call(StoreMethods.get, request, at: name)
        guard case .answer(_, let content) = reply.outcome else {
            throw Status(.internalError, "a redirect that nobody asked for")
        }
        return content.values[0].map { String(decoding: $0.bytes, as: UTF8.self) }
    }
}

/// Runs `body` with a ring that ends afterwards.
func withStoreRing(
    _ engine: StoreConfiguration.Engine = .disk,
    replicas: Int = 3,
    successors: Int = 4,
    _ body: (StoreRing) async throws -> Void
) async throws {
    let ring = try StoreRing(engine, replicas: replicas, successors: successors)
    do {
        try await body(ring)
    } catch {
        try? await ring.close()
        throw error
    }
    try await ring.close()
}
