// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
package import ChordRPC
package import ChordWire

/// A range as a client knows it, from a redirect.
package struct KnownRange: Hashable, Sendable {
    package var descriptor: WireRangeDescriptor
    /// The replica number of the leader; nil if unknown.
    package var leader: UInt64?
    /// The leader's term.
    package var term: UInt64
    /// Whether a node has named the leader since it could last not be reached from here.
    package var isLeaderConfirmed = true
    /// The range's time in its last answer, in milliseconds; nil before the first answer.
    package var timeMilliseconds: UInt64?
    /// When that answer came, on the client's clock.
    package var timeLearnedAt: MonotonicTime?

    package init(_ hint: WireRangeHint) {
        descriptor = hint.descriptor
        leader = hint.leader
        term = hint.term
    }

    /// The leading replica, if it is known.
    package var leadingReplica: WireReplica? {
        descriptor.replicas.first { $0.number == leader }
    }

    /// Takes over a newer hint about the same range; an older one changes nothing.
    fileprivate mutating func take(_ hint: WireRangeHint) {
        let (ours, theirs) = (RangeEpoch(descriptor.epoch), RangeEpoch(hint.descriptor.epoch))
        guard !ours.isNewer(than: theirs) else { return }
        if theirs.isNewer(than: ours) { descriptor = hint.descriptor }
        guard hint.term >= term, let named = hint.leader else { return }
        leader = named
        term = hint.term
        isLeaderConfirmed = true
    }
}

/// The ranges that a client knows, by their places on the circle. They do not overlap.
///
/// The cache only saves calls. An entry that is wrong costs one call more: the node that is asked knows better.
package struct RangeCache: Sendable {
    private struct Entry {
        var range: KnownRange
        var lastUse: UInt64
    }

    /// Sorted by the upper bounds, of which no two are equal.
    private var entries: [Entry] = []
    private var uses: UInt64 = 0
    private let capacity: Int

    /// - Parameter capacity: the most ranges that are kept, 1 or more. The one that was not used for the longest
    ///   time makes room.
    package init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    package var count: Int { entries.count }

    /// The range that contains a position, if it is known.
    package func range(at position: Identifier) -> KnownRange? {
        index(of: position).map { entries[$0].range }
    }

    /// The same; the range counts as used.
    package mutating func use(at position: Identifier) -> KnownRange? {
        guard let index = index(of: position) else { return nil }
        uses += 1
        entries[index].lastUse = uses
        return entries[index].range
    }

    /// Takes over what a node said about a range. Ranges that overlap it are forgotten, unless the hint is older
    /// than what is known of the same range.
    package mutating func learn(_ hint: WireRangeHint) {
        var known = KnownRange(hint)
        if let index = entries.firstIndex(where: { $0.range.descriptor.range == known.id }) {
            var former = entries[index].range
            former.take(hint)
            known = former
        }
        entries.removeAll { $0.range.bounds.overlaps(known.bounds) }
        uses += 1
        entries.insert(
            Entry(range: known, lastUse: uses),
            at: place(of: known.bounds.upperBound)
        )
        if entries.count > capacity, let oldest = entries.indices.min(by: isUsedEarlier) {
            entries.remove(at: oldest)
        }
    }

    /// Takes over an answer for a key at a position: the range's time. A range of another id, or with newer
    /// bounds, is forgotten, because the node that answered knows better.
    package mutating func answered(
        _ answer: WireRangeAnswer,
        at position: Identifier,
        now: MonotonicTime
    ) {
        guard let index = index(of: position) else { return }
        let known = entries[index].range
        guard known.id == answer.range, known.descriptor.epoch.bounds >= answer.epoch.bounds else {
            entries.remove(at: index)
            return
        }
        guard answer.timeMilliseconds >= known.timeMilliseconds ?? 0 else { return }
        entries[index].range.timeMilliseconds = answer.timeMilliseconds
        entries[index].range.timeLearnedAt = now
    }

    /// A replica does not lead the range of a position at present: it is asked no more until a node names it
    /// again.
    package mutating func forgetLeader(_ number: UInt64, at position: Identifier) {
        guard let index = index(of: position), entries[index].range.leader == number else { return }
        entries[index].range.leader = nil
    }

    /// The leader of the range of a position could not be reached from here. It may lead nevertheless.
    package mutating func doubtLeader(_ number: UInt64, at position: Identifier) {
        guard let index = index(of: position), entries[index].range.leader == number else { return }
        entries[index].range.isLeaderConfirmed = false
    }

    // MARK: Places

    private func isUsedEarlier(_ left: Int, _ right: Int) -> Bool {
        entries[left].lastUse < entries[right].lastUse
    }

    /// The first place whose upper bound is not before the identifier.
    private func place(of identifier: Identifier) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].range.bounds.upperBound < identifier {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }

    private func index(of position: Identifier) -> Int? {
        guard !entries.isEmpty else { return nil }
        let place = place(of: position)
        // Behind the last upper bound begins the range that ends first.
        let index = place < entries.count ? place : 0
        return entries[index].range.bounds.contains(position) ? index : nil
    }
}

extension KnownRange {
    fileprivate var id: UInt128 { descriptor.range }
    fileprivate var bounds: IdentifierRange { descriptor.bounds }
}
