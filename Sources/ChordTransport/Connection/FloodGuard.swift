// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// Frames that cost work and carry no message: how many of them a peer may send, on either side of a
/// connection.
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

    /// What the peer has sent too much of; nil where it has not.
    mutating func flood(
        of counters: HTTP2Counters,
        at now: @autoclosure () -> MonotonicTime
    ) -> Flood? {
        // What we send earns window updates and the pings by which a peer measures its bandwidth: a
        // few for each call, and one for each frame and each kibibyte.
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
