// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord

/// Counts visits in the ring's store. Every node of the ring can have one; together they count each visit once.
struct VisitCounter {
    private let store: StoreClient

    init(_ node: ChordNode) {
        store = node.store
    }

    /// Counts one visit of a page.
    ///
    /// - Returns: the number of this visit.
    /// - Throws: `StoreClientError`. If its `mayHaveHappened` is true, the visit may be counted all the same.
    func visit(_ page: String) async throws(StoreClientError) -> Int {
        let key = StoreKey(page, in: "visits")
        while true {
            let present = try await store.get(key)
            let count = present?.text.flatMap { Int($0) } ?? 0
            // Done only if nobody has counted in between; otherwise the loop reads anew.
            let written = try await store.put(
                key,
                Array("\(count + 1)".utf8),
                if: present.map { .version($0.version) } ?? .absent
            )
            if written.applied { return count + 1 }
        }
    }

    /// The visits of all pages.
    func all() async throws(StoreClientError) -> [String: Int] {
        var visits: [String: Int] = [:]
        for try await row in store.list(in: Array("visits".utf8)) {
            visits[String(decoding: row.key.name, as: UTF8.self)] = row.value.text.flatMap {
                Int($0)
            }
        }
        return visits
    }
}
