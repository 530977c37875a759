// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordRPC
import ChordTestSupport
import ChordWire
import NIOConcurrencyHelpers
import Testing

/// What the client of the store does when nodes fail, over TLS.
@Suite("The client of a store in trouble", .tags(.network), .timeLimit(.minutes(5)))
struct StoreTroubleTests {
    private static let noLeader = Status(.unavailable, "no leader at present")
    private static let inDoubt = Status(
        .unavailable,
        "the leader changed",
        reason: .mayHaveHappened
    )

    @Test("a write whose answer is lost is repeated under its identifier, and done once")
    func lostAnswer() async throws {
        try await ScriptedRing.with({ $0.attempt = .milliseconds(300) }) { ring in
            try await ring.warm()
            ring.range.trouble("n2", .isSilent)
            let written = try await ring.client.store.put("a", [1])
            #expect(written.applied && written.isRepeated)
            let value = try await ring.client.store.get("a")
            #expect(value?.version == written.version)
            let ids = ring.range.takeCalls().compactMap(\.id)
            // On a busy machine an attempt can end before its answer, and is repeated once more.
            #expect(ids.count >= 2 && Set(ids).count == 1)
            let versions = ring.range.state.withLockedValue { $0.version }
            #expect(versions == written.version)
        }
    }

    @Test("a write is repeated while its range has no leader")
    func election() async throws {
        try await ScriptedRing.with { ring in
            try await ring.warm()
            ring.range.trouble("n2", .fails(Self.noLeader), .fails(Self.noLeader))
            ring.range.trouble("n1", .fails(Self.noLeader), .fails(Self.noLeader))
            let written = try await ring.client.store.put("a", [1])
            #expect(written.applied && !written.isRepeated)
        }
    }

    @Test("a write that the store leaves in doubt is repeated until it is certain")
    func doubtResolved() async throws {
        try await ScriptedRing.with { ring in
            try await ring.warm()
            ring.range.trouble("n2", .fails(Self.inDoubt, afterwards: true))
            let written = try await ring.client.store.put("a", [1])
            #expect(written.applied && written.isRepeated)
        }
    }

