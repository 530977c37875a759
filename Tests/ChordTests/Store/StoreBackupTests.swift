// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordTestSupport
import ChordWire
import Testing

@testable import Chord
@testable import ChordStore

/// Exports and imports by the library, with real nodes over TLS.
@Suite("Exports and imports of the store", .tags(.network), .timeLimit(.minutes(5)))
struct StoreBackupTests {
    /// What an export delivers, without the blocks that it takes back.
    private struct Exported {
        var ranges: [StoreExportedRange] = []
        var rows: [StoreRow] = []
        var restarts = 0

        /// Whether the ranges make up the circle, each once and in order.
        var isCircle: Bool {
            let ends = ranges.map(\.bounds.upperBound)
            let begins = ranges.map(\.bounds.lowerBound)
            return !ranges.isEmpty && begins.dropFirst() == ends.dropLast()
                && begins.first == ends.last
        }
    }

    private func export(
        _ store: StoreClient,
        after place: StoreExportPlace? = nil,
        _ during: (StoreExportBlock) async throws -> Void = { _ in }
    ) async throws -> Exported {
        var exported = Exported()
        var open: [StoreRow] = []
        var isOpen = false
        for try await block in store.export(after: place, timeout: .seconds(60)) {
            if block.isFirst {
                if isOpen { exported.restarts += 1 }
                open = []
            }
            isOpen = !block.isLast
            open += block.rows
            if block.isLast {
                #expect(UInt64(open.count) == block.range.rows)
                #expect(open.allSatisfy { $0.value.version <= block.range.version })
                exported.ranges.append(block.range)
                exported.rows += open
                open = []
            }
            try await during(block)
        }
        #expect(!isOpen)
        return exported
    }

    @Test("An export has every row once, with its version and its time to live")
    func rows() async throws {
        try await withStoreRing(.disk) { ring in
            let node = try await ring.start("n1")
            try await ring.start("n2")
            try await ring.start("n3")
            try await ring.awaitVoters(3)
            let store = node.store
            var versions: [StoreKey: UInt64] = [:]
            for number in 0..<60 {
                let key = StoreKey([UInt8(number), 0, 255], in: number % 2 == 0 ? [0, 1] : nil)
                let written = try await store.put(key, [UInt8](repeating: 200, count: number * 100))
                versions[StoreKey(key.name, in: key.partition ?? key.name)] = written.version
            }
            try await store.put("session", [1], timeToLive: .seconds(3_600))
            let large = [UInt8](repeating: 7, count: 1 << 20)
            for number in 0..<4 { try await store.put(StoreKey("large\(number)"), large) }
            let admin = try await client("admin", of: node)
            let exported = try await export(admin.store)
            #expect(exported.isCircle)
            #expect(exported.rows.count == 65)
            #expect(Set(exported.rows.map(\.key)).count == 65)
            for (key, version) in versions {
                #expect(exported.rows.first { $0.key == key }?.value.version == version)
            }
            let session = exported.rows.first { $0.key.name == Array("session".utf8) }
            let left = try #require(session?.value.timeToLive)
            #expect(left > .seconds(3_000) && left <= .seconds(3_600))
            #expect(exported.rows.count { $0.value.bytes == large } == 4)
            // From the first range on.
            let first = exported.ranges[0].bounds
            if exported.ranges.count > 1 {
                let place = StoreExportPlace(
                    beginning: first.lowerBound,
                    reached: first.upperBound
                )
                let rest = try await export(admin.store, after: place)
                #expect(rest.ranges.map(\.range) == exported.ranges.dropFirst().map(\.range))
            }
            await admin.close()
        }
    }

