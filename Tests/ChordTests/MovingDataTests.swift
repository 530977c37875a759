// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordTestSupport
import Testing

/// The program in Examples/MovingData, whose files are linked into this target.
@Suite(.tags(.network))
struct MovingDataTests {
    @Test(
        "Values move with range changes between two nodes, and none is lost",
        .timeLimit(.minutes(5))
    )
    func moving() async throws {
        let first = try await ChordNode(try await configuration("n1"))
        let movers = Movers()
        let one = await movers.add(first)
        let all = Dictionary(uniqueKeysWithValues: (0..<500).map { ("key \($0)", "\($0)") })
        try await running(first) {
            try await one.receive(all)
            let second = try await ChordNode(
                try await configuration("n2", joining: [first.reference.address])
            )
            let two = await movers.add(second)
            var changes = first.rangeChanges().makeAsyncIterator()
            await one.apply(try #require(await changes.next()))
            #expect(await one.values == all)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await second.run() }
                try await second.waitUntilJoined()
                await one.apply(try #require(await changes.next()))
                try await wait(for: second) { second.range != nil }
                let (left, moved) = (await one.values, await two.values)
                #expect(!left.isEmpty && !moved.isEmpty)
                #expect(left.merging(moved) { $1 } == all)
                let range = try #require(first.range)
                for key in all.keys {
                    let isFirst = range.contains(first.identifier(of: key))
                    #expect(isFirst == (left[key] != nil))
                    #expect(isFirst != (moved[key] != nil))
                }
                try await wait(for: second) { second.successors == [first.reference] }
                try await two.leave()
                tasks.cancelAll()
                try await tasks.waitForAll()
            }
            await one.apply(try #require(await changes.next()))
            #expect(await one.values == all)
            #expect(await two.values.isEmpty)
        }
    }
}
