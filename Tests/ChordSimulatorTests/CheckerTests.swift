// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordSimulator
import ChordTestSupport
import Testing

@testable import ChordCore

/// A ring written down by hand: members with their lists and predecessors, right or wrong.
private struct HandMadeRing {
    let parameters: RingParameters
    var members: [(id: UInt64, predecessor: UInt64, successors: [UInt64])]

    init(list: Int, _ members: [(UInt64, UInt64, [UInt64])]) throws {
        parameters = RingParameters(
            ring: "test",
            hash: "none",
            probe: .zero,
            space: try IdentifierSpace(width: 8),
            rule: .name,
            successorCount: list
        )
        self.members = members.map { ($0.0, $0.1, $0.2) }
    }

    static func reference(_ id: UInt64) -> NodeReference {
        NodeReference(id: Identifier(id), name: "n\(id)", address: "n\(id)", incarnation: 1)
    }

    /// The snapshot, with everybody in everybody's table.
    func snapshot(pending: [RingSnapshot.PendingList] = []) -> RingSnapshot {
        let views = members.map { member in
            var table = RoutingTable(owner: Identifier(member.id), space: parameters.space)
            for other in members { table.insert(Self.reference(other.id)) }
            return RoutingView(
                node: Self.reference(member.id),
                phase: .member,
                isDelaying: false,
                predecessor: Self.reference(member.predecessor),
                successors: member.successors.map(Self.reference),
                table: table,
                parameters: parameters
            )
        }
        return RingSnapshot(
            members: views,
            pending: pending,
            successorCount: parameters.successorCount
        )
    }

    /// What the tracker finds when it is told of one member after the other, the last time around.
    func tracked() -> (violations: [String], principals: Int) {
        var tracker = InvariantTracker(successorCount: parameters.successorCount)
        var violations: [String] = []
        for _ in 0..<2 {
            violations = []
            for member in members {
                let id = Identifier(member.id)
                // A list that has changed is looked at again.
                _ = tracker.update(Int(member.id), id: id, isMember: true, lists: [])
                violations += tracker.update(
                    Int(member.id),
                    id: id,
                    isMember: true,
                    lists: [member.successors.map(Identifier.init)]
                )
            }
        }
        return (violations, tracker.principals)
    }
}

