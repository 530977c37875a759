// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// How often a client may make us reset its streams.
///
/// nghttp2 counts the resets that a client sends. One that breaks a rule on stream after stream makes
/// us send them, each after the work of a request ("MadeYouReset"): this counts those, with the same
/// limits.
struct ResetBudget {
    private let burst: Double
    private let perSecond: Double
    private var left: Double
    private var seen: UInt64 = 0
    private var refilledAt: MonotonicTime

    init(limits: HTTP2Limits, at now: MonotonicTime) {
        burst = Double(limits.maxStreamResets)
        perSecond = Double(limits.streamResetsPerSecond)
        left = burst
        refilledAt = now
    }

    /// Whether the client may go on, now that `total` resets were sent on its connection.
    mutating func allows(_ total: UInt64, at executor: some NodeExecutor) -> Bool {
        // The clock is looked at only when there was a reset.
        guard total != seen else { return true }
        let now = executor.now
        let seconds = Double((now - refilledAt).clampedNanoseconds) / 1e9
        refilledAt = now
        left = min(burst, left + seconds * perSecond) - Double(total - seen)
        seen = total
        return left >= 0
    }
}
