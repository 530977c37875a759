// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordCore

/// Two lives of one name in a ring that gives each node several places.
@Suite(.tags(.unit)) struct RivalTests {
    private static let places = [10, 60, 110].map { Identifier(UInt64($0)) }

    private static func node(_ name: String, at id: UInt64, life: UInt64 = 5) -> NodeReference {
        NodeReference(id: Identifier(id), name: name, address: "\(name).\(id)", incarnation: life)
    }

    /// A member at its place of index 1.
    private static func member(
        _ mode: ChordMachine.QueryMode = .answering,
        head: NodeReference? = nil
    ) throws -> ChordMachine {
        var parameters = RingParameters(
            ring: "test",
            hash: "none",
            probe: .zero,
            space: try IdentifierSpace(width: 8),
            rule: .name,
            successorCount: 2
        )
        parameters.placements = places.count
        var configuration = ChordMachine.Configuration()
        configuration.queryMode = mode
        var machine = ChordMachine(
            node: node("n", at: 60),
            parameters: parameters,
            configuration: configuration
        )
        machine.look(forRivalsAt: places)
        let others = [node("a", at: 20), node("b", at: 200)] + (head.map { [$0] } ?? [])
        _ = machine.found(with: others)
        return machine
    }

    private static func search(_ directives: [Directive]) -> (token: Token, place: Identifier)? {
        for case .findRival(let token, let place) in directives { return (token, place) }
        return nil
    }

    /// The lookups of some ticks, each ended with what `owner` names.
    private static func tick(
        _ machine: inout ChordMachine,
        _ count: Int,
        _ owner: (Identifier) -> NodeReference?
    ) -> (searched: [Identifier], verified: [NodeReference]) {
        var searched: [Identifier] = []
        var verified: [NodeReference] = []
        for _ in 0..<count {
            guard let (token, place) = search(machine.tick()) else { continue }
            searched.append(place)
            for case .verifyRival(let rival) in machine.resolveRival(owner(place), for: token) {
                verified.append(rival)
            }
        }
        return (searched, verified)
    }

    @Test(
        "A former life of this node at another place is not asked: it would be this process",
        arguments: [ChordMachine.QueryMode.answering, .delaying]
    )
    func formerLife(mode: ChordMachine.QueryMode) throws {
        var machine = try Self.member(mode)
        var former = Self.node("n", at: 110, life: 4)
        former.address = machine.node.address
        let head = try #require(machine.successors.head)
        let asked = machine.round()
        guard case .askState(let token, head)? = asked.last else {
            Issue.record("\(asked)")
            return
        }
        let state = RingState(node: head, predecessor: former, successors: [])
        let directives = machine.receive(.state(state), for: token)
        #expect(directives.contains(.notify(head)))
        #expect(!directives.contains { if case .askState = $0 { true } else { false } })
        // The head that a restarted node has copied may be its former life, too.
        var copied = try Self.member(mode, head: former)
        let dropped = copied.round()
        #expect(!dropped.contains { if case .askState(_, former) = $0 { true } else { false } })
        #expect(copied.successors.head?.id == Identifier(200))
    }

    @Test("Before the older life stops, its neighbours hear of the newer one")
    func neighboursToTell() throws {
        let machine = try Self.member()
        let newer = Self.node("n", at: 110, life: 6)
        #expect(machine.neighboursToTell(of: newer).map(\.name) == ["b", "a"])
        // The newer life itself may be a neighbour.
        let beside = try Self.member(head: newer)
        #expect(beside.neighboursToTell(of: newer).map(\.name) == ["a"])
    }

    @Test("A node looks up its other places in turn, and not its own")
    func turns() throws {
        var machine = try Self.member()
        let ticks = 4 * machine.configuration.rivalTicks
        let (searched, verified) = Self.tick(&machine, ticks) { _ in Self.node("b", at: 200) }
        #expect(searched == [10, 110, 10, 110].map { Identifier($0) })
        #expect(verified.isEmpty)
    }

    @Test("A ring with one place for each node costs no such lookup")
    func onePlace() throws {
        var machine = try Self.member()
        machine.look(forRivalsAt: [Self.places[1]])
        let (searched, _) = Self.tick(&machine, 50) { _ in nil }
        #expect(searched.isEmpty)
    }

    @Test("The older life asks for the newer one to be verified; the newer one waits to be found")
    func newerStays() throws {
        var machine = try Self.member()
        let ticks = 2 * machine.configuration.rivalTicks
        let newer = Self.node("n", at: 110, life: 6)
        let older = Self.node("n", at: 110, life: 4)
        #expect(Self.tick(&machine, ticks) { _ in newer }.verified == [newer])
        #expect(Self.tick(&machine, ticks) { _ in older }.verified == [])
        // Two that started in the same millisecond.
        let equal = Self.node("n", at: 110)
        #expect(Self.tick(&machine, ticks) { _ in equal }.verified == [equal])
    }

    @Test("An owner that does not stand at the place itself, or has another name, is no rival")
    func others() throws {
        var machine = try Self.member()
        let ticks = 2 * machine.configuration.rivalTicks
        let beyond = Self.node("n", at: 120, life: 9)
        #expect(Self.tick(&machine, ticks) { _ in beyond }.verified == [])
        let other = Self.node("m", at: 110, life: 9)
        #expect(Self.tick(&machine, ticks) { _ in other }.verified == [])
        #expect(Self.tick(&machine, ticks) { _ in nil }.verified == [])
    }

    @Test(
        "A late or repeated answer changes nothing, and a lookup without an answer blocks no other"
    )
    func staleAnswers() throws {
        var machine = try Self.member()
        let newer = Self.node("n", at: 10, life: 9)
        var found: (token: Token, place: Identifier)?
        for _ in 0..<machine.configuration.rivalTicks {
            found = Self.search(machine.tick()) ?? found
        }
        let first = try #require(found)
        #expect(machine.resolveRival(newer, for: first.token) == [.verifyRival(newer)])
        #expect(machine.resolveRival(newer, for: first.token) == [])
        _ = machine.leave()
        #expect(machine.resolveRival(newer, for: first.token) == [])
    }
}