    @Test(
        "the error at the deadline says whether the write may have been done",
        arguments: [true, false]
    )
    func deadline(isInDoubt: Bool) async throws {
        try await ScriptedRing.with({ $0.deadline = .milliseconds(700) }) { ring in
            try await ring.warm()
            for node in ["n1", "n2"] {
                for _ in 0..<200 { ring.range.trouble(node, .fails(Self.noLeader)) }
            }
            if isInDoubt {
                ring.range.state.withLockedValue {
                    $0.troubles["n2"]?.insert(.fails(Self.inDoubt), at: 0)
                }
            }
            let error = await #expect(throws: StoreClientError.self) {
                try await ring.client.store.put("a", [1])
            }
            #expect(error?.code == .unavailable)
            let message = try #require(error?.message)
            #expect(message.contains("no leader at present"))
            // The deadline may come while a call is under way, which leaves its write in doubt too.
            let isCut = message.contains("no answer in the time of an attempt")
            #expect(error?.mayHaveHappened == isInDoubt || isCut)
            let read = await #expect(throws: StoreClientError.self) {
                try await ring.client.store.get("a")
            }
            #expect(read?.code == .unavailable && read?.mayHaveHappened == false)
        }
    }

    @Test(
        "a refusal is final, and the doubt of an earlier attempt stays",
        arguments: [true, false]
    )
    func refusal(isInDoubt: Bool) async throws {
        try await ScriptedRing.with { ring in
            ring.lead(ring.first, term: 2)
            try await ring.warm()
            if isInDoubt { ring.range.trouble("n1", .fails(Self.inDoubt)) }
            let full = Status(.resourceExhausted, "the disk of n1 is full")
            ring.range.trouble("n1", .fails(full))
            let error = await #expect(throws: StoreClientError.self) {
                try await ring.client.store.put("a", [1])
            }
            #expect(error?.code == .limitReached)
            #expect(error?.mayHaveHappened == isInDoubt)
        }
    }

    @Test("an answer that a range has forgotten is an error that leaves the write in doubt")
    func forgotten() async throws {
        try await ScriptedRing.with { ring in
            try await ring.warm()
            let forgotten = Status(.failedPrecondition, "not kept", reason: .mayHaveHappened)
            ring.range.trouble("n2", .fails(forgotten))
            let error = await #expect(throws: StoreClientError.self) {
                try await ring.client.store.delete("a")
            }
            #expect(error?.code == .answerForgotten && error?.mayHaveHappened == true)
        }
    }

    @Test("a cancelled write ends at once, in doubt if it was sent")
    func cancellation() async throws {
        try await ScriptedRing.with { ring in
            try await ring.warm()
            ring.range.trouble("n2", .isSilent)
            let store = ring.client.store
            let write = Task { try await store.put("a", [1]) }
            try await eventually { ring.range.state.withLockedValue { !$0.held.isEmpty } }
            write.cancel()
            let error = await #expect(throws: StoreClientError.self) { try await write.value }
            #expect(error?.code == .cancelled && error?.mayHaveHappened == true)
        }
    }

    @Test("writes beyond the window wait for an answer, and not longer than their deadline")
    func window() async throws {
        try await ScriptedRing.with({ $0.unansweredWrites = 2 }) { ring in
            try await ring.warm()
            let store = ring.client.store
            ring.range.trouble("n2", .isSilent, .isSilent)
            let first = Task { try await store.put("a", [1]) }
            try await eventually { ring.range.state.withLockedValue { $0.held.count == 1 } }
            let second = Task { try await store.put("b", [1]) }
            try await eventually { ring.range.state.withLockedValue { $0.held.count == 2 } }
            let late = await #expect(throws: StoreClientError.self) {
                try await store.put("c", [1], timeout: .milliseconds(50))
            }
            #expect(late?.code == .deadlineExceeded && late?.mayHaveHappened == false)
            let third = Task { try await store.put("d", [1]) }
            second.cancel()
            #expect((await second.result).isFailure)
            // The first one is the lowest without an answer: it holds up the others.
            first.cancel()
            #expect((await first.result).isFailure)
            #expect(try await third.value.applied)
            #expect(ring.range.takeCalls().count == 3)
        }
    }

    @Test("a closed client is told apart from a store in trouble")
    func closed() async throws {
        try await ScriptedRing.with { ring in
            await ring.client.close()
            let error = await #expect(throws: StoreClientError.self) {
                try await ring.client.store.get("a")
            }
            #expect(error?.code == .stopped)
        }
    }

    @Test("nodes without a store are an error at once")
    func noStore() async throws {
        let node = try await ChordNode(try await configuration("n1"))
        try await running(node) {
            let client = try await client("alice", of: node)
            let error = await #expect(throws: StoreClientError.self) {
                try await client.store.put("a", [1])
            }
            #expect(error?.code == .noStore && error?.mayHaveHappened == false)
            let status = await #expect(throws: StoreClientError.self) {
                try await client.store.status()
            }
            #expect(status?.code == .noStore)
            await client.close()
        }
    }

    @Test("keys and values out of bounds are refused before anything is sent")
    func bounds() async throws {
        try await ScriptedRing.with { ring in
            let store = ring.client.store
            let long = [UInt8](repeating: 0x61, count: 1_025)
            let refused: [() async throws -> Void] = [
                { _ = try await store.get("") },
                { _ = try await store.get(StoreKey(long)) },
                { _ = try await store.get([], in: [1]) },
                { _ = try await store.get([[1]], in: []) },
                { try await store.put("a", [UInt8](repeating: 0, count: 3 << 20 | 1)) },
                { try await store.put("a", [], timeToLive: .zero) },
                { try await store.put("a", [], if: .version(0)) },
                { try await store.batch([], in: [1]) },
                { try await store.batch([.delete([1]), .delete([1])], in: [1]) },
                { for try await _ in store.list(in: [1], pageRows: 0) {} },
                { _ = try await store.count(in: []) },
                { for try await _ in store.scan(range: "7") {} },
            ]
            for (index, body) in refused.enumerated() {
                let error = await #expect(throws: StoreClientError.self) { try await body() }
                #expect(error?.code == .invalidArgument, "\(index)")
                #expect(error?.mayHaveHappened == false, "\(index)")
            }
            #expect(ring.range.takeCalls().isEmpty)
        }
    }

    @Test("a status has the ranges of all pages; only administrators scan")
    func administration() async throws {
        try await ScriptedRing.with { ring in
            try await ring.client.store.put(StoreKey("k", in: "p"), [1])
            let status = try await ring.client.store.status(of: ring.second)
            #expect(status.node == "n2" && status.state == .serving && status.replicas == 2)
            #expect(status.store == "00000000000000000000000000000001")
            #expect(status.ranges.count == 2)
            #expect(status.ranges[0].isLedHere && status.ranges[0].leadingReplica?.node == "n2")
            #expect(status.ranges[0].issues.map(\.detail) == ["2 of 3"])
            let error = await #expect(throws: StoreClientError.self) {
                for try await _ in ring.client.store.scan(ring.second) {}
            }
            #expect(error?.code == .refused)
        }
        try await ScriptedRing.with(as: "admin") { ring in
            try await ring.client.store.put(StoreKey("k", in: "p"), [1])
            var rows: [StoreRow] = []
            for try await row in ring.client.store.scan(ring.second) { rows.append(row) }
            #expect(rows.map(\.key) == [StoreKey("k", in: "p")])
        }
    }
}

extension Result {
    fileprivate var isFailure: Bool {
        if case .failure = self { true } else { false }
    }
}
