// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import Testing

@Suite("Answers to lookups are checked", .tags(.unit))
struct AnswerCheckTests {
    /// A node whose name tells its place; "bad…" stands elsewhere.
    private static func node(_ id: UInt64, _ name: String? = nil) -> NodeReference {
        NodeReference(
            id: Identifier(id),
            name: name ?? "n\(id)",
            address: "\(name ?? "n\(id)"):1",
            incarnation: 1
        )
    }

    private static func check(_ target: UInt64, joiner: UInt64? = nil) -> AnswerCheck {
        AnswerCheck(of: Identifier(target), joiner: joiner.map { Identifier($0) }) {
            !$0.name.hasPrefix("bad")
        }
    }

    @Test("An owner at its place inside the arc is accepted")
    func right() {
        let check = Self.check(50)
        let (before, owner) = (Self.node(40), Self.node(60))
        #expect(check.objection(owner: owner, answering: before) == nil)
        #expect(check.objection(owner: owner, answering: owner) == nil)
        // Past zero.
        #expect(Self.check(5).objection(owner: Self.node(10), answering: Self.node(200)) == nil)
        // The identifier is the owner's own.
        #expect(Self.check(60).objection(owner: owner, answering: before) == nil)
    }

    @Test("An owner or answering node at a wrong identifier is refused")
    func misplaced() {
        let check = Self.check(50)
        let bad = Self.node(60, "bad")
        #expect(
            check.objection(owner: bad, answering: Self.node(40)) == .ownerMisplaced(bad)
        )
        let worse = Self.node(40, "bad")
        #expect(
            check.objection(owner: Self.node(60), answering: worse) == .answeringMisplaced(worse)
        )
    }

    @Test("An identifier outside the arc is refused")
    func outside() {
        let (answering, owner) = (Self.node(60), Self.node(70))
        #expect(
            Self.check(50).objection(owner: owner, answering: answering)
                == .outsideArc(owner: owner, answering: answering)
        )
        // The answering node's own place belongs to itself.
        #expect(
            Self.check(60).objection(owner: owner, answering: answering)
                == .outsideArc(owner: owner, answering: answering)
        )
    }

    @Test("A joiner is never told itself as owner")
    func joiner() {
        let check = Self.check(50, joiner: 50)
        let former = Self.node(50)
        #expect(check.objection(owner: former, answering: Self.node(40)) == .joinerNamed(former))
        #expect(check.objection(owner: Self.node(60), answering: former) == .joinerNamed(former))
        #expect(check.objection(owner: Self.node(60), answering: Self.node(40)) == nil)
    }

    @Test("A known node between identifier and owner contradicts an answer")
    func passedOver() {
        let check = Self.check(50)
        let known = [10, 40, 55, 58, 70, 90].map { Self.node($0) }
        func nearest(_ owner: UInt64) -> NodeReference? {
            check.passedOver(owner: Self.node(owner), among: known)
        }
        #expect(nearest(55) == nil)
        #expect(nearest(60) == Self.node(55))
        #expect(nearest(20) == Self.node(55))
        #expect(nearest(51) == nil)
        // Whoever stands at the identifier owns it.
        let own = Self.check(58).passedOver(owner: Self.node(70), among: known)
        #expect(own == Self.node(58))
        #expect(Self.check(70).passedOver(owner: Self.node(70), among: known) == nil)
    }

    @Test("A joiner's place may be in another ring than that of its known nodes")
    func passedOverForJoiner() {
        let check = Self.check(50, joiner: 50)
        #expect(check.passedOver(owner: Self.node(70), among: [Self.node(60)]) == nil)
    }

    @Test("A list is cut at the first node at a wrong place, and each step must lead nearer")
    func lists() {
        let check = Self.check(50)
        let (good, bad) = (Self.node(60), Self.node(70, "bad"))
        #expect(check.placed([good, bad, Self.node(80)]) == [good])
        let steps = [
            Self.node(45), Self.node(30), Self.node(49, "bad"), Self.node(60), Self.node(50),
        ]
        #expect(
            check.nearer(steps, than: Identifier(40)) == [Self.node(45), Self.node(50)]
        )
    }

    @Test("Each refusal leaves a quarter of the hop budget")
    func refusals() {
        var machine = LookupMachine(target: Identifier(1), hops: 8, hopBudget: 128)
        machine.refuse(Identifier(2))
        #expect(machine.hopBudget == 38)
        #expect(machine.excluded == [Identifier(2)])
        machine.refuse(Identifier(3))
        machine.refuse(Identifier(4))
        machine.refuse(Identifier(5))
        #expect(machine.hopBudget == 8)
        #expect(machine.refusals == 4)
        // What a peer said of the hops may be more than the budget.
        var odd = LookupMachine(target: Identifier(1), hops: .max, hopBudget: 4)
        odd.refuse(Identifier(2))
        #expect(odd.hopBudget == .max)
    }
}