    @Test(
        "While clients write and ranges split, every position is exported once, each range at one version"
    )
    func splits() async throws {
        try await withStoreRing(.memory) { ring in
            let node = try await ring.start("n1")
            let store = node.store
            let pad = [UInt8](repeating: 1, count: 2_000)
            for number in 0..<1_500 { try await store.put(StoreKey("k\(number)"), pad) }
            let admin = try await client("admin", of: node)
            let writer = Task {
                // Pairs in one partition are written together, so an export never has one without the other.
                var number = 0
                while !Task.isCancelled {
                    number += 1
                    _ = try? await store.batch(
                        [.put([1], Array("\(number)".utf8)), .put([2], Array("\(number)".utf8))],
                        in: Array("pair\(number % 50)".utf8)
                    )
                }
            }
            var joined = false
            let exported = try await export(admin.store) { block in
                guard !joined else { return }
                joined = true
                // Their identifiers split the range whose first block was read, and it gets other leaders.
                try await ring.start("n2")
                try await ring.start("n3")
                var ranges = 0
                try await eventually("three ranges, of which \(ranges) have a leader") {
                    ranges = try await ring.ranges().count
                    return ranges >= 3
                }
            }
            writer.cancel()
            await writer.value
            #expect(exported.isCircle)
            let names = Set(exported.rows.map(\.key))
            #expect(names.count == exported.rows.count)
            for number in 0..<1_500 {
                let name = Array("k\(number)".utf8)
                #expect(names.contains(StoreKey(name, in: name)))
            }
            var pairs: [[UInt8]: [[UInt8]: [UInt8]]] = [:]
            for row in exported.rows where row.key.name == [1] || row.key.name == [2] {
                pairs[row.key.partition ?? [], default: [:]][row.key.name] = row.value.bytes
            }
            #expect(pairs.values.allSatisfy { $0[[1]] == $0[[2]] })
            await admin.close()
        }
    }

    @Test("A copy that was lost lets the range be exported again")
    func lostCopy() async throws {
        try await withStoreRing(.memory) { ring in
            let node = try await ring.start("n1")
            let pad = [UInt8](repeating: 1, count: 4_000)
            for number in 0..<1_000 { try await node.store.put(StoreKey("k\(number)"), pad) }
            let part = try #require(node.services.compactMap { $0 as? StoreService }.first?.current)
            let admin = try await client("admin", of: node)
            var isLost = false
            let exported = try await export(admin.store) { block in
                guard !isLost, block.isFirst, !block.isLast else { return }
                isLost = true
                await part.loseCopies()
            }
            #expect(isLost && exported.restarts == 1)
            #expect(exported.isCircle && exported.rows.count == 1_000)
            await admin.close()
        }
    }

    @Test("A store imports the rows of another, and versions go on above those")
    func imported() async throws {
        var rows: [StoreRow] = []
        var highest: UInt64 = 0
        var old: UInt64 = 0
        try await withStoreRing(.memory) { ring in
            let node = try await ring.start("n1")
            for number in 0..<300 {
                let key = StoreKey("k\(number)", in: number < 200 ? "p\(number % 3)" : nil)
                try await node.store.put(
                    key,
                    Array("\(number)".utf8),
                    timeToLive: number == 7 ? .seconds(900) : nil
                )
            }
            old = try await node.store.put("again", [1]).version
            try await node.store.delete("again")
            let admin = try await client("admin", of: node)
            let exported = try await export(admin.store)
            rows = exported.rows
            highest = exported.ranges.map(\.version).max() ?? 0
            await admin.close()
        }
        #expect(rows.count == 300 && highest > old)
        try await withStoreRing(.memory) { ring in
            let node = try await ring.start("n1")
            try await ring.start("n2")
            try await ring.awaitVoters(2)
            try await node.store.put(StoreKey("k0", in: "p0"), Array("mine".utf8))
            let admin = try await client("admin", of: node)
            let ranges = try await admin.store.raiseVersions(above: highest)
            #expect(try await ranges == ring.ranges().count)
            #expect(try await admin.store.raiseVersions(above: highest) == ranges)
            let skipped = try await admin.store.importRows(rows, skippingExisting: true)
            #expect(skipped == StoreImportCount(written: 299, skipped: 1))
            let kept = try await node.store.get(StoreKey("k0", in: "p0"))
            #expect(kept?.text == "mine")
            let written = try await admin.store.importRows(rows, callsInFlight: 8)
            #expect(written == StoreImportCount(written: 300))
            for row in rows {
                let value = try #require(try await node.store.get(row.key))
                #expect(value.bytes == row.value.bytes && value.version > highest)
                #expect((value.timeToLive == nil) == (row.value.timeToLive == nil))
            }
            // A program that remembers a version of the former store.
            let fresh = try await node.store.put("again", [2])
            #expect(fresh.version > highest)
            let stale = try await node.store.put("again", [3], if: .version(old))
            #expect(!stale.applied)
            await admin.close()
        }
    }

