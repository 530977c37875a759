// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordCore

/// Incarnations are numbers that peers choose.
@Suite(.tags(.unit)) struct IncarnationTests {
    static let foreign: [UInt64] = [
        .max, .max - 1, Incarnation.highest + 1, Incarnation.highest, Incarnation.highest - 1,
    ]

    private static func machine(_ id: UInt64) throws -> ChordMachine {
        ChordMachine(node: Nodes.node(id), parameters: try Nodes.parameters(width: 6))
    }

    private static func state(naming former: NodeReference) -> RingState {
        RingState(
            node: Nodes.node(5),
            predecessor: former,
            successors: [former, Nodes.node(20)]
        )
    }

    @Test("A list that names a joiner with any incarnation does not stop it", arguments: foreign)
    func joining(former: UInt64) throws {
        var machine = try Self.machine(10)
        let directives = machine.join(
            after: Self.state(naming: Nodes.node(10, life: former)),
            incarnationLimit: 1000
        )
        #expect(directives != nil)
        #expect(machine.node.incarnation == 1001)

        var unlimited = try Self.machine(10)
        _ = unlimited.join(after: Self.state(naming: Nodes.node(10, life: former)))
        #expect(unlimited.node.incarnation <= Incarnation.highest)
    }

    @Test("A computed incarnation never exceeds the maximum", arguments: foreign)
    func raising(former: UInt64) throws {
        var machine = try Self.machine(10)
        _ = machine.raiseIncarnation(above: former)
        #expect(machine.node.incarnation <= Incarnation.highest)
        let raised = machine.node.incarnation
        _ = machine.raiseIncarnation(above: former)
        #expect(machine.node.incarnation == max(raised, min(former, Incarnation.highest)))
    }

    @Test("The machine lets the shell decide whether a former life is plausible")
    func rivals() throws {
        var machine = try Self.machine(10)
        _ = machine.join(after: Self.state(naming: Nodes.node(10)))
        let token = try #require(
            machine.tick().compactMap { directive -> Token? in
                guard case .askState(let token, _) = directive else { return nil }
                return token
            }.first
        )
        let before = machine.node
        let later = Nodes.node(10, life: Incarnation.highest)
        let directives = machine.receive(
            .state(RingState(node: Nodes.node(20), predecessor: later, successors: [])),
            for: token
        )
        #expect(machine.node == before)
        #expect(directives.contains(.verifyRival(later)))
    }

    @Test("Other nodes' words never change an address in the routing table")
    func hearsay() throws {
        let space = try Nodes.parameters(width: 6).space
        var table = RoutingTable(owner: Identifier(10), space: space)
        let known = Nodes.node(30, life: 5)
        table.insert(known)
        var invented = Nodes.node(30, life: .max)
        invented.address = "attacker:1"
        table.insert(invented)
        #expect(table.entries == [known])
        let newer = Nodes.node(30, life: 6)
        table.insert(newer)
        #expect(table.entries == [newer])
        table.insert(Nodes.node(30, life: 4))
        #expect(table.entries == [newer])
        table.remove(known.id)
        table.insert(invented)
        #expect(table.entries == [invented])
    }

    @Test("A node's own word replaces what others said, with any incarnation")
    func verified() throws {
        var machine = try Self.machine(10)
        var invented = Nodes.node(20, life: .max)
        invented.address = "attacker:1"
        _ = machine.join(
            after: RingState(
                node: Nodes.node(5),
                predecessor: Nodes.node(60),
                successors: [invented, Nodes.node(40)]
            )
        )
        #expect(machine.table.entries.contains(invented))
        let token = try #require(
            machine.tick().compactMap { directive -> Token? in
                guard case .askState(let token, _) = directive else { return nil }
                return token
            }.first
        )
        let honest = Nodes.node(20, life: 3)
        let directives = machine.receive(
            .state(
                RingState(node: honest, predecessor: Nodes.node(10), successors: [Nodes.node(40)])
            ),
            for: token
        )
        #expect(directives.contains(.publish))
        #expect(machine.table.entries.contains(honest))
        #expect(!machine.table.entries.contains(invented))
        #expect(machine.view.step(for: Identifier(15)) == .owner(honest))
    }
}
