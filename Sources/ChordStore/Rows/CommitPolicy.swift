// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

/// When an engine makes changes durable that nobody has asked it to.
///
/// The log is durable already, so a longer wait loses nothing. It only makes a restart apply more entries
/// again, and keeps the log longer.
package struct RowCommitPolicy: Hashable, Sendable {
    /// The longest time from a change to its commit.
    ///
    /// Longer: fewer syncs, and pages that change often are written less often. Shorter: logs are truncated
    /// earlier.
    package var delay = Duration.milliseconds(50)

    /// The most changes of one commit, unless a single work has more.
    ///
    /// More: fewer syncs under load. Fewer: works wait less long behind a commit, and changes take less
    /// memory.
    package var changes = 4_096

    /// The most bytes of the changes of one commit, unless a single work has more.
    ///
    /// More and fewer as with `changes`; this bounds the memory.
    package var bytes = 8 << 20

    package init() {}

    /// - Throws: `invalidSettings`; the message names the setting.
    package func validate() throws(StoreError) {
        func check(_ name: String, _ isValid: Bool, _ range: String) throws(StoreError) {
            guard isValid else {
                throw StoreError(.invalidSettings, "\(name) must be from \(range)")
            }
        }
        try check("delay", delay >= .zero && delay <= .seconds(60), "0 to 60 s")
        try check("changes", (1...1_000_000).contains(changes), "1 to 1,000,000")
        try check("bytes", (1...(1 << 30)).contains(bytes), "1 to 1 GiB")
    }
}

/// The changes since the last commit, and whether it is time for the next one.
struct PendingChanges {
    private let policy: RowCommitPolicy
    private(set) var changes = 0
    private(set) var bytes = 0
    /// Counts commits, so that the timer of an earlier one is recognized.
    private(set) var generation: UInt64 = 0
    private var hasTimer = false

    init(policy: RowCommitPolicy) {
        self.policy = policy
    }

    var isEmpty: Bool { changes == 0 }
    /// Whether to commit now.
    var isDue: Bool { changes >= policy.changes || bytes >= policy.bytes }

    mutating func add(changes: Int, bytes: Int) {
        self.changes += changes
        self.bytes += bytes
    }

    /// The delay of a timer that the engine must start now; nil if it needs none.
    mutating func timerToStart() -> Duration? {
        guard !isEmpty, !hasTimer else { return nil }
        hasTimer = true
        return policy.delay
    }

    /// Whether a timer asks for a commit. It does not if its changes are durable already.
    func isCurrent(timer generation: UInt64) -> Bool {
        generation == self.generation && !isEmpty
    }

    /// There are no changes any more: they are durable, or lost.
    mutating func clear() {
        changes = 0
        bytes = 0
        generation += 1
        hasTimer = false
    }
}
