// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// What a head has left to its predecessor with its answers, and until when the predecessor may own
/// it.
///
/// While the head names the predecessor, each answer prolongs the claim that came with the question.
/// When the head takes the predecessor for dead, it stops the claim: from then on no answer prolongs
/// it. The predecessor's range is free when a claim with a higher number arrives, or when the time of
/// the last prolonged claim is over.
///
/// Times are durations since any fixed moment.
package struct GrantTable: Hashable, Sendable {
    /// The result of a claim's arrival.
    package enum Outcome: Hashable, Sendable {
        /// The answer may name the member as predecessor.
        case granted
        /// The claim is stopped: the answer must not name the member as predecessor.
        case stopped
        /// The claim is stopped, and the member has given its range up.
        case released
    }

    private struct Grant: Hashable {
        var id: Identifier
        var number: UInt64
        var hold: Duration
        var due: Duration
        var end: Duration
        var isStopped = false
        var isRefused = false
    }

    /// The reserve for clocks of different rates, as a fraction of a claim's hold.
    private static let reserve = 16
    /// The number of members whose claims are kept: a predecessor, and some that it has replaced.
    private static let capacity = 16

    private var grants: [Grant] = []

    /// An empty table.
    package init() {}

    /// A claim of the predecessor, or of a former one, has arrived. This is called before the state
    /// is read from which the claim's question is answered.
    package mutating func arrived(_ claim: RangeClaim, at now: Duration) -> Outcome {
        guard let index = grants.firstIndex(where: { $0.id == claim.id }) else {
            if grants.count >= Self.capacity { grants.removeFirst() }
            grants.append(
                Grant(
                    id: claim.id,
                    number: claim.number,
                    hold: claim.hold,
                    due: now + claim.interval,
                    end: Self.end(of: claim.hold, from: now)
                )
            )
            return .granted
        }
        guard !grants[index].isStopped else {
            return claim.number > grants[index].number && !claim.isForwarded ? .released : .stopped
        }
        grants[index].number = max(grants[index].number, claim.number)
        // Only the member itself says when its next question is due. Another member that passes a claim on
        // cannot make its hold longer.
        if claim.isForwarded {
            grants[index].hold = min(grants[index].hold, claim.hold)
        } else {
            grants[index].hold = claim.hold
            grants[index].due = now + claim.interval
        }
        let end = Self.end(of: grants[index].hold, from: now)
        grants[index].end = max(grants[index].end, end)
        return .granted
    }

    private static func end(of hold: Duration, from now: Duration) -> Duration {
        now + hold + hold / reserve
    }

    /// The head takes the member for dead: no answer prolongs its claim any more.
    ///
    /// - Parameter isRefused: whether nothing listens at the member's address. Its process has ended
    ///   then, unless a question of it arrives before the next one is due.
    /// - Returns: the time until which the member may own its range; nil if it owns nothing.
    package mutating func stop(
        _ id: Identifier,
        isRefused: Bool,
        at now: Duration
    ) -> Duration? {
        guard let index = grants.firstIndex(where: { $0.id == id }) else { return nil }
        let grant = grants[index]
        let end = isRefused ? min(grant.due, grant.end) : grant.end
        grants[index].isStopped = true
        grants[index].isRefused = isRefused
        grants[index].end = end
        return end > now ? end : nil
    }

    /// The member has ended its last connection to this node. If nothing listens at its address either,
    /// its process has ended.
    ///
    /// - Returns: whether the claim is stopped, and its time is over by this.
    package mutating func callerLost(_ id: Identifier, at now: Duration) -> Bool {
        guard let index = grants.firstIndex(where: { $0.id == id }) else { return false }
        grants[index].due = now
        guard grants[index].isStopped, grants[index].isRefused else { return false }
        grants[index].end = min(grants[index].end, now)
        return true
    }

    /// Whether the time of a stopped claim is over.
    package func isOver(_ id: Identifier, at now: Duration) -> Bool {
        guard let grant = grants.first(where: { $0.id == id }) else { return true }
        return grant.isStopped && grant.end <= now
    }

    /// Forgets the claims of all members but the predecessor and those whose ranges are not free yet.
    package mutating func keep(predecessor: Identifier, former: [Identifier]) {
        grants.removeAll { $0.id != predecessor && !former.contains($0.id) }
        for index in grants.indices where !former.contains(grants[index].id) {
            grants[index].isStopped = false
        }
    }
}