    @Test("Only administrators export and raise versions, and impossible versions are refused")
    func refused() async throws {
        try await withStoreRing(.memory) { ring in
            let node = try await ring.start("n1")
            let alice = try await client("alice", of: node)
            let raise = await #expect(throws: StoreClientError.self) {
                try await alice.store.raiseVersions(above: 5)
            }
            #expect(raise?.code == .refused)
            let export = await #expect(throws: StoreClientError.self) {
                for try await _ in alice.store.export() {}
            }
            #expect(export?.code == .refused)
            await alice.close()
            let own = await #expect(throws: StoreClientError.self) {
                for try await _ in node.store.export() {}
            }
            #expect(own?.code == .refused)
            let admin = try await client("admin", of: node)
            let high = await #expect(throws: StoreClientError.self) {
                try await admin.store.raiseVersions(above: 1 << 61 + 1)
            }
            #expect(high?.code == .invalidArgument)
            // Another implementation may send what our client never does.
            let request = RaiseVersionsRequest(position: .zero, above: 1 << 62)
            let wire = await #expect(throws: ChordError.self) {
                try await admin.call(
                    StoreMethods.raiseVersions,
                    request.encoded(in: node.parameters.space)
                )
            }
            #expect((wire?.cause as? Status)?.code == .invalidArgument)
            let gone = ExportRequest(position: .zero, copy: 7, offset: 9)
            let lost = await #expect(throws: ChordError.self) {
                try await admin.call(StoreMethods.export, gone.encoded(in: node.parameters.space))
            }
            #expect((lost?.cause as? Status)?.code == .aborted)
            // An empty store has one range without rows.
            let empty = try await self.export(admin.store)
            #expect(empty.isCircle && empty.rows.isEmpty)
            await admin.close()
        }
    }

    @Test("A node makes four copies at a time")
    func copies() async throws {
        try await withStoreRing(.memory) { ring in
            let node = try await ring.start("n1")
            let pad = [UInt8](repeating: 1, count: 4_000)
            for number in 0..<600 { try await node.store.put(StoreKey("k\(number)"), pad) }
            let admin = try await client("admin", of: node)
            func begin(_ copy: UInt128) async throws -> ExportReply.Content {
                let request = ExportRequest(position: .zero, copy: copy, offset: 0)
                let space = node.parameters.space
                let bytes = try await admin.call(StoreMethods.export, request.encoded(in: space))
                let reply = try ExportReply(decoding: bytes, space: space)
                guard case .answer(_, let content) = reply.outcome else {
                    return try #require(nil, "\(reply)")
                }
                return content
            }
            let first = try await begin(1)
            for copy in 2...4 as ClosedRange<UInt128> { _ = try await begin(copy) }
            // The answer's place and version are those of now, the content is that of the copy.
            #expect(try await begin(1) == first)
            let error = await #expect(throws: ChordError.self) { try await begin(5) }
            let status = try #require(error?.cause as? Status)
            #expect(status.code == .resourceExhausted && status.message.contains("4 ranges"))
            await admin.close()
        }
    }
}

extension StoreServer {
    /// All copies are gone, as after a restart.
    fileprivate func loseCopies() { copies = RangeCopies() }
}
