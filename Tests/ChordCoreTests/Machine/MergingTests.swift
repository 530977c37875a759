// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordCore

@Suite(.tags(.unit)) struct MergingTests {
    private func node(_ number: UInt64) -> NodeReference {
        NodeReference(
            id: Identifier(number),
            name: "n\(number)",
            address: "n\(number)",
            incarnation: 1
        )
    }

    /// Node 10 in an ideal ring with 20 and 30.
    private func member(
        _ change: (inout ChordMachine.MergeSettings) -> Void = { _ in }
    ) throws -> ChordMachine {
        let parameters = RingParameters(
            ring: "test",
            hash: "none",
            probe: .zero,
            space: try IdentifierSpace(width: 8),
            rule: .name,
            successorCount: 2
        )
        var configuration = ChordMachine.Configuration()
        change(&configuration.merging)
        var machine = ChordMachine(
            node: node(10),
            parameters: parameters,
            configuration: configuration
        )
        _ = machine.found(with: [node(20), node(30)])
        return machine
    }

    private func search(_ directives: [Directive]) -> Token? {
        for case .findPlace(let token, _) in directives { return token }
        return nil
    }

    private func question(_ directives: [Directive]) -> Token? {
        for case .askState(let token, _) in directives { return token }
        return nil
    }

    @Test func nearerOfferIsAskedBeforeAdoption() throws {
        var machine = try member()
        let token = try #require(question(machine.offered(by: node(15))))
        #expect(machine.successors.head == node(20))
        _ = machine.receive(.dead, for: token)
        #expect(machine.successors.head == node(20))
        let second = try #require(question(machine.offered(by: node(15))))
        let state = RingState(node: node(15), predecessor: node(40), successors: [node(40)])
        let directives = machine.receive(.state(state), for: second)
        #expect(machine.successors.entries == [node(15), node(40)])
        #expect(directives.contains(.notify(node(15))))
        // The former head, and others of the table, hear of the other ring.
        #expect(directives.contains(.meet(node(20), contact: node(15))))
        #expect(directives.contains(.meet(node(30), contact: node(15))))
    }

    @Test(arguments: [UInt64(10), 20, 25, 5, 200])
    func offerOutsideTheGapChangesNothing(id: UInt64) throws {
        var machine = try member()
        let before = machine
        #expect(machine.offered(by: node(id)).isEmpty)
        #expect(machine == before)
    }

    @Test func nodeThatKnowsOurHeadBelongsToOurRing() throws {
        var machine = try member()
        let token = try #require(question(machine.offered(by: node(15))))
        let state = RingState(node: node(15), predecessor: node(40), successors: [node(20)])
        let directives = machine.receive(.state(state), for: token)
        #expect(machine.successors.head == node(15))
        #expect(!directives.contains { if case .meet = $0 { true } else { false } })
    }

    @Test func nearestOfferIsKeptWhileBusy() throws {
        var machine = try member()
        let token = try #require(question(machine.tick()))
        for id in [UInt64(18), 12, 15] { #expect(machine.offered(by: node(id)).isEmpty) }
        let state = RingState(node: node(20), predecessor: node(10), successors: [node(30)])
        let directives = machine.receive(.state(state), for: token)
        #expect(
            directives.contains { if case .askState(_, node(12)) = $0 { true } else { false } }
        )
    }

    @Test func lostMemberIsAskedAgainUntilItAnswers() throws {
        var machine = try member()
        let token = try #require(question(machine.tick()))
        _ = machine.receive(.dead, for: token)
        #expect(machine.lostMembers == [node(20)])
        var place: Token?
        for _ in 0..<4 where place == nil { place = search(machine.tick()) }
        let first = try #require(place)
        // Another ring: we offer ourselves to the member before us there, and go on asking.
        let answer = ChordMachine.PlaceAnswer.after(node(5), isHead: false)
        #expect(machine.resolvePlace(answer, for: first) == [.offer(node(5))])
        #expect(machine.lostMembers == [node(20)])
        place = nil
        for _ in 0..<4 where place == nil { place = search(machine.tick()) }
        let second = try #require(place)
        let known = ChordMachine.PlaceAnswer.after(machine.predecessor, isHead: true)
        #expect(machine.resolvePlace(known, for: second).isEmpty)
        #expect(machine.lostMembers.isEmpty)
        #expect(machine.resolvePlace(answer, for: second).isEmpty)
    }

    @Test func probesOfLostMembersSlowDown() throws {
        var machine = try member { $0.checkTicks = .max }
        machine.remember([node(50)])
        var ticks: [Int] = []
        for tick in 0..<1000 {
            guard let token = search(machine.tick()) else { continue }
            ticks.append(tick)
            _ = machine.resolvePlace(.dead, for: token)
        }
        let gaps = zip(ticks.dropFirst(), ticks).map { $0 - $1 }
        let settings = ChordMachine.MergeSettings()
        #expect(gaps.first == settings.probeTicks)
        #expect(gaps.last == settings.slowProbeTicks)
        #expect(gaps.count { $0 == settings.probeTicks } >= settings.probesUntilSlow - 1)
    }

    @Test func lostMembersReportedByOthersAreLimited() throws {
        var machine = try member()
        var searches = 0
        for number in 0..<200 {
            let directives = machine.met(node(UInt64(40 + number)))
            guard let token = search(directives) else { continue }
            searches += 1
            _ = machine.resolvePlace(.unknown, for: token)
        }
        #expect(searches == 8)
        #expect(machine.lostMembers.count <= PassiveList.capacity)
    }

    @Test func withMergingOffNoLostMemberIsKept() throws {
        var machine = try member { $0.isOn = false }
        machine.remember([node(50)])
        #expect(machine.lostMembers.isEmpty)
        #expect(machine.merge(with: node(50)).isEmpty)
        #expect((0..<30).allSatisfy { _ in search(machine.tick()) == nil })
    }

    @Test func newPredecessorIsToldOfLostMembers() throws {
        var machine = try member()
        machine.remember([node(50), node(60), node(70)])
        let directives = machine.notified(by: node(9))
        #expect(directives.contains(.meet(node(9), contact: node(70))))
        #expect(directives.contains(.meet(node(9), contact: node(60))))
        #expect(!directives.contains(.meet(node(9), contact: node(50))))
    }

    private func leaveNotice(
        of number: UInt64,
        successors: [UInt64] = [],
        lost: [NodeReference] = []
    ) -> LeaveNotice {
        LeaveNotice(
            state: RingState(
                node: node(number),
                predecessor: node(number),
                successors: successors.map(node)
            ),
            lost: lost
        )
    }

    @Test func leaveNoticeNamesTheLeaversLostMembers() throws {
        var machine = try member()
        let lost = (100..<120).map { node($0) }
        machine.remember(lost)
        let said = machine.leave().compactMap { directive -> [NodeReference]? in
            if case .sendLeave(_, let leaveNotice) = directive { leaveNotice.lost } else { nil }
        }
        #expect(said == [lost.reversed(), lost.reversed()].map { Array($0.prefix(16)) })
    }

    @Test func lostMembersInALeaveNoticeAreKept() throws {
        var machine = try member()
        _ = machine.neighbourLeft(leaveNotice(of: 20, lost: (100..<150).map { node($0) }))
        #expect(Set(machine.lostMembers) == Set((100..<116).map { node($0) }))
    }

    @Test func memberMissingFromALeaveNoticeIsKeptAsLost() throws {
        var machine = try member()
        _ = machine.neighbourLeft(leaveNotice(of: 20, successors: [40, 50]))
        #expect(machine.lostMembers == [node(30)])
    }

    @Test(arguments: [ChordMachine.PlaceAnswer.unknown, .dead])
    func contactIsKeptWhenALookupThroughItFails(answer: ChordMachine.PlaceAnswer) throws {
        var machine = try member()
        let token = try #require(search(machine.met(node(40))))
        #expect(machine.lostMembers.isEmpty)
        _ = machine.resolvePlace(answer, for: token)
        #expect(machine.lostMembers == [node(40)])
    }
}
