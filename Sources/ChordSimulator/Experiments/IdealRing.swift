// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// Ideal rings, constructed directly without events or a clock. Thousands of nodes take about a
/// second.
struct IdealRing {
    /// The members in the order of their identifiers; a member's number is its index.
    let members: [RoutingView]
    let space: IdentifierSpace
    private let ids: [Identifier]

    /// A ring of nodes at random identifiers.
    init(nodes: Int, successorCount: Int, using generator: inout SeededGenerator) {
        let parameters = RingParameters(
            ring: "experiment",
            hash: "none",
            probe: .zero,
            space: .standard,
            rule: .name,
            successorCount: successorCount
        )
        var places: Set<Identifier> = []
        while places.count < nodes { places.insert(Identifier(generator.next())) }
        let ids = places.sorted()
        let references = ids.indices.map { index in
            let name = MachineNode.name(index)
            return NodeReference(id: ids[index], name: name, address: name, incarnation: 1)
        }
        members = ids.indices.map { index in
            var machine = ChordMachine(node: references[index], parameters: parameters)
            let known = Self.known(at: index, in: ids, parameters)
            _ = machine.found(with: known.map { references[$0] })
            return machine.view
        }
        self.ids = ids
        space = parameters.space
    }

    /// The nodes that a member of the ideal ring knows, each once: its list, its fingers and its
    /// predecessor.
    private static func known(
        at index: Int,
        in ids: [Identifier],
        _ parameters: RingParameters
    ) -> [Int] {
        let space = parameters.space
        let listed = min(parameters.successorCount, ids.count - 1)
        var known = (1...listed).map { (index + $0) % ids.count }
        // The order of a finger pass: the next target is the first power of two beyond the last
        // finger.
        while let last = known.last {
            let distance = space.distance(from: ids[index], to: ids[last])
            guard distance.bitWidthOfValue < space.width else { break }
            let target = space.adding(ids[index], powerOfTwo: distance.bitWidthOfValue)
            let finger = LookupAuditor.firstIndex(atLeast: target, in: ids) % ids.count
            let isPastAll = space.distance(from: ids[index], to: ids[finger]) <= distance
            if isPastAll { break }
            known.append(finger)
        }
        let predecessor = (index + ids.count - 1) % ids.count
        if !known.contains(predecessor) { known.append(predecessor) }
        return known
    }

    /// The index of a key's owner among the members for which the closure returns true.
    func owner(of key: Identifier, among isUp: (Int) -> Bool = { _ in true }) -> Int {
        var index = LookupAuditor.firstIndex(atLeast: key, in: ids) % ids.count
        while !isUp(index) { index = (index + 1) % ids.count }
        return index
    }

    func index(of reference: NodeReference) -> Int {
        MachineNode.number(of: reference)
    }
}
