// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordRPC
import ChordWire

/// Identifiers for writes whose callers give none. A node is the client of such a write in its caller's place, so
/// that it can send the write again after a lost connection and it is still done once.
struct WriteSessions {
    /// A number of a session.
    struct Number: Hashable, Sendable {
        var client: ClientID
        var number: UInt64
    }

    private struct Session {
        var client: ClientID
        var last: UInt64 = 0
        var unanswered: Set<UInt64> = []
    }

    /// Callers whose sessions are kept. One that is forgotten gets a new one.
    private static let most = 256
    /// Writes of one session that may be unanswered: half of what a range keeps for a client.
    private static let mostUnanswered = RequestTable.Limits.unanswered / 2

    private var sessions: [String: Session] = [:]

    /// A number for a write of a caller.
    mutating func next(of identity: String, using executor: any NodeExecutor) -> Number {
        if sessions.count >= Self.most, sessions[identity] == nil { sessions.removeAll() }
        var session = sessions[identity]
        if session.map({ $0.unanswered.count >= Self.mostUnanswered }) ?? true {
            var generator = executor.generator
            session = Session(client: ClientID(RandomBits(using: &generator)))
        }
        guard var session else { preconditionFailure("a session was made above") }
        session.last += 1
        sessions[identity] = session
        return Number(client: session.client, number: session.last)
    }

    /// A number for a write that may be sent several times, until ``end(_:of:)``.
    mutating func begin(
        of identity: String,
        at time: RangeTime,
        using executor: any NodeExecutor
    ) -> WireWriteID {
        let number = next(of: identity, using: executor)
        sessions[identity]?.unanswered.insert(number.number)
        let lowest = sessions[identity]?.unanswered.min() ?? number.number
        return WireWriteID(
            client: number.client.bits.wire,
            number: number.number,
            lowestUnanswered: lowest,
            preparedMilliseconds: time.milliseconds
        )
    }

    /// The write has an answer, or its caller waits no longer.
    mutating func end(_ id: WireWriteID, of identity: String) {
        guard let session = sessions[identity], session.client.bits.wire == id.client else {
            return
        }
        sessions[identity]?.unanswered.remove(id.number)
    }
}
