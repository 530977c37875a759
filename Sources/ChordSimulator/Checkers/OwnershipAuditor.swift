// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// The ranges that nodes claim to own, at every moment of a run. It finds identifiers with two
/// owners, and measures how long identifiers have no owner.
package struct OwnershipAuditor: Hashable, Sendable {
    private struct Owner: Hashable {
        var number: Int
        var id: Identifier
        var after: Identifier
    }

    /// In the order of their identifiers.
    private var owners: [Owner] = []
    private var reported: [Int: IdentifierRange] = [:]
    private var overlapSince: Int64?
    private var gapSince: Int64?
    /// For each node, how often the range reported to its embedder has changed.
    package private(set) var rangeChanges: [Int: Int] = [:]
    /// The longest time for which two nodes owned one identifier, in nanoseconds.
    package private(set) var longestOverlap: Int64 = 0
    /// The longest time for which an identifier had no owner, in nanoseconds.
    package private(set) var longestGap: Int64 = 0

    /// No node owns anything.
    package init() {}

    /// Whether a node's range differs from the one that it was last set to.
    func ownsOtherwise(_ number: Int, at id: Identifier, after: Identifier?) -> Bool {
        owners.first { $0.id == id && $0.number == number }?.after != after
    }

    /// Sets a node's range: from `after` up to the node itself; none if `after` is nil.
    mutating func owns(
        _ number: Int,
        at id: Identifier,
        after: Identifier?,
        reported range: IdentifierRange?,
        now: Int64
    ) {
        if reported[number] != range {
            if reported[number] != nil || range != nil { rangeChanges[number, default: 0] += 1 }
            reported[number] = range
        }
        let index = owners.firstIndex { $0.id >= id } ?? owners.count
        let isThere = index < owners.count && owners[index].id == id
        guard let after else {
            guard isThere, owners[index].number == number else { return }
            owners.remove(at: index)
            return judge(now)
        }
        let owner = Owner(number: number, id: id, after: after)
        if isThere {
            guard owners[index] != owner else { return }
            owners[index] = owner
        } else {
            owners.insert(owner, at: index)
        }
        judge(now)
    }

    /// A process has ended: it owns nothing any more, and reports nothing.
    mutating func ended(_ number: Int, at id: Identifier, now: Int64) {
        reported[number] = nil
        owners.removeAll { $0.id == id && $0.number == number }
        judge(now)
    }

    private mutating func judge(_ now: Int64) {
        var isOverlapping = false
        var hasGap = owners.isEmpty
        for index in owners.indices {
            let owner = owners[index]
            let before = owners[(index + owners.count - 1) % owners.count].id
            if owner.after == before { continue }
            // A lone node owns the whole circle, or a part of it.
            if owners.count > 1, before.isBetween(owner.after, and: owner.id) {
                isOverlapping = true
            } else {
                hasGap = true
            }
        }
        Self.measure(isOverlapping, &overlapSince, &longestOverlap, now)
        Self.measure(hasGap, &gapSince, &longestGap, now)
    }

    private static func measure(
        _ isSo: Bool,
        _ since: inout Int64?,
        _ longest: inout Int64,
        _ now: Int64
    ) {
        if let start = since {
            longest = max(longest, now - start)
            if !isSo { since = nil }
        } else if isSo {
            since = now
        }
    }

    /// The faults begin. The time before, while the ring formed, does not count.
    mutating func begin(at now: Int64) {
        rangeChanges = [:]
        longestOverlap = 0
        longestGap = 0
        overlapSince = nil
        gapSince = nil
        judge(now)
    }

    /// The run has ended.
    mutating func end(at now: Int64) {
        judge(now)
    }
}
