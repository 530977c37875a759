// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import ChordRPC

/// Shares out among a connection's streams what its session may hold for the peer.
///
/// A session resets the stream that would pass its limit of output; a stream's writer is rather made to
/// wait. The last quarter is left to unary answers, which cannot.
struct StreamRoom {
    /// Those that had no room, in the order in which they asked, each once.
    private var starved: [any StreamLink] = []
    private var starvedOnes: Set<ObjectIdentifier> = []

    /// The longest message that a stream may send: it has room once a quarter of the whole is used or
    /// less.
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

    /// Those that had no room, where there is some by now.
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
