// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

/// The start of a range whose former owner may still own it.
@Suite(.tags(.unit)) struct HandoverTests {
    /// A node at 40 in a ring 10, 20, 30, 40, 50.
    private static func machine() throws -> ChordMachine {
        var machine = ChordMachine(
            node: Nodes.node(40),
            parameters: try Nodes.parameters(width: 6)
        )
        let state = RingState(
            node: Nodes.node(30),
            predecessor: Nodes.node(20),
            successors: Nodes.nodes(50, 10, 20)
        )
        let joined = machine.join(after: state)
        _ = try #require(joined)
        return machine
    }

    private static func range(_ start: UInt64, _ end: UInt64 = 40) -> IdentifierRange {
        IdentifierRange(after: Identifier(start), through: Identifier(end))
    }

    private static func question(in directives: [Directive]) throws -> Token {
        let tokens = directives.compactMap { directive -> Token? in
            guard case .askState(let token, _) = directive else { return nil }
            return token
        }
        return try #require(tokens.first)
    }

    private static func ranges(_ directives: [Directive]) -> [IdentifierRange?] {
        directives.compactMap { directive -> IdentifierRange?? in
            guard case .report(.rangeChanged(_, let to, _)) = directive else { return nil }
            return to
        }
    }

    /// The same node; 20 notifies it, and its predecessor 30 is taken for dead and may own its range.
    private static func waiting() throws -> ChordMachine {
        var machine = try Self.machine()
        let asked = machine.notified(by: Nodes.node(20))
        let token = try question(in: asked)
        let directives = machine.receive(.dead, for: token, mayOwnRange: true)
        #expect(ranges(directives).isEmpty)
        #expect(machine.predecessor == Nodes.node(20))
        #expect(machine.formerOwners == [Nodes.node(30)])
        #expect(machine.view.range == range(30))
        #expect(machine.view.state.predecessor == Nodes.node(20), "the former owner must read this")
        return machine
    }

    @Test func rangeIsTakenOverWhenItWasGivenUp() throws {
        var machine = try Self.waiting()
        #expect(!machine.isPredecessorDefinite)
        #expect(machine.released(by: Identifier(20)).isEmpty)
        let directives = machine.released(by: Identifier(30))
        #expect(Self.ranges(directives) == [Self.range(20)])
        #expect(machine.isPredecessorDefinite)
    }

    @Test func formerOwnerThatIsReachedAgainKeepsItsRange() throws {
        var machine = try Self.waiting()
        let directives = machine.notified(by: Nodes.node(30))
        #expect(Self.ranges(directives).isEmpty)
        #expect(machine.predecessor == Nodes.node(30))
        #expect(machine.formerOwners.isEmpty)
        #expect(machine.view.range == Self.range(30))
    }

    @Test func nearestOfSeveralFormerOwnersCounts() throws {
        var machine = try Self.waiting()
        let token = try Self.question(in: machine.notified(by: Nodes.node(10)))
        _ = machine.receive(.dead, for: token, mayOwnRange: true)
        #expect(machine.formerOwners == [Nodes.node(30), Nodes.node(20)])
        let nearest = machine.released(by: Identifier(30))
        #expect(Self.ranges(nearest) == [Self.range(20)])
        let last = machine.released(by: Identifier(20))
        #expect(Self.ranges(last) == [Self.range(10)])
    }

    @Test func deadNodeWithoutAClaimIsReplacedAtOnce() throws {
        var machine = try Self.machine()
        let token = try Self.question(in: machine.notified(by: Nodes.node(20)))
        let directives = machine.receive(.dead, for: token)
        #expect(Self.ranges(directives) == [Self.range(20)])
    }

    @Test("The last other member may still own its range too")
    func lastOther() throws {
        var machine = ChordMachine(
            node: Nodes.node(40),
            parameters: try Nodes.parameters(width: 6)
        )
        _ = machine.create()
        _ = machine.notified(by: Nodes.node(20))
        let token = try Self.question(in: machine.tick())
        _ = machine.receive(.dead, for: token, mayOwnRange: true)
        #expect(machine.isAlone)
        #expect(machine.view.range == Self.range(20))
        let directives = machine.released(by: Identifier(20))
        #expect(Self.ranges(directives) == [Self.range(40)])
    }

    // MARK: Leaving

    /// The same node; 30 leaves, whose predecessor was 25. Nobody else knew of 25.
    private static func left() throws -> ChordMachine {
        var machine = try Self.machine()
        let state = RingState(
            node: Nodes.node(30),
            predecessor: Nodes.node(25),
            successors: Nodes.nodes(40, 50)
        )
        _ = machine.neighbourLeft(LeaveNotice(state: state))
        #expect(machine.view.range == range(30))
        return machine
    }

    @Test func leaversPredecessorKeepsItsRange() throws {
        var machine = try Self.left()
        let farther = machine.notified(by: Nodes.node(20))
        #expect(Self.ranges(farther) == [Self.range(25)])
        #expect(!machine.isPredecessorDefinite)
        let heir = machine.notified(by: Nodes.node(25))
        #expect(Self.ranges(heir).isEmpty)
        #expect(machine.isPredecessorDefinite)
        #expect(machine.view.range == Self.range(25))
    }

    @Test func nearerNodeIsToldOfTheLeaversPredecessor() throws {
        var machine = try Self.left()
        _ = machine.notified(by: Nodes.node(28))
        #expect(machine.isPredecessorDefinite)
        #expect(machine.nodeBeforePredecessor == Nodes.node(25))
        #expect(machine.view.range == Self.range(28))
    }

    @Test func leaversPredecessorThatStaysSilentIsNotAwaitedForEver() throws {
        var machine = try Self.left()
        _ = machine.notified(by: Nodes.node(20))
        var ranges: [IdentifierRange?] = []
        for _ in 0..<machine.configuration.heirTicks { ranges += Self.ranges(machine.tick()) }
        #expect(ranges == [Self.range(20)])
        #expect(machine.isPredecessorDefinite)
    }
}
