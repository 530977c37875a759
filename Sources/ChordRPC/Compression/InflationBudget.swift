// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// How many bytes one caller's compressed messages may become, on all its connections together: a burst,
/// and so many per second from then on.
///
/// Inflating costs processor time for what comes out, and a caller can make a kilobyte stand for a
/// megabyte. The limit of a message bounds each of them, and this bounds all of them.
package final class InflationBudget: Sendable {
    private struct State {
        var left: Double
        var refilledAt: MonotonicTime?
    }

    private let burst: Int
    private let perSecond: Int
    private let state: NIOLockedValueBox<State>

    /// - Parameters:
    ///   - burst: Bytes that may be inflated at once.
    ///   - perSecond: Bytes per second by which the burst grows again.
    package init(burst: Int, perSecond: Int) {
        self.burst = max(burst, 0)
        self.perSecond = max(perSecond, 0)
        state = NIOLockedValueBox(State(left: Double(max(burst, 0))))
    }

    /// Whether a message may be inflated now. How large it becomes is known afterwards, so that one
    /// message may pass the budget, by its own limit at most.
    package func allowsMore(at now: MonotonicTime) -> Bool {
        state.withLockedValue { state in
            if let since = state.refilledAt, now > since {
                let seconds = Double((now - since).clampedNanoseconds) / 1e9
                state.left = min(Double(burst), state.left + seconds * Double(perSecond))
            }
            state.refilledAt = max(state.refilledAt ?? now, now)
            return state.left > 0
        }
    }

    /// So many bytes were inflated.
    package func take(_ bytes: Int) {
        state.withLockedValue { $0.left -= Double(bytes) }
    }

    /// What a caller is told whose budget is used up.
    package var refusal: Status {
        Status(
            .resourceExhausted,
            "the compressed messages of this identity were inflated to more than"
                + " \(burst) bytes, and \(perSecond) more per second (inflatedBytes): send fewer of"
                + " them compressed"
        )
    }
}
