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

    /// A member beside the table is asked where it is nearer than the table's best, and until somebody has failed.
    @Test func knownMembersAreShortcuts() throws {
        let view = try Self.view()
        func step(_ lookup: LookupMachine, knowing known: UInt64) -> LookupMachine.Step {
            lookup.step(in: view, knowing: Nodes.node(known))
        }
        var lookup = LookupMachine(target: Identifier(35), hopBudget: 12)
        #expect(step(lookup, knowing: 33) == .ask(Nodes.node(33)))
        #expect(step(lookup, knowing: 35) == .ask(Nodes.node(35)))
        // Behind the table's best, past the target, and the node itself.
        #expect(step(lookup, knowing: 25) == .ask(Nodes.node(30)))
        #expect(step(lookup, knowing: 36) == .ask(Nodes.node(30)))
        #expect(step(lookup, knowing: 0) == .ask(Nodes.node(30)))
        lookup.exclude(Identifier(33))
        #expect(step(lookup, knowing: 34) == .ask(Nodes.node(30)))
        // Somebody failed at another node of the path.
        let later = LookupMachine(
            target: Identifier(35),
            hops: 1,
            hopBudget: 12,
            avoiding: [Identifier(33)]
        )
        #expect(step(later, knowing: 34) == .ask(Nodes.node(30)))
        // A joiner goes by the ring's own pointers.
        let joining = LookupMachine(
            target: Identifier(35),
            joiner: Nodes.node(35),
            hopBudget: 12
        )
        #expect(step(joining, knowing: 34) == .ask(Nodes.node(30)))
        // What the view knows is not asked for.
        #expect(
            step(LookupMachine(target: Identifier(5), hopBudget: 12), knowing: 4)
                == .answer(Nodes.node(10))
        )
        #expect(
            step(LookupMachine(target: Identifier(35), hopBudget: 0), knowing: 33)
                == .fail(.hopBudgetSpent)
        )
        // The node that is reached by others only.
        var unreached = view
        unreached.unreachedHead = Nodes.node(33)
        #expect(
            LookupMachine(target: Identifier(35), hopBudget: 12)
                .step(in: unreached, knowing: Nodes.node(33)) == .ask(Nodes.node(30))
        )
    }

    /// Nodes that were silent just before are gone around, until there is no other way.
    @Test func silentNodesAreGoneAround() throws {
        let view = try Self.view()
        func lookup(_ target: UInt64, silent: UInt64..., joiner: NodeReference? = nil)
            -> LookupMachine
        {
            LookupMachine(
                target: Identifier(target),
                joiner: joiner,
                hopBudget: 12,
                silent: silent.map { Identifier($0) }
            )
        }
        #expect(lookup(35, silent: 30).step(in: view) == .ask(Nodes.node(20)))
        // Node 10 is the only way, and the successor list names node 20 after it.
        #expect(lookup(15, silent: 10).step(in: view) == .answer(Nodes.node(20)))
        #expect(
            lookup(35, silent: 33).step(in: view, knowing: Nodes.node(33)) == .ask(Nodes.node(30))
        )
        #expect(
            lookup(35, silent: 30).step(in: view, knowing: Nodes.node(33)) == .ask(Nodes.node(33))
        )
        var last = lookup(35, silent: 10, 20)
        last.exclude(Identifier(30))
        #expect(last.step(in: view) == .ask(Nodes.node(20)))
        #expect(
            lookup(35, silent: 30, joiner: Nodes.node(35)).step(in: view) == .ask(Nodes.node(30))
        )
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
