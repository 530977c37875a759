// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Detects that this node's own link fails, and not the nodes that it calls.
///
/// If calls of others arrive while none of its own calls succeeds, a node has a broken link, and
/// must not take its neighbours for dead. If no calls arrive either, it may be cut off, or may be
/// the last member; it continues as before.
///
/// The criterion is whether any call succeeds, not the fraction of failed calls. After a mass
/// failure most calls of a healthy node fail too. And a node with one working link can ask that
/// member about the others.
package struct DialHealth: Hashable, Sendable {
    /// The bounds. Times are in ticks, which are stabilize intervals.
    package struct Settings: Hashable, Sendable {
        /// Ticks for which the result of a call counts.
        package var windowTicks = 5
        /// The number of nodes that must have failed to answer within the window. With a lower
        /// number this node would blame itself for one dead neighbour.
        package var leastFailed = 2

        /// The defaults.
        package init() {}
    }

    private struct Failure: Hashable {
        var id: Identifier
        var tick: Int
        /// Whether no call has succeeded since.
        var isLatest = true
    }

    private let settings: Settings
    private var now = 0
    private var failures: [Failure] = []

    /// Nothing is known yet.
    package init(settings: Settings = Settings()) {
        self.settings = settings
    }

    /// Ticks for which the result of a call, and a call of another member, count.
    package var windowTicks: Int { settings.windowTicks }

    /// A stabilize interval has passed.
    package mutating func tick() {
        now += 1
        failures.removeAll { now - $0.tick > settings.windowTicks }
    }

    /// A call of this node was answered.
    package mutating func succeeded(_ id: Identifier) {
        failures.removeAll { $0.id == id }
        for index in failures.indices { failures[index].isLatest = false }
    }

    /// A call of this node was not answered.
    package mutating func failed(_ id: Identifier) {
        failures.removeAll { $0.id == id }
        failures.append(Failure(id: id, tick: now))
        if failures.count > 64 { failures.removeFirst() }
    }

    /// Whether the last call to a node failed recently.
    package func hasFailed(_ id: Identifier) -> Bool {
        failures.contains { $0.id == id }
    }

    /// Whether this node's own link is to blame for its failed calls.
    ///
    /// - Parameter isHeard: whether another member has called this node within ``windowTicks``.
    package func isLinkToBlame(isHeard: Bool) -> Bool {
        isHeard && failures.count { $0.isLatest } >= settings.leastFailed
    }
}
