// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordCore

/// Tables and lookup steps, compared with a list of all identifiers.
@Suite(.tags(.unit)) struct RoutingTests {
    /// A table, its owner and its entries by distance, all random.
    struct Sample {
        var space: IdentifierSpace
        var owner: Identifier
        var table: RoutingTable
        var entries: [NodeReference]

        init(seed: UInt64) throws {
            var generator = SeededGenerator(seed: seed)
            let width = Int.random(in: 5...12, using: &generator)
            let space = try IdentifierSpace(width: width)
            let ids = Nodes.distinct(
                Int.random(in: 1...14, using: &generator),
                width: width,
                using: &generator
            )
            let owner = Identifier(ids[0])
            table = RoutingTable(owner: owner, space: space)
            let others = ids.dropFirst().map { Nodes.node($0) }
            for node in others { table.insert(node) }
            entries = others.sorted {
                space.distance(from: owner, to: $0.id) < space.distance(from: owner, to: $1.id)
            }
            self.space = space
            self.owner = owner
        }

        func distance(_ id: Identifier) -> Identifier { space.distance(from: owner, to: id) }
    }

    @Test(arguments: UInt64(0)..<60)
    func tableFindsFingersAndPrecedingEntries(seed: UInt64) throws {
        let sample = try Sample(seed: seed)
        #expect(sample.table.entries == sample.entries)
        for exponent in 0..<sample.space.width {
            let start = Identifier(1 << UInt64(exponent))
            let right = sample.entries.first { sample.distance($0.id) >= start }
            #expect(sample.table.finger(exponent) == right)
        }
        var generator = SeededGenerator(seed: seed &+ 1000)
        let ids =
            sample.entries.map(\.id) + [sample.owner]
            + (0..<8).map { _ in
                Identifier(UInt64.random(in: 0...sample.space.largest.word3, using: &generator))
            }
        for id in ids {
            let right = sample.entries.filter { entry in
                id == sample.owner || sample.distance(entry.id) <= sample.distance(id)
            }
            #expect(Array(sample.table.preceding(id)) == right.reversed())
        }
    }

    @Test func insertKeepsTheNewerIncarnation() throws {
        var table = RoutingTable(owner: Identifier(5), space: try IdentifierSpace(width: 6))
        table.insert(Nodes.node(5))
        #expect(table.entries.isEmpty)
        table.insert(Nodes.node(9, life: 2))
        table.insert(Nodes.node(9, life: 1))
        #expect(table.entries == [Nodes.node(9, life: 2)])
        table.insert(Nodes.node(9, life: 3))
        #expect(table.entries == [Nodes.node(9, life: 3)])
    }

    @Test func entriesBetweenTwoNodesAreRemoved() throws {
        var table = RoutingTable(owner: Identifier(20), space: try IdentifierSpace(width: 6))
        for node in Nodes.nodes(30, 40, 50, 2, 10) { table.insert(node) }
        table.removeAll(between: Identifier(40), and: Identifier(10))
        #expect(table.entries == Nodes.nodes(30, 40, 10))
        table.remove(Identifier(40))
        #expect(table.entries == Nodes.nodes(30, 10))
        table.removeAll(between: Identifier(30), and: Identifier(30))
        #expect(table.entries == Nodes.nodes(30))
    }

    @Test func successorListRemovesContradictedEntries() throws {
        let owner = Identifier(60)
        var table = RoutingTable(owner: owner, space: try IdentifierSpace(width: 6))
        for node in Nodes.nodes(62, 1, 3, 5, 30) { table.insert(node) }
        _ = table.take(over: SuccessorList(of: owner, from: Nodes.nodes(63, 3), limit: 2))
        #expect(table.entries == Nodes.nodes(63, 3, 5, 30))
        _ = table.take(over: .empty)
        #expect(table.entries == Nodes.nodes(63, 3, 5, 30))
    }

    // MARK: Steps

    struct Place {
        var view: RoutingView
        var ids: [Identifier]
    }

    /// A view in an ideal ring, with all or only a few of the others in the table besides the list.
    static func place(seed: UInt64) throws -> Place {
        var generator = SeededGenerator(seed: seed)
        let width = Int.random(in: 4...10, using: &generator)
        let parameters = try Nodes.parameters(
            width: width,
            successorCount: Int.random(in: 1...4, using: &generator)
        )
        let count = Int.random(in: 1...12, using: &generator)
        let ids = Nodes.distinct(count, width: width, using: &generator).sorted()
        let others = ids.dropFirst().map { Nodes.node($0) }
        let successors = Array(others.prefix(parameters.successorCount))
        var table = RoutingTable(owner: Identifier(ids[0]), space: parameters.space)
        for node in successors { table.insert(node) }
        for node in others where Bool.random(using: &generator) { table.insert(node) }
        return Place(
            view: RoutingView(
                node: Nodes.node(ids[0]),
                phase: .member,
                isDelaying: false,
                predecessor: others.last ?? Nodes.node(ids[0]),
                successors: successors,
                table: table,
                parameters: parameters
            ),
            ids: ids.map { Identifier($0) }
        )
    }

    @Test(arguments: UInt64(0)..<100)
    func lookupStepsLeadToTheOwner(seed: UInt64) throws {
        let place = try Self.place(seed: seed)
        let view = place.view
        let space = view.parameters.space
        var faults: [String] = []
        for value in 0...space.largest.word3 {
            let id = Identifier(value)
            let owner = place.ids.first { $0 >= id } ?? place.ids[0]
            // Beyond the head of the list a nearer node is asked: it has heard of newcomers earlier.
            let known = [view.node.id] + view.successors.prefix(1).map(\.id)
            switch view.step(for: id) {
            case .owner(let named):
                if named.id != owner { faults.append("\(id): owner \(named.id), not \(owner)") }
                if !known.contains(named.id) { faults.append("\(id): named from afar") }
            case .forward(let candidates):
                if known.contains(owner) { faults.append("\(id): forwarded, though known") }
                // The best first, all of them on the way, and none beyond.
                let distances = candidates.map { space.distance(from: $0.id, to: id) }
                if distances != distances.sorted() { faults.append("\(id): not in order") }
                let own = space.distance(from: view.node.id, to: id)
                if distances.contains(where: { $0 >= own }) { faults.append("\(id): backwards") }
                let best = view.table.entries.map { space.distance(from: $0.id, to: id) }.min()
                if distances.first != best { faults.append("\(id): not the closest") }
                if candidates.count > RoutingView.candidateLimit { faults.append("too many") }
            default:
                faults.append("\(id): no step")
            }
        }
        #expect(faults.isEmpty)
    }

    /// With the nodes that a lookup found dead taken out, the step is that of a ring without them.
    @Test(arguments: UInt64(0)..<100)
    func excludedNodesAreSkipped(seed: UInt64) throws {
        let place = try Self.place(seed: seed)
        let view = place.view
        var generator = SeededGenerator(seed: seed &+ 7)
        let excluded = view.table.entries.map(\.id).filter { _ in Bool.random(using: &generator) }
        let isLeft = { (node: NodeReference) in !excluded.contains(node.id) }
        for value in 0...view.parameters.space.largest.word3 {
            let id = Identifier(value)
            let step = view.step(for: id, excluding: excluded)
            if view.range.contains(id) {
                #expect(step == .owner(view.node))
                continue
            }
            let head = try #require(view.successors.first)
            let before = view.table.entries.filter { $0.id.isIn(after: view.node.id, through: id) }
            // Who comes at or after the identifier, excluded or not: suspicion moves no keys.
            let owner = view.successors.first { id.isIn(after: view.node.id, through: $0.id) }
            if id.isIn(after: view.node.id, through: head.id) {
                #expect(step == .owner(head))
            } else if case .forward(let candidates) = step {
                #expect(!candidates.isEmpty)
                #expect(candidates.allSatisfy(isLeft))
            } else {
                #expect(!before.contains(where: isLeft))
                #expect(step == owner.map { .owner($0) } ?? .exhausted)
            }
        }
    }

    /// A joiner gets the node before its place to answer, and the next live one named.
    @Test(arguments: UInt64(0)..<60)
    func joinerIsNotNamedAsItsOwnOwner(seed: UInt64) throws {
        let place = try Self.place(seed: seed)
        let view = place.view
        for value in 0...view.parameters.space.largest.word3 {
            let joiner = Nodes.node(value, life: 2)
            let step = view.step(for: joiner.id, joiner: joiner)
            let others = view.successors.filter { $0.id != joiner.id }
            if joiner.id == view.node.id {
                #expect(step == .nameTaken(view.node))
            } else if others.isEmpty {
                #expect(step == .owner(view.node))
            } else if joiner.id.isBetween(view.node.id, and: others[0].id) {
                #expect(step == .owner(others[0]))
            } else if case .forward(let candidates) = step {
                #expect(!candidates.contains { $0.id == joiner.id })
            } else {
                Issue.record("\(value): \(step)")
            }
        }
    }

    @Test func nonMemberAnswersNoLookup() throws {
        let machine = ChordMachine(
            node: Nodes.node(1),
            parameters: try Nodes.parameters(width: 6)
        )
        #expect(machine.view.step(for: Identifier(3)) == .notMember)
    }
}
