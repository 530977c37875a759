// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// Shares the session's room for queued output among a connection's streams.
///
/// A session resets a stream that would exceed its limit of queued output. Writers of streams wait
/// instead. The last quarter is reserved for unary answers, which cannot wait.
struct StreamRoom {
    /// Streams that wait for room, in order, each once.
    private var starved: [any StreamLink] = []
    private var starvedOnes: Set<ObjectIdentifier> = []

    /// The longest message that a stream may send: there is room for it once at most a quarter is used.
    static func messageLimit(_ limits: HTTP2Limits) -> Int { limits.maxQueuedOutputBytes / 2 }

    /// Whether a message of `count` bytes may go to the session now. Where not, `link` is told when it
    /// may.
    ///
    /// - Parameter mayHold: Whether this side may hold as much for the peer besides.
    mutating func admits(
        _ count: Int,
        of link: any StreamLink,
        in session: HTTP2Session,
        if mayHold: @autoclosure () -> Bool = true
    ) -> Bool {
        if session.queuedBytes + count <= session.limits.maxQueuedOutputBytes / 4 * 3, mayHold() {
            return true
        }
        if starvedOnes.insert(ObjectIdentifier(link)).inserted { starved.append(link) }
        return false
    }

    /// Streams that waited for room, if there is some now.
    mutating func takeStarved(in session: HTTP2Session) -> [any StreamLink] {
        guard !starved.isEmpty,
            session.queuedBytes <= session.limits.maxQueuedOutputBytes / 4
        else { return [] }
        defer {
            starved = []
            starvedOnes = []
        }
        return starved
    }
}
