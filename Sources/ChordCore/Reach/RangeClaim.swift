// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// A member's claim on the range before it, as it tells its head with each question and each Notify.
///
/// A head that takes the member for dead needs it: the member may be alive and only be cut off, and
/// then goes on owning its range until it learns of the head's decision. The claim says how the head
/// can know that the member owns nothing any more.
package struct RangeClaim: Hashable, Sendable {
    /// The longest interval and the longest hold. A member with longer ones sends no claim.
    package static let longest = Duration.seconds(600)

    /// The member's identifier.
    package var id: Identifier
    /// Rises each time the member gives its range up. So a claim with a higher number shows that the
    /// member has given up what the answers to earlier claims left to it.
    package var number: UInt64
    /// The longest time until the member's next question.
    package var interval: Duration
    /// How long the member owns its range at most after it sent this claim, if it hears nothing from
    /// its head and takes it for alive.
    package var hold: Duration
    /// Whether another member passes the claim on, because the member cannot reach its head. Such a
    /// claim never shows that the member has given its range up.
    package var isForwarded = false

    /// A claim from its parts.
    package init(
        id: Identifier,
        number: UInt64,
        interval: Duration,
        hold: Duration,
        isForwarded: Bool = false
    ) {
        self.id = id
        self.number = number
        self.interval = interval
        self.hold = hold
        self.isForwarded = isForwarded
    }
}
