// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordCore

@Suite(.tags(.unit)) struct PassiveListTests {
    private func node(_ number: Int, life: UInt64 = 1) -> NodeReference {
        NodeReference(
            id: Identifier(UInt64(number)),
            name: "n\(number)",
            address: "n\(number)",
            incarnation: life
        )
    }

    @Test func mostRecentlyLostMemberIsFirst() {
        var list = PassiveList()
        for number in 1...3 { list.add(node(number)) }
        #expect(list.entries.map(\.name) == ["n3", "n2", "n1"])
        list.add(node(1, life: 2))
        list.add(node(1))
        #expect(list.entries.map(\.name) == ["n3", "n2", "n1"])
        #expect(list.entries.last?.incarnation == 2)
    }

    @Test func fullListKeepsTheOldestAndTheNewest() {
        var list = PassiveList()
        for number in 1...500 { list.add(node(number)) }
        #expect(list.entries.count == PassiveList.capacity)
        let half = PassiveList.capacity / 2
        #expect(list.entries.prefix(half).map(\.id.word3) == (0..<UInt64(half)).map { 500 - $0 })
        #expect(list.entries.suffix(half).map(\.id.word3) == (1...UInt64(half)).reversed())
    }

    @Test func everyEntryGetsItsTurn() {
        var list = PassiveList()
        #expect(list.takeTurn() == nil)
        for number in 1...3 { list.add(node(number)) }
        let turns = (0..<6).compactMap { _ in list.takeTurn()?.name }
        #expect(turns == ["n3", "n2", "n1", "n3", "n2", "n1"])
        list.remove(Identifier(2))
        #expect(Set((0..<2).compactMap { _ in list.takeTurn()?.name }) == ["n1", "n3"])
    }
}
