// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordTestSupport
import Testing

/// Nodes that answer for their state; some are wrong, lie or are dead.
private struct Strangers {
    let space = IdentifierSpace.standard
    var states: [Identifier: RingState] = [:]
    var dead: Set<Identifier> = []
    var order: [NodeReference]

    init(_ count: Int, listing listed: Int, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        order = (0..<count).map { index in
            NodeReference(
                id: Identifier(generator.next()),
                name: "n\(index)",
                address: "h:\(index + 1)",
                incarnation: 0
            )
        }
        order.sort { $0.id < $1.id }
        for (index, node) in order.enumerated() {
            let others = Array(order[(index + 1)...] + order[..<index])
            states[node.id] = RingState(
                node: node,
                predecessor: others.last ?? node,
                successors: others.isEmpty ? [node] : Array(others.prefix(listed))
            )
        }
    }

    var live: [NodeReference] { order.filter { !dead.contains($0.id) } }

    func owner(of id: Identifier) -> NodeReference? { live.first { $0.id >= id } ?? live.first }

    /// The answer of a node to a lookup: right, except for a node's identifier, where the node before it
    /// is named.
    func hint(_ id: Identifier) -> NodeReference? {
        guard let index = order.firstIndex(where: { $0.id >= id }) else { return order.first }
        return order[index].id == id ? order[(index + order.count - 1) % order.count] : order[index]
    }

    func run(_ search: OwnerSearch, jumps: Bool = true) -> OwnerSearch.Step {
        var search = search
        while true {
            let step = search.step()
            switch step {
            case .ask(let node):
                if let state = states[node.id], !dead.contains(node.id) {
                    search.answered(state)
                } else {
                    search.failed(node.id)
                }
            case .jump: search.jumped(to: jumps ? hint(search.target) : nil)
            case .found, .fail: return step
            }
        }
    }
}

@Suite("Searches among nodes of other implementations", .tags(.unit))
struct OwnerSearchTests {
    private func owner(_ step: OwnerSearch.Step) -> NodeReference? {
        guard case .found(let owner, _) = step else { return nil }
        return owner.node
    }

    private func targets(_ ring: Strangers, _ generator: inout SeededGenerator) -> [Identifier] {
        ring.order.flatMap { node in
            [
                node.id, ring.space.adding(node.id, Identifier(1)),
                ring.space.subtracting(node.id, Identifier(1)), Identifier(generator.next()),
            ]
        }
    }

