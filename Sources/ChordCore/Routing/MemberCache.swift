// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Members that a node has heard of beside its routing table, so that most of its lookups need one hop.
///
/// They come from answers that the node gets anyway, so the cache costs no message. An entry is a hint: a lookup asks
/// a cached member that lies before the identifier, as it asks a finger, and the answer is checked in the same way. A
/// wrong entry therefore costs one call. Only other members' words keep an entry: one that has come into another ring
/// would name itself for ever. (Compare EpiChord, Leong, Liskov and Demaine, 2004, whose tables are learned from
/// lookups too.)
package struct MemberCache: Sendable {
    /// How much is kept.
    package struct Limits: Hashable, Sendable {
        /// Bytes of all entries. About 200 are needed for each member. 0 keeps none.
        package var bytes: Int
        /// How long an entry is used after another member last named it. Longer knows more members of a ring with few
        /// lookups; shorter asks fewer that have gone.
        package var age: Duration

        package init(bytes: Int = 2 << 20, age: Duration = .seconds(300)) {
            self.bytes = bytes
            self.age = age
        }
    }

    private struct Entry: Sendable {
        var node: NodeReference
        /// The member before this one, if an answer has told: what lies after it belongs to this one.
        var start: Identifier?
        /// When another member last named it.
        var heard: Duration
        /// Set where the member did not answer: it is not asked again before others have named it after this time.
        var doubtedUntil: Duration?

        var bytes: Int { MemoryLayout<Entry>.stride + node.heapBytes }
    }

    /// How long what others say of a member counts for nothing after it did not answer. Its neighbours name it until
    /// they have noticed too.
    private static let doubtTime: Duration = .seconds(30)
    /// How long an entry is not looked at again. Busy nodes hear of the same members thousands of times per second.
    private static let freshTime: Duration = .seconds(1)
    /// How many entries are looked at for one that can be asked.
    private static let searchLimit = 8

    private let limits: Limits
    /// By identifier.
    private var entries: [Entry] = []
    /// The memory of all entries, estimated.
    package private(set) var bytes = 0

    package init(_ limits: Limits) {
        self.limits = limits
    }

    /// The number of members that are known, those in doubt included.
    package var count: Int { entries.count }

    // MARK: - Learning

    /// Takes what a member has said of another, or of itself.
    ///
    /// Hearsay never moves an entry to another address while the entry counts: a peer could name any address with
    /// the highest incarnation.
    ///
    /// - Parameters:
    ///   - start: the identifier of the member before it, if the answer tells that.
    ///   - isVerified: whether the member itself has answered, over a connection that proves its name. That settles
    ///     its address and ends a doubt, and does not make a known entry younger.
    package mutating func learn(
        _ node: NodeReference,
        after start: Identifier? = nil,
        isVerified: Bool = false,
        at now: Duration
    ) {
        guard limits.bytes > 0 else { return }
        let index = firstIndex(atLeast: node.id)
        guard index < entries.count, entries[index].node.id == node.id else {
            let entry = Entry(node: node, start: start, heard: now)
            entries.insert(entry, at: index)
            bytes += entry.bytes
            if bytes > limits.bytes { makeRoom(at: now) }
            return
        }
        let known = entries[index]
        if let until = known.doubtedUntil, now < until, !isVerified { return }
        let isStale = known.doubtedUntil != nil || now - known.heard > limits.age
        let hasMoved = known.node.address != node.address || known.node.name != node.name
        guard isVerified || isStale || !hasMoved else { return }
        guard isVerified || isStale || known.node.incarnation <= node.incarnation else { return }
        let heard = isVerified && !isStale ? known.heard : now
        entries[index] = Entry(node: node, start: start ?? known.start, heard: heard)
        bytes += entries[index].bytes - known.bytes
    }

    /// Whether a member was heard of just before, so that learning of it again would change little.
    package func hasJustHeard(of id: Identifier, at now: Duration) -> Bool {
        let index = firstIndex(atLeast: id)
        guard index < entries.count, entries[index].node.id == id else { return false }
        return entries[index].doubtedUntil == nil && now - entries[index].heard < Self.freshTime
    }

    /// A member did not answer, or not as a member of the ring.
    package mutating func doubt(_ id: Identifier, at now: Duration) {
        let index = firstIndex(atLeast: id)
        guard index < entries.count, entries[index].node.id == id else { return }
        entries[index].doubtedUntil = now + Self.doubtTime
    }

    /// The connection to an address broke.
    package mutating func doubt(address: String, at now: Duration) {
        for index in entries.indices where entries[index].node.address == address {
            entries[index].doubtedUntil = now + Self.doubtTime
        }
    }

    /// Drops what is too old, and then the older half if that is not enough: one look at all entries makes room for
    /// many.
    private mutating func makeRoom(at now: Duration) {
        entries.removeAll { now - $0.heard > limits.age }
        bytes = entries.reduce(0) { $0 + $1.bytes }
        guard bytes > limits.bytes else { return }
        let middle = entries.map(\.heard).sorted()[entries.count / 2]
        var spare = entries.count / 2
        entries.removeAll { entry in
            guard entry.heard <= middle, spare > 0 else { return false }
            spare -= 1
            return true
        }
        bytes = entries.reduce(0) { $0 + $1.bytes }
    }

    // MARK: - Asking

    /// The member after `node` and not past `id` that is nearest to `id`.
    package func preceding(
        _ id: Identifier,
        after node: Identifier,
        at now: Duration
    ) -> NodeReference? {
        var index = firstIndex(atLeast: id)
        if index < entries.count, entries[index].node.id == id { index += 1 }
        for _ in 0..<min(Self.searchLimit, entries.count) {
            index = index == 0 ? entries.count - 1 : index - 1
            let entry = entries[index]
            // All further ones lie before the node itself.
            guard entry.node.id.isIn(after: node, through: id) else { return nil }
            if entry.doubtedUntil == nil, now - entry.heard <= limits.age { return entry.node }
        }
        return nil
    }

    /// The member that owned an identifier when answers last named it.
    package func owner(of id: Identifier, at now: Duration) -> NodeReference? {
        var index = firstIndex(atLeast: id)
        for _ in 0..<min(Self.searchLimit, entries.count) {
            if index == entries.count { index = 0 }
            let entry = entries[index]
            index += 1
            // A member before this one may have gone: its range belongs to this one then.
            guard entry.doubtedUntil == nil, now - entry.heard <= limits.age else { continue }
            guard let start = entry.start, id.isIn(after: start, through: entry.node.id) else {
                return nil
            }
            return entry.node
        }
        return nil
    }

    private func firstIndex(atLeast id: Identifier) -> Int {
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].node.id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension NodeReference {
    /// The memory of its texts outside of the value. Swift keeps texts of up to 15 bytes inside.
    fileprivate var heapBytes: Int {
        [name, address, failureDomain].reduce(0) { sum, text in
            text.utf8.count > 15 ? sum + 32 + text.utf8.count : sum
        }
    }
}