@Suite(.tags(.unit), .ownThreads) struct CheckerTests {
    private static let ideal: [(UInt64, UInt64, [UInt64])] = [
        (10, 50, [20, 30]), (20, 10, [30, 40]), (30, 20, [40, 50]), (40, 30, [50, 10]),
        (50, 40, [10, 20]),
    ]

    private func ring(
        _ changes: (inout HandMadeRing) -> Void = { _ in }
    ) throws -> HandMadeRing {
        var ring = try HandMadeRing(list: 2, Self.ideal)
        changes(&ring)
        return ring
    }

    @Test func idealRingHasNoFlaw() throws {
        let snapshot = try ring().snapshot()
        #expect(InvariantChecker.violations(in: snapshot).isEmpty)
        #expect(IdealChecker.flaws(in: snapshot).isEmpty)
        #expect(IdealChecker.rangeFlaws(in: snapshot).isEmpty)
        #expect(try ring().tracked().violations.isEmpty)
        #expect(try ring().tracked().principals == 5)
    }

    /// Each way of violating the invariant is seen by both checkers.
    @Test(
        arguments: [
            ("no live successor", 1, [25, 26]),
            ("lists itself", 1, [30, 20]),
            ("twice", 1, [30, 30]),
            ("out of order", 1, [40, 30]),
            ("out of order", 1, [30, 25]),
        ] as [(String, Int, [UInt64])]
    )
    func wrongListsAreDetected(expected: String, place: Int, list: [UInt64]) throws {
        let bad = try ring { $0.members[place].successors = list }
        let seen = InvariantChecker.violations(in: bad.snapshot())
        #expect(seen.contains { $0.contains(expected) }, "\(seen)")
        let tracked = bad.tracked().violations
        #expect(tracked.contains { $0.contains(expected) }, "\(tracked)")
    }

    @Test func tooFewPrincipalsAreDetected() throws {
        // 10 passes over 20, 20 over 30, 30 over 40: 10 and 50 are left, and three are needed.
        let bad = try ring { ring in
            ring.members[0].successors = [30, 40]
            ring.members[1].successors = [40, 50]
            ring.members[2].successors = [50, 10]
        }
        #expect(
            InvariantChecker.violations(in: bad.snapshot()).contains { $0.contains("principals") }
        )
        #expect(bad.tracked().principals == 2)
    }

    @Test func separateRingsAreDetected() throws {
        let bad = try ring { ring in
            ring.members[0].successors = [30, 50]
            ring.members[1].successors = [40]
            ring.members[2].successors = [50, 10]
            ring.members[3].successors = [20]
        }
        let seen = InvariantChecker.violations(in: bad.snapshot())
        #expect(seen.contains { $0.contains("2 rings") }, "\(seen)")
        #expect(bad.tracked().violations.contains { $0.contains("2 rings") })
    }

    @Test func ringWoundTwiceIsDetected() throws {
        let bad = try ring { ring in
            ring.members[0].successors = [30]
            ring.members[1].successors = [40]
            ring.members[2].successors = [50]
            ring.members[3].successors = [10]
            ring.members[4].successors = [20]
        }
        let seen = InvariantChecker.violations(in: bad.snapshot())
        #expect(seen.contains { $0.contains("2 times around") }, "\(seen)")
        #expect(bad.tracked().violations.contains { $0.contains("2 times around") })
    }

    @Test func listsInFlightAreChecked() throws {
        let dead = RingSnapshot.PendingList(owner: Identifier(20), successors: [Identifier(25)])
        let seen = InvariantChecker.violations(in: try ring().snapshot(pending: [dead]))
        #expect(seen == ["14 has no live successor (in flight)"])
        var tracker = InvariantTracker(successorCount: 2)
        for member in Self.ideal {
            _ = tracker.update(
                Int(member.0),
                id: Identifier(member.0),
                isMember: true,
                lists: [member.2.map(Identifier.init)]
            )
        }
        let lists = [[30, 40].map(Identifier.init), [Identifier(25)]]
        let tracked = tracker.update(20, id: Identifier(20), isMember: true, lists: lists)
        #expect(tracked == ["14 has no live successor"])
    }

    @Test func admissibleFailureLeavesALiveSuccessorAndEnoughPrincipals() throws {
        var tracker = InvariantTracker(successorCount: 2)
        func tell(_ id: UInt64, _ list: [UInt64]) {
            _ = tracker.update(
                Int(id),
                id: Identifier(id),
                isMember: true,
                lists: [list.map(Identifier.init)]
            )
        }
        for member in Self.ideal { tell(member.0, member.2) }
        #expect(tracker.admitsFailure(of: 20))
        tell(10, [20])
        #expect(!tracker.admitsFailure(of: 20), "10 would have nobody left")
        tell(10, [20, 30])
        for id in [40, 50] as [UInt64] {
            _ = tracker.update(Int(id), id: Identifier(id), isMember: false, lists: [])
        }
        #expect(!tracker.admitsFailure(of: 20), "three principals are needed")
    }

    @Test func outdatedReferencesAndWrongPredecessorsAreNotIdeal() throws {
        let wrong = try ring { $0.members[2].predecessor = 10 }.snapshot()
        #expect(IdealChecker.flaws(in: wrong).count == 1)
        #expect(IdealChecker.rangeFlaws(in: wrong).count == 1)
        let short = try ring { $0.members[2].successors = [40] }.snapshot()
        #expect(IdealChecker.flaws(in: short).count == 1)
        var outdated = try ring().snapshot()
        let view = outdated.members[3]
        var newer = view.node
        newer.incarnation = 2
        outdated.members[3] = RoutingView(
            node: newer,
            phase: .member,
            isDelaying: false,
            predecessor: view.predecessor,
            successors: view.successors,
            table: view.table,
            parameters: view.parameters
        )
        #expect(!IdealChecker.flaws(in: outdated).isEmpty)
    }

    @Test func wrongFingersAreNotIdeal() throws {
        var snapshot = try ring().snapshot()
        let view = snapshot.members[0]
        var table = view.table
        table.insert(HandMadeRing.reference(100))
        snapshot.members[0] = RoutingView(
            node: view.node,
            phase: .member,
            isDelaying: false,
            predecessor: view.predecessor,
            successors: view.successors,
            table: table,
            parameters: view.parameters
        )
        let flaws = IdealChecker.flaws(in: snapshot)
        #expect(flaws.contains { $0.hasPrefix("finger") }, "\(flaws)")
    }

    /// The two ways of counting agree on rings in any state.
    @Test(arguments: UInt64(0)..<100)
    func bothCheckersAgree(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let ids = generator.elements(8, of: Array(UInt64(0)..<40)).sorted()
        var bad = try HandMadeRing(list: 3, [])
        for id in ids {
            let list = generator.elements(3, of: Array(UInt64(0)..<40).filter { $0 != id })
                .sorted { ($0 &- id) & 0xFF < ($1 &- id) & 0xFF }
            bad.members.append((id, id, list))
        }
        let full = InvariantChecker.violations(in: bad.snapshot())
        let named = full.first { $0.contains("principals") }
        let tracked = bad.tracked()
        if tracked.principals >= 4 {
            #expect(named == nil)
        } else {
            #expect(named?.hasPrefix("only \(tracked.principals) principals") == true)
        }
        #expect(
            full.contains { $0.contains("no live") }
                == tracked.violations.contains { $0.contains("no live") }
        )
    }
}