    @Test(
        "The owner is right from every starting node, with or without hints",
        arguments: [1, 2, 3, 4, 9, 40],
        [true, false]
    )
    func right(count: Int, jumps: Bool) {
        var generator = SeededGenerator(seed: UInt64(count))
        let ring = Strangers(count, listing: 3, seed: UInt64(count))
        for target in targets(ring, &generator) {
            for start in ring.order {
                let search = OwnerSearch(for: target, from: [start], questionLimit: 200)
                #expect(
                    owner(ring.run(search, jumps: jumps)) == ring.owner(of: target),
                    "\(target) from \(start)"
                )
            }
        }
    }

    @Test("A hint shortens the walk")
    func short() {
        let ring = Strangers(300, listing: 3, seed: 5)
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<200 {
            let target = Identifier(generator.next())
            let search = OwnerSearch(for: target, from: [ring.order[0]], questionLimit: 6)
            #expect(owner(ring.run(search)) == ring.owner(of: target))
        }
    }

    @Test(
        "A target is far only if more members answered than a list holds",
        arguments: [1, 3, 8, 9, 40]
    )
    func far(count: Int) {
        let ring = Strangers(count, listing: 3, seed: 7)
        let start = ring.order[0]
        let target = ring.space.subtracting(start.id, Identifier(1))
        var search = OwnerSearch(for: target, from: [start], questionLimit: 200)
        var asked = 0
        var wasFar = false
        loop: while true {
            switch search.step() {
            case .ask(let node):
                asked += 1
                search.answered(ring.states[node.id]!)
            case .jump:
                if search.isFar {
                    wasFar = true
                    #expect(asked > 8)
                }
                search.jumped(to: nil)
            case .found, .fail: break loop
            }
        }
        #expect(wasFar == (count == 40))
    }

    @Test("An identifier of a known node is recognised")
    func knows() {
        let ring = Strangers(5, listing: 3, seed: 7)
        var search = OwnerSearch(for: Identifier(5), from: [ring.order[0]], questionLimit: 20)
        search.answered(ring.states[ring.order[0].id]!)
        for node in ring.order.prefix(4) { #expect(search.knows(node.id)) }
        #expect(!search.knows(ring.space.adding(ring.order[0].id, Identifier(1))))
    }

    @Test("Dead nodes own nothing, even if lists and predecessors name them")
    func dead() {
        for seed in UInt64(1)...20 {
            var ring = Strangers(12, listing: 4, seed: seed)
            var generator = SeededGenerator(seed: seed)
            ring.dead = Set(
                [Int(seed) % 12, Int(seed) % 12 + 1, Int(seed) % 12 + 5].map {
                    ring.order[$0 % 12].id
                }
            )
            for target in targets(ring, &generator) {
                for start in ring.live {
                    let search = OwnerSearch(for: target, from: [start], questionLimit: 200)
                    #expect(
                        owner(ring.run(search)) == ring.owner(of: target),
                        "\(target) from \(start), seed \(seed)"
                    )
                }
            }
        }
    }

    @Test("A node that claims to be alone owns nothing if the asker knows others")
    func liar() throws {
        var ring = Strangers(5, listing: 3, seed: 3)
        let liar = ring.order[1]
        ring.states[liar.id] = RingState(node: liar, predecessor: liar, successors: [liar])
        var generator = SeededGenerator(seed: 3)
        for target in targets(ring, &generator) where ring.owner(of: target) != liar {
            let search = OwnerSearch(
                for: target,
                from: [liar],
                known: [ring.order[2], ring.order[0]],
                questionLimit: 200
            )
            let found = owner(ring.run(search, jumps: false))
            #expect(found == ring.owner(of: target), "\(target)")
        }
    }

    @Test("A joiner finds the member before its place and skips its former life")
    func joiner() throws {
        for seed in UInt64(1)...20 {
            var ring = Strangers(7, listing: 3, seed: seed)
            let index = Int(seed) % 7
            let joiner = ring.order[index]
            ring.dead = [joiner.id]
            for start in ring.order {
                let search = OwnerSearch(
                    for: joiner.id,
                    from: [start] + ring.live.prefix(1),
                    joiner: joiner.id,
                    questionLimit: 200
                )
                guard case .found(let owner, let before?) = ring.run(search) else {
                    Issue.record("nobody found for \(joiner) from \(start)")
                    continue
                }
                #expect(owner.node == ring.order[(index + 1) % 7])
                #expect(before.node == ring.order[(index + 6) % 7])
            }
        }
    }

    @Test("A search without answers fails, and an endless one is stopped")
    func ends() {
        var ring = Strangers(4, listing: 3, seed: 8)
        ring.dead = Set(ring.order.map(\.id))
        let search = OwnerSearch(for: .zero, from: [ring.order[0]], questionLimit: 50)
        #expect(ring.run(search) == .fail)

        var endless = OwnerSearch(for: Identifier(.max), from: [ring.order[0]], questionLimit: 20)
        var place: UInt64 = 1
        var questions = 0
        while case .ask = endless.step() {
            // Each that is asked names another, a little nearer.
            func node(_ value: UInt64) -> NodeReference {
                NodeReference(id: Identifier(value), name: "x", address: "h:1", incarnation: 0)
            }
            endless.answered(
                RingState(node: node(place), predecessor: node(1), successors: [node(place + 1)])
            )
            endless.jumped(to: nil)
            place += 1
            questions += 1
            if questions > 100 { break }
        }
        #expect(questions <= 20)
    }
}
