// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Limits the decompressed bytes of one caller's messages, on all its connections together: a
/// burst, and a number of bytes per second after that.
///
/// Decompression costs processor time per byte of output, and a caller can make a kilobyte expand
/// to a megabyte. The message limit bounds each message; this budget bounds their sum.
package final class InflationBudget: Sendable {
    private struct State {
        var left: Double
        var refilledAt: MonotonicTime?
    }

    private let burst: Int
    private let perSecond: Int
    private let state: NIOLockedValueBox<State>

    /// - Parameters:
    ///   - burst: The number of bytes that may be decompressed at once.
    ///   - perSecond: The number of bytes by which the burst grows per second.
    package init(burst: Int, perSecond: Int) {
        self.burst = max(burst, 0)
        self.perSecond = max(perSecond, 0)
        state = NIOLockedValueBox(State(left: Double(max(burst, 0))))
    }

    /// Whether a message may be decompressed now. Its size is known only afterwards, so one message
    /// may exceed the budget, by at most the message limit.
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

    /// Records decompressed bytes.
    package func take(_ bytes: Int) {
        state.withLockedValue { $0.left -= Double(bytes) }
    }

    /// The status for a caller whose budget is used up.
    package var refusal: Status {
        Status(
            .resourceExhausted,
            "the compressed messages of this identity decompressed to more than"
                + " \(burst) bytes, and \(perSecond) more per second (inflatedBytes): compress fewer"
                + " messages"
        )
    }
}
