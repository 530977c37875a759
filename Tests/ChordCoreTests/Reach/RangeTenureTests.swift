// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

@Suite(.tags(.unit)) struct RangeTenureTests {
    /// A node at 20 that has joined after 10, with 30 for its head.
    private static func joined() throws -> (ChordMachine, RangeTenure, [RingEvent]) {
        var machine = ChordMachine(
            node: Nodes.node(20),
            parameters: try Nodes.parameters(width: 6)
        )
        let state = RingState(
            node: Nodes.node(10),
            predecessor: Nodes.node(40),
            successors: Nodes.nodes(30, 40)
        )
        let joined = machine.join(after: state)
        let directives = try #require(joined)
        var tenure = RangeTenure()
        let events = Self.reports(directives, &tenure)
        return (machine, tenure, events)
    }

    private static func reports(
        _ directives: [Directive],
        _ tenure: inout RangeTenure
    ) -> [RingEvent] {
        directives.flatMap { directive -> [RingEvent] in
            guard case .report(let event) = directive else { return [] }
            return tenure.events(for: event)
        }
    }

    private static func view(_ machine: ChordMachine, _ tenure: RangeTenure) -> RoutingView {
        var view = machine.view
        view.tenure = tenure.state
        return view
    }

    @Test func joinerOwnsNothingUntilItsHeadNamesIt() throws {
        var (machine, tenure, events) = try Self.joined()
        #expect(events.isEmpty)
        #expect(machine.phase == .member)
        // The range is the head's still, and this node says so.
        #expect(Self.view(machine, tenure).step(for: Identifier(15)) == .owner(Nodes.node(30)))
        #expect(Self.view(machine, tenure).step(for: Identifier(25)) == .owner(Nodes.node(30)))
        #expect(
            tenure.headNames(Nodes.node(10), head: Identifier(30), in: machine.view) == []
        )
        #expect(tenure.state == .awaited)
        let named = tenure.headNames(Nodes.node(20), head: Identifier(30), in: machine.view)
        #expect(
            named == [
                .joined(machine.view.state),
                .rangeChanged(from: nil, to: machine.view.range, cause: .joined),
            ]
        )
        #expect(Self.view(machine, tenure).step(for: Identifier(15)) == .owner(Nodes.node(20)))
        #expect(tenure.confirm(machine.view) == [])
        // What changes from now on is told.
        #expect(Self.reports(machine.notified(by: Nodes.node(15)), &tenure).count == 2)
    }

    @Test func refusedJoinerReportsNoRange() throws {
        var (machine, tenure, _) = try Self.joined()
        #expect(tenure.refuse() == [])
        #expect(Self.reports(machine.leave(), &tenure) == [.left])
        #expect(!tenure.hasJoined)
    }

    @Test func rangeIsLostWhenTheHeadClaimsIt() throws {
        var (machine, tenure, _) = try Self.joined()
        let range = machine.view.range
        _ = tenure.confirm(machine.view)
        // A refusal alone is none of the head's claims: nobody else owns the range.
        #expect(tenure.refuse() == [])
        #expect(tenure.state == .held)
        // A node between this one and its head takes nothing of this one's.
        #expect(
            tenure.headNames(Nodes.node(25), head: Identifier(30), in: machine.view) == []
        )
        #expect(tenure.state == .held)
        // The head has another predecessor, before this node: it owns what this node had.
        #expect(
            tenure.headNames(Nodes.node(10), head: Identifier(30), in: machine.view) == []
        )
        #expect(tenure.state == .doubted)
        #expect(Self.view(machine, tenure).step(for: Identifier(15)) == .owner(Nodes.node(30)))
        #expect(tenure.refuse() == [.rangeChanged(from: range, to: nil, cause: .failed)])
        #expect(tenure.refuse() == [])
        #expect(
            tenure.confirm(machine.view)
                == [.rangeChanged(from: nil, to: range, cause: .stabilized)]
        )
    }

    @Test func shortDoubtIsNotReported() throws {
        var (machine, tenure, _) = try Self.joined()
        _ = tenure.confirm(machine.view)
        _ = tenure.headNames(Nodes.node(10), head: Identifier(30), in: machine.view)
        #expect(tenure.confirm(machine.view) == [])
        #expect(tenure.state == .held)
    }

    @Test func eachReleaseCounts() throws {
        var (machine, tenure, _) = try Self.joined()
        _ = tenure.headNames(Nodes.node(10), head: Identifier(30), in: machine.view)
        #expect(tenure.releases == 0, "it owned nothing")
        _ = tenure.confirm(machine.view)
        _ = tenure.headNames(Nodes.node(10), head: Identifier(30), in: machine.view)
        _ = tenure.refuse()
        #expect(tenure.releases == 1)
        _ = machine.leave()
    }

    @Test("A process that stood still asks its head before it owns its range again")
    func standstill() throws {
        var (machine, tenure, _) = try Self.joined()
        tenure.stoodStill()
        #expect(tenure.state == .awaited)
        _ = tenure.confirm(machine.view)
        tenure.stoodStill()
        #expect(tenure.state == .doubted)
        #expect(tenure.releases == 1)
        // The head is dead, so it has not taken the range.
        #expect(tenure.headChanged(machine.view) == [])
        #expect(tenure.state == .held)
        // A head that has named another predecessor has.
        tenure.stoodStill()
        _ = tenure.headNames(Nodes.node(10), head: Identifier(30), in: machine.view)
        _ = tenure.headChanged(machine.view)
        #expect(tenure.state == .doubted)
        _ = machine.leave()
    }

    @Test("A joiner whose head fails before it owns anything knows that")
    func headFailsDuringAJoin() throws {
        var (machine, tenure, _) = try Self.joined()
        #expect(!tenure.hasLostHead)
        let state = RingState(
            node: Nodes.node(30),
            predecessor: Nodes.node(20),
            successors: Nodes.nodes(40)
        )
        _ = Self.reports(machine.neighbourLeft(LeaveNotice(state: state)), &tenure)
        #expect(tenure.hasLostHead)
        #expect(!tenure.hasHeadDied)
        tenure.headDied()
        #expect(tenure.hasHeadDied)
        _ = tenure.confirm(machine.view)
        #expect(!tenure.hasLostHead)
        // A member that owns its range goes on owning it.
        tenure.headDied()
        #expect(!tenure.hasHeadDied)
    }

    @Test func creatorOwnsTheRingAtOnce() throws {
        var machine = ChordMachine(
            node: Nodes.node(20),
            parameters: try Nodes.parameters(width: 6)
        )
        var tenure = RangeTenure()
        tenure.hold()
        #expect(Self.reports(machine.create(), &tenure).count == 2)
        #expect(Self.view(machine, tenure).ownsRange)
    }
}
