// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// Decides where the leader of a range splits it.
///
/// A range is split at the identifier of a store member inside it, so that the member can come to hold what it
/// owns, and where it has become too large. Everything is right without any split.
package struct SplitPolicy: Hashable, Sendable {
    /// When ranges are split.
    package struct Limits: Hashable, Sendable {
        /// Rows from which a range is split. More: fewer groups. Fewer: shorter snapshots and moves.
        package var rows: UInt64 = 250_000
        /// Bytes of keys and values from which a range is split.
        package var bytes: UInt64 = 64 << 20
        /// Replicas of a node from which on its ranges are split by size only. Each costs memory and heartbeats.
        package var replicasPerNode = 1000
        /// How long a member must have been at its place. Shorter splits sooner; longer makes fewer ranges of
        /// members that come and go.
        package var settleTime: Duration = .seconds(10)

        package init() {}

        /// The part of its limit that a size has reached: 1 and more is too large.
        func load(_ size: RangeSize) -> Double {
            max(Double(size.rows) / Double(rows), Double(size.bytes) / Double(bytes))
        }
    }

    /// What to do next.
    package enum Step: Hashable, Sendable {
        case none
        /// Split after this position, a member's identifier.
        case at(Identifier)
        /// Find the position before which half of the range lies, and split there.
        case half
    }

    /// Time after which a range that could not be halved is looked at again.
    private static let retryTime: Duration = .seconds(60)

    /// When each member inside was first at its place, without interruption.
    private var since: [Identifier: Duration] = [:]
    private var retryAt: Duration?

    package init() {}

    /// - Parameters:
    ///   - members: identifiers of store members inside the range; nil while the ring is not sure.
    ///   - replicas: how many replicas the deciding node has.
    package mutating func nextStep(
        bounds: IdentifierRange,
        size: RangeSize,
        members: [Identifier]?,
        replicas: Int,
        limits: Limits,
        now: Duration
    ) -> Step {
        let inside = (members ?? []).filter { bounds.canSplit(at: $0) }
        var since: [Identifier: Duration] = [:]
        for member in inside { since[member] = self.since[member] ?? now }
        self.since = since
        let settled = inside.filter { now - (since[$0] ?? now) >= limits.settleTime }
        if replicas < limits.replicasPerNode, let first = settled.first(clockwiseIn: bounds) {
            return .at(first)
        }
        guard limits.load(size) >= 1, retryAt.map({ now >= $0 }) ?? true else { return .none }
        return .half
    }

    /// All rows of the range have one position, so it cannot be halved.
    package mutating func couldNotHalve(now: Duration) {
        retryAt = now + Self.retryTime
    }
}

extension [Identifier] {
    /// The one that comes first clockwise from the lower bound of an arc that contains all of them.
    fileprivate func first(clockwiseIn bounds: IdentifierRange) -> Identifier? {
        self.min { left, right in
            left != right && left.isIn(after: bounds.lowerBound, through: right)
        }
    }
}

/// Counts the rows of a range in the order of the circle until the place of a split is found.
///
/// The count goes on while rows change, so it is an estimate; it decides about later splits only.
package struct SplitSearch: Hashable, Sendable {
    package enum Target: Hashable, Sendable {
        /// Count the rows up to this position.
        case position([UInt8])
        /// Find the position up to which half of the range lies.
        case half
    }

    /// Where a range can be split.
    package struct Found: Hashable, Sendable {
        package var position: [UInt8]
        /// The size of the part up to the position.
        package var size: RangeSize
    }

    private let target: Target
    private let limits: SplitPolicy.Limits
    private let half: Double
    private var intervals: [RowInterval]
    private var counted = RangeSize()
    private var last: [UInt8]?
    /// The latest place between two positions, with rows on both sides.
    private var candidate: Found?

    /// - Parameter state: the range as it is now.
    package init(_ target: Target, in state: RangeState, limits: SplitPolicy.Limits) {
        self.target = target
        self.limits = limits
        half = limits.load(state.size) / 2
        var bounds = state.bounds
        if case .position(let position) = target {
            let after = state.space.bytes(of: state.descriptor.bounds.lowerBound)
            bounds = RowBounds(after: after, through: position)
        }
        // The circle begins after the lower bound; an arc over zero has its first part last.
        intervals = bounds.intervals.reversed().map { $0.rows(of: state.slot) }
    }

    /// Rows to read next; nil when all were read.
    package var next: RowInterval? { intervals.first }

    /// Counts the rows of ``next`` that were read.
    ///
    /// - Returns: the place of the split, once it is known.
    package mutating func take(_ page: RowPage) -> Found? {
        for element in page.rows {
            if let found = take(element) { return found }
        }
        if let next = page.next {
            intervals[0].first = next
        } else {
            intervals.removeFirst()
        }
        guard intervals.isEmpty else { return nil }
        switch target {
        case .position(let position): return Found(position: position, size: counted)
        case .half: return candidate
        }
    }

    private mutating func take(_ element: RowPage.Element) -> Found? {
        let position = element.key.position
        if target == .half, let last, position != last {
            candidate = Found(position: last, size: counted)
            if limits.load(counted) >= half { return candidate }
        }
        last = position
        counted.add(element)
        return nil
    }
}
