// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// Limits how many frames without a message a peer may send: they cost work. Used by both sides.
struct FloodGuard {
    enum Flood: String {
        case controlFrames = "too many frames without a message"
        case emptyData = "too many empty DATA frames"
    }

    private var controlFrames: RateBudget
    private var emptyData: RateBudget

    init(_ limits: HTTP2Limits, at now: MonotonicTime) {
        controlFrames = RateBudget(
            burst: limits.maxControlFrames,
            perSecond: limits.controlFramesPerSecond,
            at: now
        )
        emptyData = RateBudget(
            burst: limits.maxEmptyDataFrames,
            perSecond: limits.emptyDataFramesPerSecond,
            at: now
        )
    }

    /// The kind of frames of which the peer has sent too many; nil if there is none.
    mutating func flood(
        of counters: HTTP2Counters,
        at now: @autoclosure () -> MonotonicTime
    ) -> Flood? {
        // Sent data earns the peer window updates, and pings that measure its bandwidth: a few for
        // each call, and one for each frame and each kibibyte.
        let earned =
            counters.streamsOpened * 4 + counters.streamFramesSent + counters.bytesSent / 1024
        let asked = counters.controlFramesReceived + counters.windowUpdatesReceived
        if asked > earned, !controlFrames.allows(asked - earned, at: now()) {
            return .controlFrames
        }
        if !emptyData.allows(counters.emptyDataReceived, at: now()) { return .emptyData }
        return nil
    }
}
