// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

@Suite(.tags(.unit)) struct PlaceRuleTests {
    private let space: IdentifierSpace
    /// Names of hexadecimal digits stand at their number, plus 16 for each index.
    private let rule = PlaceRule { node, index in
        Identifier((UInt64(node.name, radix: 16) ?? 0) + 16 * UInt64(index))
    }

    init() throws {
        space = try IdentifierSpace(width: 8)
    }

    private func node(_ name: String) -> NodeReference {
        NodeReference(id: .zero, name: name, address: "h:1", incarnation: 1)
    }

    private func candidate(
        _ index: Int,
        _ id: UInt64,
        between before: UInt64,
        and after: UInt64
    ) -> PlaceRule.Candidate {
        PlaceRule.Candidate(
            index: index,
            id: Identifier(id),
            before: Identifier(before),
            after: Identifier(after)
        )
    }

    @Test("The text of index 0 is the name itself; others have a zero byte, which no name has")
    func text() {
        #expect(Array(PlaceRule.text("n1", index: 0).utf8) == Array("n1".utf8))
        #expect(Array(PlaceRule.text("n1", index: 1).utf8) == Array("n1".utf8) + [0, 49])
        #expect(Array(PlaceRule.text("n1", index: 15).utf8) == Array("n1".utf8) + [0, 49, 53])
    }

    @Test("A node stands at its places and nowhere else")
    func isPlaced() {
        let placed = rule.node(node("7"), at: 2)
        #expect(placed.id == Identifier(39))
        #expect(placed.placeIndex == 2)
        #expect(rule.isPlaced(placed, count: 3))
        // The ring gives each node two places.
        #expect(!rule.isPlaced(placed, count: 2))
        var misplaced = placed
        misplaced.placeIndex = 1
        #expect(!rule.isPlaced(misplaced, count: 3))
        misplaced.placeIndex = -1
        #expect(!rule.isPlaced(misplaced, count: 3))
        misplaced = placed
        misplaced.id = Identifier(40)
        #expect(!rule.isPlaced(misplaced, count: 3))
        #expect(
            rule.places(of: node("7"), count: 3).map(\.id) == [7, 23, 39].map { Identifier($0) }
        )
    }

    @Test("The place whose smaller side is largest is best")
    func best() throws {
        let choice = PlaceRule.best(
            of: [
                candidate(0, 30, between: 10, and: 100),
                candidate(1, 120, between: 100, and: 160),
                // Around zero.
                candidate(2, 2, between: 240, and: 40),
            ],
            in: space
        )
        #expect(choice?.index == 0)
        let second = PlaceRule.best(
            of: [
                candidate(0, 12, between: 10, and: 100),
                candidate(1, 120, between: 100, and: 160),
                candidate(2, 12, between: 240, and: 40),
            ],
            in: space
        )
        #expect(second?.index == 2)
    }

    @Test("Of equal places the first is best, and one that has a node on it is none")
    func ties() {
        let equal = [
            candidate(1, 20, between: 10, and: 30), candidate(0, 40, between: 30, and: 50),
        ]
        #expect(PlaceRule.best(of: equal, in: space)?.index == 0)
        #expect(PlaceRule.best(of: [candidate(0, 10, between: 10, and: 30)], in: space) == nil)
        #expect(PlaceRule.best(of: [], in: space) == nil)
        // A single member stands on both sides.
        let alone = [
            candidate(0, 11, between: 10, and: 10), candidate(1, 130, between: 10, and: 10),
        ]
        #expect(PlaceRule.best(of: alone, in: space)?.index == 1)
    }

    @Test("Founders get the same places in whatever order they are named")
    func founders() {
        let names = ["1", "2", "3", "a", "b"]
        let expected = rule.places(ofFounders: names.map(node), count: 15, in: space)
        #expect(expected.map(\.name) == names)
        #expect(expected[0].placeIndex == 0)
        #expect(Set(expected.map(\.id)).count == names.count)
        #expect(expected.allSatisfy { rule.isPlaced($0, count: 15) })
        #expect(
            rule.places(ofFounders: names.reversed().map(node), count: 15, in: space) == expected
        )
        // With one place each stands at it.
        let single = rule.places(ofFounders: names.map(node), count: 1, in: space)
        #expect(single.map(\.id) == [1, 2, 3, 10, 11].map { Identifier($0) })
    }

    @Test("The newer life of a name outranks the older; of equal ones one outranks the other")
    func ranks() {
        var (left, right) = (rule.node(node("1"), at: 0), rule.node(node("1"), at: 1))
        #expect(right.outranks(left) && !left.outranks(right))
        left.incarnation = 2
        #expect(left.outranks(right) && !right.outranks(left))
        right = left
        #expect(!left.outranks(right))
    }
}
