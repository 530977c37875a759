// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Foundation
import Testing

/// A policy and an audit log at nodes that serve clients over TLS.
@Suite("Policies of nodes", .tags(.network), .timeLimit(.minutes(5)))
struct NodePolicyTests {
    /// A folder for a policy and an audit log.
    private final class Files: Sendable {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "chord-policy-\(UUID().uuidString)")

        init(_ policy: String) throws {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try write(policy)
        }

        deinit { try? FileManager.default.removeItem(at: folder) }

        var policy: String { folder.appending(path: "policy").path }
        var audit: String { folder.appending(path: "audit.jsonl").path }

        func write(_ policy: String) throws {
            try policy.write(toFile: self.policy, atomically: true, encoding: .utf8)
        }

        /// The lines of the audit log.
        func records() throws -> [[String: String]] {
            let text = try String(contentsOfFile: audit, encoding: .utf8)
            return try text.split(separator: "\n").map { line in
                let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
                return try #require(object as? [String: Any]).mapValues { "\($0)" }
            }
        }
    }

    private static let policy = """
        apps:   allow client alice to get, put, delete, watch on app/
        shared: allow client * to get on public/
        no-bob: deny client bob to lookup, walk
        rest:   allow client * to lookup
        ops:    allow admin * to everything
        own:    allow node n1 to get on app/
        """

    private func start(_ ring: StoreRing, _ files: Files) async throws -> ChordNode {
        var configuration = try await ring.configuration("n1")
        configuration.access.policy = files.policy
        configuration.access.auditLog = files.audit
        configuration.access.auditsWrites = true
        return try await ChordNode(configuration)
    }

    /// Whether the body is refused by the policy, and why.
    private func refusal(_ body: () async throws -> Void) async throws -> String? {
        do {
            try await body()
            return nil
        } catch let error as StoreClientError where error.code == .refused {
            return error.message
        } catch let error as ChordError where error.code == .refused {
            return error.message
        }
    }

    @Test("Keys, lookups and walks are allowed by rules, and each refusal names its rule")
    func enforced() async throws {
        let files = try Files(Self.policy)
        try await withStoreRing(.memory) { ring in
            let node = try await start(ring, files)
            try await running(node) {
                let alice = try await client("alice", of: node)
                let bob = try await client("bob", of: node)
                let admin = try await client("admin", of: node)
                _ = try await alice.store.put("app/x", [1])
                #expect(try await alice.store.get("app/x")?.bytes == [1])
                _ = try await admin.store.put("public/x", [2])
                #expect(try await bob.store.get("public/x")?.bytes == [2])
                let partition = Array("app/p".utf8)
                _ = try await alice.store.put(StoreKey([1], in: partition), [1])
                #expect(try await alice.store.count(in: partition) == 1)
                _ = try await alice.lookup(key: "x")
                #expect(try await node.store.get("app/x")?.bytes == [1])

                let why = try await refusal { _ = try await bob.store.put("app/x", [3]) }
                #expect(
                    why?.contains(
                        "client 'bob' of chord.test may not put on 'app/x': no rule of the policy allows it"
                    ) == true,
                    "\(why ?? "allowed")"
                )
                let refused: [(String, () async throws -> Void)] = [
                    ("get", { _ = try await bob.store.get("app/x") }),
                    ("public put", { _ = try await alice.store.put("public/x", [1]) }),
                    ("delete", { _ = try await bob.store.delete("public/x") }),
                    ("touch", { _ = try await bob.store.touch("public/x", timeToLive: nil) }),
                    ("count", { _ = try await bob.store.count(in: partition) }),
                    ("batch", { _ = try await bob.store.batch([.delete([1])], in: partition) }),
                    ("lookup", { _ = try await bob.lookup(key: "x") }),
                    ("walk", { _ = try await bob.walk() }),
                    ("status", { _ = try await alice.store.status(of: node.reference) }),
                    ("watch", { for try await _ in bob.store.watch("app/x") { return } }),
                    ("node", { _ = try await node.store.put("app/x", [1]) }),
                ]
                for (what, body) in refused {
                    #expect(try await refusal(body) != nil, "\(what) was allowed")
                }
                let lookup = try await refusal { _ = try await bob.lookup(key: "x") }
                #expect(lookup?.contains("rule no-bob (line 3 of the policy) denies it") == true)
                #expect(try await alice.store.get("app/x")?.bytes == [1])
                for client in [alice, bob, admin] { await client.close() }
            }
            let records = try files.records()
            let refusals = records.filter { $0["event"] == "refusal" }
            #expect(refusals.contains { $0["place"] == "app/x" && $0["name"] == "bob" })
            #expect(refusals.contains { $0["rule"] == "no-bob" && $0["role"] == "client" })
            let writes = records.filter { $0["event"] == "write" }
            #expect(writes.contains { $0["place"] == "app/x" && $0["name"] == "alice" })
            #expect(writes.allSatisfy { $0["outcome"] == "OK" && $0["serial"] != nil })
            #expect(records.allSatisfy { $0["node"] == "n1" && $0["time"] != nil })
        }
    }

    @Test("A changed policy is read by itself, ends watches, and one with a mistake is not used")
    func reloaded() async throws {
        let files = try Files(Self.policy)
        try await withStoreRing(.memory) { ring in
            let node = try await start(ring, files)
            try await running(node) {
                let alice = try await client("alice", of: node)
                let admin = try await client("admin", of: node)
                _ = try await alice.store.put("app/x", [1])
                var watch = alice.store.watch("app/x").makeAsyncIterator()
                _ = try await watch.next()

                try files.write("ops: allow admn * to everything")
                let error = #expect(throws: ChordError.self) { try node.reloadPolicy() }
                #expect("\(error.map { "\($0)" } ?? "")".contains("line 1: expected a role"))
                #expect(try await alice.store.get("app/x")?.bytes == [1])

                try files.write("ops: allow admin * to everything")
                try await eventually("the new policy is in use") {
                    try await refusal { _ = try await alice.store.get("app/x") } != nil
                }
                _ = try await admin.store.put("app/x", [2])
                let ended = await #expect(throws: StoreClientError.self) {
                    while try await watch.next() != nil {}
                }
                #expect(ended?.code == .refused)
                await alice.close()
                await admin.close()
            }
        }
    }

    @Test("A policy or an audit log that cannot be used is told at start")
    func unusable() async throws {
        let files = try Files("a: allow client x to fly")
        func message(_ change: (inout AccessConfiguration) -> Void) async throws -> String {
            var configuration = try await configuration("n1")
            change(&configuration.access)
            let settings = configuration
            let error = await #expect(throws: ChordError.self) { try await ChordNode(settings) }
            #expect(error?.code == .invalidConfiguration)
            return error.map { "\($0)" } ?? ""
        }
        #expect(
            try await message { $0.policy = files.policy }.contains("line 1: expected one of get")
        )
        #expect(
            try await message { $0.policy = "/nowhere/x" }.contains("cannot be read: No such file")
        )
        #expect(
            try await message { $0.auditLog = "/nowhere/x" }.contains(
                "cannot be opened: No such file"
            )
        )
        #expect(try await message { $0.auditsWrites = true }.contains("needs auditLog"))
    }

    @Test("An audit log that was moved away is begun anew")
    func rotated() async throws {
        let files = try Files(Self.policy)
        try await withStoreRing(.memory) { ring in
            let node = try await start(ring, files)
            try await running(node) {
                let alice = try await client("alice", of: node)
                _ = try await alice.store.put("app/x", [1])
                try await eventually("the first record") { try !files.records().isEmpty }
                #expect(rename(files.audit, files.audit + ".1") == 0)
                _ = try await alice.store.put("app/y", [1])
                try await eventually("the file is there again") {
                    guard FileManager.default.fileExists(atPath: files.audit) else { return false }
                    return try files.records().map { $0["place"] } == ["app/y"]
                }
                await alice.close()
            }
        }
    }
}
