// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC

/// Decides when a changed set of files is read.
///
/// Files of a set are replaced one after the other, and some programs write them in place. So a
/// change is read when two looks in a row have seen the same. If the set does not fit together
/// then, its other files may still be under way: it is tried once more before it is reported, and
/// now and then after that, because it may become valid with time.
///
/// A value without a clock and without files: callers pass the time and what they saw.
struct FileChanges: Sendable {
    typealias Seen = [FileIdentity?]

    /// What to do after a look.
    enum Step: Equatable {
        case none
        /// The files are to be read. If they are refused, that is reported only if `reports`.
        case read(reports: Bool)
    }

    /// The time between two looks while nothing changes.
    static let interval = Duration.seconds(2)
    /// The time between the look that sees a change and the next.
    static let settling = Duration.milliseconds(500)
    /// How long a set that does not fit together may be incomplete before it is reported.
    static let patience = Duration.seconds(2)
    /// The time between two tries of a set that was reported.
    static let retry = Duration.seconds(60)

    private struct Change {
        var seen: Seen
        /// Whether the files were refused without a report.
        var isIncomplete = false
        var isReported = false
        var nextTry: MonotonicTime
    }

    /// The files in use.
    private var used: Seen
    private var change: Change?

    init(used: Seen) {
        self.used = used
    }

    /// The time until the next look.
    var pause: Duration {
        guard let change, !change.isReported else { return Self.interval }
        return Self.settling
    }

    /// Whether these are the files in use.
    func areUsed(_ seen: Seen) -> Bool { seen == used }

    /// Whether these files were refused without a report.
    func isIncomplete(_ seen: Seen) -> Bool { change?.seen == seen && change?.isIncomplete == true }

    /// - Returns: what to do now.
    mutating func look(_ seen: Seen, at now: MonotonicTime) -> Step {
        guard seen != used else {
            change = nil
            return .none
        }
        guard let change, change.seen == seen else {
            change = Change(seen: seen, nextTry: now)
            return .none
        }
        guard now >= change.nextTry else { return .none }
        return .read(reports: change.isIncomplete)
    }

    /// The files were read, and are in use now.
    ///
    /// - Parameter seen: What they were just before.
    mutating func taken(_ seen: Seen) {
        used = seen
        change = nil
    }

    /// The files were read and refused.
    ///
    /// - Parameter isReported: Whether somebody was told.
    mutating func refused(_ seen: Seen, at now: MonotonicTime, isReported: Bool) {
        change = Change(
            seen: seen,
            isIncomplete: !isReported,
            isReported: isReported,
            nextTry: now + (isReported ? Self.retry : Self.patience)
        )
    }
}
