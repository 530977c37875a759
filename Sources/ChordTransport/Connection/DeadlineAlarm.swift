// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import NIOCore

/// One timer for the deadlines of many calls.
///
/// Nearly every call ends long before its deadline, so one timer per call would be set and cancelled
/// for nothing. This timer is set for the earliest of the deadlines; when it fires, its owner handles
/// those that have passed and includes the earliest of the rest. Confined to its event loop.
struct DeadlineAlarm {
    private var setFor: MonotonicTime?
    private var timer: Scheduled<Void>?

    /// Makes sure that `fire` runs at `deadline` or soon after.
    mutating func include(
        _ deadline: MonotonicTime,
        on loop: any EventLoop,
        fire: @escaping @Sendable () -> Void
    ) {
        if let setFor, setFor <= deadline { return }
        guard deadline < .distantFuture else { return }
        timer?.cancel()
        setFor = deadline
        // Deadlines a few microseconds apart should share a firing: a late end hurts nobody, an
        // early look finds nothing overdue and must come again.
        let moment = UInt64(clamping: deadline.nanoseconds).addingReportingOverflow(500_000)
        timer = loop.scheduleTask(
            deadline: moment.overflow ? .distantFuture : .uptimeNanoseconds(moment.partialValue),
            fire
        )
    }

    /// To be called first when it fires.
    mutating func hasFired() {
        setFor = nil
        timer = nil
    }

    mutating func cancel() {
        timer?.cancel()
        hasFired()
    }
}
