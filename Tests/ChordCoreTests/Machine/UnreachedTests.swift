// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

/// Members that others reach and this node does not.
@Suite(.tags(.unit)) struct UnreachedTests {
    /// A node at 10 with the list 20, 30, 40 and the predecessor 50.
    private static func machine() throws -> ChordMachine {
        var machine = ChordMachine(
            node: Nodes.node(10),
            parameters: try Nodes.parameters(width: 6, successorCount: 3)
        )
        _ = machine.found(with: Nodes.nodes(20, 30, 40, 50))
        return machine
    }

    private static func state(_ id: UInt64, after: UInt64, _ list: UInt64...) -> StateAnswer {
        .state(
            RingState(
                node: Nodes.node(id),
                predecessor: Nodes.node(after),
                successors: list.map { Nodes.node($0) }
            )
        )
    }

    private static func question(_ directives: [Directive]) throws -> (Token, NodeReference) {
        for case .askState(let token, let node) in directives { return (token, node) }
        Issue.record("nobody is asked: \(directives)")
        throw CancellationError()
    }

    private static func notifies(_ directives: [Directive]) -> [NodeReference] {
        directives.compactMap { if case .notify(let node) = $0 { node } else { nil } }
    }

    private static func list(_ machine: ChordMachine) -> [UInt64] {
        machine.successors.entries.map { $0.id.word3 }
    }

    @Test func unreachedHeadStaysWhileTheNextMemberNamesIt() throws {
        var machine = try Self.machine()
        let (first, head) = try Self.question(machine.tick())
        #expect(head == Nodes.node(20))
        let (second, next) = try Self.question(machine.receive(.unreached, for: first))
        #expect(next == Nodes.node(30))
        let directives = machine.receive(Self.state(30, after: 20, 40, 45, 50), for: second)
        // The rest of the list is the next member's.
        #expect(Self.list(machine) == [20, 30, 40])
        #expect(machine.unreachedHead == Nodes.node(20))
        // No Notify is sent to it.
        #expect(Self.notifies(directives).isEmpty)
        // Its range is its own in lookups.
        #expect(machine.view.step(for: Identifier(15)) == .owner(Nodes.node(20)))
        // Reached again, it is a head like any other.
        let (third, _) = try Self.question(machine.tick())
        _ = machine.receive(Self.state(20, after: 10, 30, 40, 50), for: third)
        #expect(machine.unreachedHead == nil)
    }

    @Test func unreachedHeadIsDroppedWhenTheNextMemberDoesNotNameIt() throws {
        var machine = try Self.machine()
        let (first, _) = try Self.question(machine.tick())
        let (second, _) = try Self.question(machine.receive(.unreached, for: first))
        let directives = machine.receive(Self.state(30, after: 50, 40, 50), for: second)
        #expect(Self.list(machine) == [30, 40])
        #expect(Self.notifies(directives) == [Nodes.node(30)])
    }

    @Test func nextMemberMayBeDeadOrUnreached() throws {
        var machine = try Self.machine()
        let (first, _) = try Self.question(machine.tick())
        let (second, _) = try Self.question(machine.receive(.unreached, for: first))
        let (third, next) = try Self.question(machine.receive(.dead, for: second))
        #expect(next == Nodes.node(40))
        #expect(Self.list(machine) == [20, 40])
        // 40 has not found out that 30 is dead: 20 still comes somewhere before it.
        _ = machine.receive(Self.state(40, after: 30, 50, 10), for: third)
        #expect(Self.list(machine) == [20, 40, 50])

        machine = try Self.machine()
        let (fourth, _) = try Self.question(machine.tick())
        let (fifth, _) = try Self.question(machine.receive(.unreached, for: fourth))
        let (sixth, _) = try Self.question(machine.receive(.unreached, for: fifth))
        _ = machine.receive(Self.state(40, after: 30, 50), for: sixth)
        #expect(Self.list(machine) == [20, 30, 40])
    }

    @Test func unreachedHeadStaysIfItIsTheOnlyEntry() throws {
        var machine = ChordMachine(
            node: Nodes.node(10),
            parameters: try Nodes.parameters(width: 6, successorCount: 1)
        )
        _ = machine.found(with: Nodes.nodes(20, 30))
        let (first, _) = try Self.question(machine.tick())
        _ = machine.receive(.unreached, for: first)
        #expect(Self.list(machine) == [20])
        #expect(!machine.isBusy)
    }

    @Test func memberNamedByTheHeadBecomesTheHead() throws {
        var machine = try Self.machine()
        let (first, _) = try Self.question(machine.tick())
        let answer = Self.state(20, after: 15, 30, 40)
        let (second, candidate) = try Self.question(machine.receive(answer, for: first))
        #expect(candidate == Nodes.node(15))
        _ = machine.receive(.unreached, for: second)
        #expect(Self.list(machine) == [15, 20, 30])
        #expect(machine.view.step(for: Identifier(12)) == .owner(Nodes.node(15)))
        #expect(machine.view.step(for: Identifier(17)) == .owner(Nodes.node(20)))
    }

    @Test func predecessorThatOthersReachStays() throws {
        var machine = try Self.machine()
        let (token, asked) = try Self.question(machine.notified(by: Nodes.node(45)))
        #expect(asked == Nodes.node(50))
        let directives = machine.receive(.unreached, for: token)
        #expect(machine.predecessor == Nodes.node(50))
        #expect(directives.contains(.nudge(Nodes.node(45))))
    }

    @Test func listThatChangedDuringTheProbeIsKept() throws {
        var machine = try Self.machine()
        let (first, _) = try Self.question(machine.tick())
        let (second, _) = try Self.question(machine.receive(.unreached, for: first))
        _ = machine.neighbourLeft(
            LeaveNotice(
                state: RingState(
                    node: Nodes.node(20),
                    predecessor: Nodes.node(10),
                    successors: Nodes.nodes(30, 40)
                )
            )
        )
        _ = machine.receive(Self.state(30, after: 20, 40, 50), for: second)
        #expect(Self.list(machine) == [30, 40])
    }
}
