// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Whether it is this node's own calls that fail, rather than the nodes that it calls.
///
/// A node that hears others' calls while none of its own gets through has a broken link, not a broken ring:
/// it must not take its neighbours for dead. A node that hears nothing either may be cut off, or the last
/// member; it goes on as before.
///
/// The criterion is whether any call gets through, not the share of calls that fail: after a mass failure most
/// calls of a healthy node fail, too, and a node with one link left can ask that member about the others.
package struct DialHealth: Hashable, Sendable {
    /// The bounds. Times are in ticks, which are stabilize intervals.
    package struct Settings: Hashable, Sendable {
        /// Ticks for which the end of a call counts.
        package var windowTicks = 5
        /// Nodes that must have failed to answer within the window. Fewer blame this node for one dead
        /// neighbour.
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

    /// Ticks for which the end of a call, and a call of another member, count.
    package var windowTicks: Int { settings.windowTicks }

    /// A stabilize interval has passed.
    package mutating func tick() {
        now += 1
        failures.removeAll { now - $0.tick > settings.windowTicks }
    }

    /// A call of ours was answered.
    package mutating func succeeded(_ id: Identifier) {
        failures.removeAll { $0.id == id }
        for index in failures.indices { failures[index].isLatest = false }
    }

    /// A call of ours was not answered.
    package mutating func failed(_ id: Identifier) {
        failures.removeAll { $0.id == id }
        failures.append(Failure(id: id, tick: now))
        if failures.count > 64 { failures.removeFirst() }
    }

    /// Whether the last call to a node failed a short while ago.
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
