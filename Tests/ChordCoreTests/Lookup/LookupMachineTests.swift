// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordCore

@Suite(.tags(.unit)) struct LookupMachineTests {
    /// n0 in a ring of 0, 10, 20, 30, 40, with two successors and a finger.
    private static func view() throws -> RoutingView {
        let parameters = try Nodes.parameters(width: 6, successorCount: 2)
        var table = RoutingTable(owner: .zero, space: parameters.space)
        for node in Nodes.nodes(10, 20, 30) { table.insert(node) }
        return RoutingView(
            node: Nodes.node(0),
            phase: .member,
            isDelaying: false,
            predecessor: Nodes.node(40),
            successors: Nodes.nodes(10, 20),
            table: table,
            parameters: parameters
        )
    }

    @Test func failedNodeIsNotAskedAgain() throws {
        let view = try Self.view()
        var lookup = LookupMachine(target: Identifier(35), hopBudget: 12)
        for best in [30, 20, 10] as [UInt64] {
            #expect(lookup.step(in: view) == .ask(Nodes.node(best)))
            lookup.exclude(Identifier(best))
            lookup.exclude(Identifier(best))
        }
        #expect(lookup.excluded.count == 3)
        #expect(lookup.step(in: view) == .fail(.exhausted))
    }

    /// A lookup that cannot reach a node goes around it, and still names it where the list says so.
    @Test func suspicionDoesNotChangeTheOwner() throws {
        let view = try Self.view()
        var lookup = LookupMachine(target: Identifier(10), hopBudget: 12)
        lookup.exclude(Identifier(10))
        #expect(lookup.step(in: view) == .answer(Nodes.node(10)))
        var beyond = LookupMachine(target: Identifier(15), hopBudget: 12)
        #expect(beyond.step(in: view) == .ask(Nodes.node(10)))
        beyond.exclude(Identifier(10))
        #expect(beyond.step(in: view) == .answer(Nodes.node(20)))
        beyond.exclude(Identifier(20))
        #expect(beyond.step(in: view) == .answer(Nodes.node(20)))
    }

    @Test func hopBudgetCountsForwardingsNotAnswers() throws {
        let view = try Self.view()
        func step(_ target: UInt64, hops: Int) -> LookupMachine.Step {
            LookupMachine(target: Identifier(target), hops: hops, hopBudget: 2).step(in: view)
        }
        #expect(step(35, hops: 1) == .ask(Nodes.node(30)))
        #expect(step(35, hops: 2) == .fail(.hopBudgetSpent))
        #expect(step(5, hops: 2) == .answer(Nodes.node(10)))
        #expect(step(50, hops: 2) == .answer(Nodes.node(0)))
        #expect(LookupMachine.defaultHopBudget(width: 64) == 128)
    }

    @Test func joinerLearnsWhoHoldsItsName() throws {
        let joiner = Nodes.node(0, life: 2)
        let lookup = LookupMachine(target: .zero, joiner: joiner, hopBudget: 12)
        #expect(lookup.step(in: try Self.view()) == .fail(.nameTaken(Nodes.node(0))))
    }

    @Test func lookupAtANonMemberFails() throws {
        let machine = ChordMachine(node: Nodes.node(1), parameters: try Nodes.parameters(width: 6))
        let lookup = LookupMachine(target: .zero, hopBudget: 12)
        #expect(lookup.step(in: machine.view) == .fail(.notMember))
    }
}
