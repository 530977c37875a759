// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordCore

@Suite(.tags(.unit)) struct SuccessorListTests {
    struct Case: CustomTestStringConvertible {
        var testDescription: String
        var owner: UInt64
        var candidates: [UInt64]
        var entries: [UInt64]
    }

    @Test(arguments: [
        Case(testDescription: "nothing", owner: 5, candidates: [], entries: []),
        Case(testDescription: "in order", owner: 5, candidates: [7, 9], entries: [7, 9]),
        Case(testDescription: "past zero", owner: 5, candidates: [60, 0, 4], entries: [60, 0, 4]),
        Case(
            testDescription: "cut to the limit",
            owner: 5,
            candidates: [6, 7, 8, 9],
            entries: [6, 7, 8]
        ),
        Case(testDescription: "itself first", owner: 5, candidates: [5, 7], entries: []),
        Case(testDescription: "itself later", owner: 5, candidates: [7, 5, 9], entries: [7]),
        Case(testDescription: "a duplicate", owner: 5, candidates: [7, 7, 9], entries: [7]),
        Case(testDescription: "backwards", owner: 5, candidates: [9, 7], entries: [9]),
        Case(testDescription: "past itself", owner: 5, candidates: [9, 4, 6], entries: [9, 4]),
    ])
    func listIsCutAtTheFirstEntryOutOfOrder(_ test: Case) {
        let list = SuccessorList(
            of: Identifier(test.owner),
            from: test.candidates.map { Nodes.node($0) },
            limit: 3
        )
        #expect(list.entries.map(\.id.word3) == test.entries)
    }

    /// Any input is stored ordered, without duplicates and without the owner.
    @Test(arguments: UInt64(0)..<50)
    func randomListBecomesOrdered(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let space = try IdentifierSpace(width: 4)
        let owner = Identifier(UInt64.random(in: 0..<16, using: &generator))
        let offered = (0..<8).map { _ in
            Nodes.node(UInt64.random(in: 0..<16, using: &generator))
        }
        let list = SuccessorList(of: owner, head: offered[0], rest: Array(offered[1...]), limit: 5)
        let distances = list.entries.map { space.distance(from: owner, to: $0.id) }
        #expect(distances == distances.sorted())
        #expect(Set(distances).count == distances.count)
        #expect(!distances.contains(.zero))
        #expect(list.entries == Array(offered.prefix(list.entries.count)))
        #expect(list.entries.count <= 5)
    }

    @Test func removalClosesTheGap() {
        var list = SuccessorList(of: .zero, from: Nodes.nodes(1, 2, 3), limit: 3)
        list.remove(Identifier(2))
        #expect(list.entries == Nodes.nodes(1, 3))
        #expect(list.head == Nodes.node(1))
        #expect(list.contains(Identifier(3)))
        #expect(!list.contains(Identifier(2)))
    }

    @Test func onlyNewerIncarnationsReplaceEntries() {
        var list = SuccessorList(of: .zero, from: [Nodes.node(1, life: 3)], limit: 3)
        list.refresh(Nodes.node(1, life: 2))
        list.refresh(Nodes.node(2, life: 9))
        #expect(list.entries == [Nodes.node(1, life: 3)])
        list.refresh(Nodes.node(1, life: 4))
        #expect(list.entries == [Nodes.node(1, life: 4)])
    }

    @Test func prependedListRemovesNothingBehindItsEnd() {
        let list = SuccessorList(of: .zero, from: Nodes.nodes(3, 5, 7), limit: 4)
        func preceded(_ nodes: [NodeReference]) -> [NodeReference] {
            list.preceded(by: nodes, of: .zero, limit: 4).entries
        }
        #expect(preceded([]) == Nodes.nodes(3, 5, 7))
        #expect(preceded(Nodes.nodes(0)) == Nodes.nodes(3, 5, 7))
        #expect(preceded(Nodes.nodes(2, 4)) == Nodes.nodes(2, 4, 5, 7))
        #expect(preceded(Nodes.nodes(1, 2, 3, 4)) == Nodes.nodes(1, 2, 3, 4))
        #expect(preceded(Nodes.nodes(9)) == Nodes.nodes(9))
    }
}
