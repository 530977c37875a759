// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// Which store members the ring has at and after the ends of the ranges that this node leads.
///
/// The ring is believed once the owner of a place has given the same answer twice, some time apart, and nothing
/// else in between: a ring that is healing moves no data.
struct MemberSurvey {
    private struct Answer {
        var members: [StoreMember]
        var positions: Set<Identifier>
        var since: Duration
        var last: Duration
    }

    /// An answer that is older counts no more.
    private static let lifetime: Duration = .seconds(60)
    /// The longest time between two questions about a place.
    private static let longestInterval: Duration = .seconds(5)

    private var answers: [Identifier: Answer] = [:]
    private var asking: Set<Identifier> = []

    /// The members, once the ring is sure.
    func members(at place: Identifier, settling: Duration, now: Duration) -> [StoreMember]? {
        guard let answer = answers[place], answer.last - answer.since >= settling,
            now - answer.last < Self.lifetime
        else { return nil }
        return answer.members
    }

    /// The identifiers of members inside an arc, as the owner of its end has named them last; nil if it has not
    /// answered lately.
    func positions(inside bounds: IdentifierRange) -> [Identifier]? {
        answers[bounds.upperBound]?.positions.filter(bounds.contains).sorted()
    }

    /// Whether the owner of a place should be asked now.
    mutating func shouldAsk(_ place: Identifier, settling: Duration, now: Duration) -> Bool {
        guard !asking.contains(place) else { return false }
        let interval = min(settling / 2, Self.longestInterval)
        if let answer = answers[place], now - answer.last < interval { return false }
        asking.insert(place)
        return true
    }

    /// The owner has answered; nil if it has not.
    mutating func note(
        _ members: [StoreMember]?,
        positions: Set<Identifier>?,
        at place: Identifier,
        now: Duration
    ) {
        asking.remove(place)
        guard let members, let positions else { return }
        if answers[place]?.members == members {
            answers[place]?.positions = positions
            answers[place]?.last = now
        } else {
            answers[place] = Answer(members: members, positions: positions, since: now, last: now)
        }
        answers = answers.filter { now - $0.value.last < Self.lifetime }
    }
}
