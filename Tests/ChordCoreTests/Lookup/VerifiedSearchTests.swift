// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

@Suite("Verified searches", .tags(.unit))
struct VerifiedSearchTests {
    /// Ten members at 10, 20 … 100, with lists of three.
    private struct Ring {
        static let members = (1...10).map { node(UInt64($0 * 10)) }

        static func node(_ id: UInt64, _ name: String? = nil) -> NodeReference {
            let name = name ?? "n\(id)"
            return NodeReference(
                id: Identifier(id),
                name: name,
                address: "\(name):1",
                incarnation: 1
            )
        }

        static func index(of node: NodeReference) -> Int { Int(node.id.word3) / 10 - 1 }

        static func state(of node: NodeReference, listLength: Int = 3) -> RingState {
            let index = index(of: node)
            return RingState(
                node: node,
                predecessor: members[(index + 9) % 10],
                successors: (1...listLength).map { members[(index + $0) % 10] }
            )
        }
    }

    /// Drives a search; liars name `lie` as the owner, honest members step as nodes do.
    private func run(
        _ target: UInt64,
        from starts: [UInt64],
        ways: Int = 3,
        listLength: Int = 3,
        liars: [UInt64] = [],
        lie: NodeReference? = nil,
        asked: inout [UInt64]
    ) -> VerifiedSearch.Outcome? {
        let check = AnswerCheck(of: Identifier(target)) { !$0.name.hasPrefix("bad") }
        var search = VerifiedSearch(check, from: starts.map { Ring.node($0) }, ways: ways)
        for _ in 0..<1000 {
            switch search.step() {
            case .fail: return nil
            case .ask(let node, let excluded):
                asked.append(node.id.word3)
                if liars.contains(node.id.word3), let lie {
                    search.answered(node, owner: lie, answering: node, closer: [])
                    continue
                }
                let list = Ring.state(of: node, listLength: listLength).successors
                let target = Identifier(target)
                let closer = list.filter {
                    $0.id.isIn(after: node.id, through: target) && !excluded.contains($0.id)
                }
                if target.isIn(after: node.id, through: list[0].id) || closer.isEmpty {
                    let owner = list.first { target.isIn(after: node.id, through: $0.id) }
                    search.answered(node, owner: owner, answering: node, closer: [])
                } else {
                    search.answered(node, owner: nil, answering: node, closer: closer.reversed())
                }
            case .confirm(let node):
                guard Ring.members.contains(node) else {
                    search.denied(node)
                    continue
                }
                var state = Ring.state(of: node)
                // A liar claims whatever it is asked for.
                if liars.contains(node.id.word3) { state.predecessor.id = Identifier(target - 1) }
                if let outcome = search.confirmed(node, state) { return outcome }
            }
        }
        Issue.record("the search does not end")
        return nil
    }

    @Test("Three disjoint paths name the same owner")
    func honest() throws {
        var asked: [UInt64] = []
        // Four members before the target name its owner, and one way may use up two of them.
        let outcome = try #require(
            run(75, from: [10, 20, 30], listLength: 4, asked: &asked)
        )
        #expect(outcome.owner.node == Ring.node(80))
        #expect(outcome.ways == 3)
        #expect(outcome.agreeing == 3)
        #expect(outcome.refuted.isEmpty)
        #expect(Set(asked).count == asked.count)
    }

    @Test("An invented owner is denied and another path finds the real one")
    func invented() throws {
        var asked: [UInt64] = []
        let ghost = Ring.node(76, "ghost")
        let outcome = try #require(
            run(75, from: [10, 20, 30], liars: [70], lie: ghost, asked: &asked)
        )
        #expect(outcome.owner.node == Ring.node(80))
        #expect(outcome.refuted == [ghost])
        #expect(outcome.agreeing < outcome.ways)
    }

    @Test("A liar that confirms itself loses to the nearer owner")
    func accomplice() throws {
        var asked: [UInt64] = []
        let outcome = try #require(
            run(75, from: [10, 20, 30], liars: [70, 90], lie: Ring.node(90), asked: &asked)
        )
        #expect(outcome.owner.node == Ring.node(80))
    }

    @Test("If every path meets a liar, the lookup is wrong, and no caller can detect this")
    func allTurned() throws {
        var asked: [UInt64] = []
        let liars: [UInt64] = [50, 60, 70, 90]
        let outcome = try #require(
            run(75, from: [50, 60, 70], liars: liars, lie: Ring.node(90), asked: &asked)
        )
        #expect(outcome.owner.node == Ring.node(90))
    }

    @Test("A node that is not the owner names its predecessor, which is asked next")
    func before() throws {
        var asked: [UInt64] = []
        // An honest node that is only mistaken.
        let outcome = try #require(
            run(75, from: [70], ways: 1, liars: [70], lie: Ring.node(100), asked: &asked)
        )
        #expect(outcome.owner.node == Ring.node(80))
        #expect(outcome.refuted == [Ring.node(100), Ring.node(90)])
    }

    @Test("Without a confirmation there is no answer")
    func nobody() {
        var asked: [UInt64] = []
        let ghost = Ring.node(76, "ghost")
        #expect(
            run(75, from: [70], ways: 1, liars: [70], lie: ghost, asked: &asked) == nil
        )
        let bad = Ring.node(76, "bad")
        #expect(run(75, from: [70], ways: 1, liars: [70], lie: bad, asked: &asked) == nil)
    }
}
