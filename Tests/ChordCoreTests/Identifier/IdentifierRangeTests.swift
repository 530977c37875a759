// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

/// Intervals on small rings, checked in full against walking the circle step by step.
@Suite(.tags(.unit)) struct IdentifierRangeTests {
    /// The identifiers met on the way from `start`, excluded, to `end`, included: at least one step,
    /// so that equal bounds mean one whole turn.
    static func walk(after start: UInt64, through end: UInt64, width: Int) -> [UInt64] {
        let size: UInt64 = 1 << UInt64(width)
        var visited: [UInt64] = []
        var position = start
        repeat {
            position = (position + 1) % size
            visited.append(position)
        } while position != end
        return visited
    }

    static func members(_ range: IdentifierRange, width: Int) -> [UInt64] {
        walk(after: range.lowerBound.word3, through: range.upperBound.word3, width: width)
    }

    static func range(_ lower: UInt64, _ upper: UInt64) -> IdentifierRange {
        IdentifierRange(after: Identifier(lower), through: Identifier(upper))
    }

    @Test(arguments: 1...4)
    func intervalContainsExactlyTheIdentifiersOfAWalk(width: Int) {
        let all = 0..<(UInt64(1) << UInt64(width))
        for start in all {
            for end in all {
                let closed = Set(Self.walk(after: start, through: end, width: width))
                let open = closed.subtracting([end])
                for value in all {
                    let identifier = Identifier(value)
                    #expect(
                        identifier.isIn(after: Identifier(start), through: Identifier(end))
                            == closed.contains(value)
                    )
                    #expect(
                        identifier.isBetween(Identifier(start), and: Identifier(end))
                            == open.contains(value)
                    )
                    #expect(
                        Self.range(start, end).contains(identifier) == closed.contains(value)
                    )
                }
                #expect(Self.range(start, end).isWholeCircle == (closed.count == all.count))
            }
        }
    }

    @Test(arguments: 1...4)
    func rangeSubtractionIsTheSetDifference(width: Int) {
        let all = 0..<(UInt64(1) << UInt64(width))
        let ranges = all.flatMap { lower in all.map { upper in Self.range(lower, upper) } }
        for range in ranges {
            let members = Self.members(range, width: width)
            for other in ranges {
                let removed = Set(Self.members(other, width: width))
                let expected = members.filter { !removed.contains($0) }
                let pieces = range.subtracting(other)
                let found = pieces.flatMap { Self.members($0, width: width) }
                // A whole circle has no start of its own: its difference may begin anywhere.
                if range.isWholeCircle {
                    #expect(found.sorted() == expected.sorted(), "\(range) without \(other)")
                } else {
                    #expect(found == expected, "\(range) without \(other)")
                }
                #expect(pieces.count <= 2)
                if let first = pieces.first, let last = pieces.last, pieces.count == 2 {
                    #expect(first.upperBound != last.lowerBound, "\(range) without \(other)")
                }
            }
        }
    }

    @Test func ownerGainsAndLosesTheRightRanges() {
        let before = Self.range(10, 50)
        #expect(Self.range(5, 50).subtracting(before) == [Self.range(5, 10)])
        #expect(before.subtracting(Self.range(20, 50)) == [Self.range(10, 20)])
        #expect(before.subtracting(before).isEmpty)
        #expect(Self.range(50, 50).subtracting(before) == [Self.range(50, 10)])
        #expect(before.subtracting(Self.range(20, 30)) == [Self.range(10, 20), Self.range(30, 50)])
        #expect(before.description == "(a, 32]")
    }
}
