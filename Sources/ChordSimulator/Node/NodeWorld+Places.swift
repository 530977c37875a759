// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordHash
import ChordRuntime

// Rings that give each node several places, and processes that are not what they say.

/// A process that is not the node of its number.
enum Impostor: Hashable, Sendable {
    /// It has the name of another node.
    case twin(of: Int)
    /// It claims an identifier which is none of its places.
    case intruder(Identifier)
}

extension NodeWorld {
    var hasPlaces: Bool { scenario.placements > 1 }

    /// The name of a node's process.
    func name(_ number: Int) -> String {
        guard case .twin(let original) = impostors[number] else {
            return SimulatedNode.name(number)
        }
        return SimulatedNode.name(original)
    }

    func isIntruder(_ number: Int) -> Bool {
        if case .intruder = impostors[number] { true } else { false }
    }

    /// The hash by which a node's process computes its places.
    func hash(of number: Int) -> HashFunction {
        guard case .intruder(let id) = impostors[number] else { return hash }
        return .intruding(hash, name: SimulatedNode.name(number), at: id, in: parameters.space)
    }

    func startImpostor(_ number: Int, _ impostor: Impostor, via: Int) {
        guard hasPlaces, number > 0, network.node(number) == nil else { return }
        impostors[number] = impostor
        let node = makeNode(number)
        network.add(node)
        startJoining(node, through: contacts(of: number, via: via))
    }

    /// Whether a node was rightly refused: as an intruder, or as another process of its name is a member.
    func isRightlyRefused(_ number: Int, _ error: ChordError) -> Bool {
        guard hasPlaces else { return false }
        return isIntruder(number) || error.code == .nameTaken || error.code == .replaced
    }

    /// A node that has found a newer process of its name has stopped.
    func lookForEnd(of node: SimulatedNode, _ view: RoutingView) {
        guard hasPlaces, view.phase == .left, !node.isLeaving, !node.isEnding else { return }
        node.isEnding = true
        counts.replaced += 1
        scheduler.schedule(at: now, for: nil) { [self] in end(node) }
    }

    /// The index that a node remembers: every second one has a data directory.
    func rememberedPlace(of number: Int) -> Int? {
        hasPlaces && number % 2 == 0 ? formerPlaces[number] : nil
    }

    /// A node that has joined stands where it stood before, if it remembers that.
    func checkPlace(of node: SimulatedNode) {
        let reference = node.reference
        stoodAt[node.number, default: []].insert(reference.id)
        if let former = rememberedPlace(of: node.number), former != reference.placeIndex {
            report(
                .place,
                ["\(reference) stood at place \(former), and joins at \(reference.placeIndex)"],
                after: "its restart"
            )
        }
        formerPlaces[node.number] = reference.placeIndex
    }

    /// Members at places that are not theirs, and names that two members have.
    func placeFlaws(in ring: RingSnapshot) -> [String] {
        guard hasPlaces else { return [] }
        let rule = PlaceRule(parameters, hash: hash)
        var holders: [String: NodeReference] = [:]
        var flaws: [String] = []
        for node in ring.members.map(\.node) {
            if !rule.isPlaced(node, count: scenario.placements) {
                flaws.append("\(node) stands at \(node.id), which is none of its places")
            }
            if let other = holders.updateValue(node, forKey: node.name) {
                flaws.append("\(node) and \(other) have one name")
            }
        }
        return flaws
    }
}

extension HashFunction {
    /// Gives each node the places of its scenario, and everything else some identifier.
    static func placing(_ places: SimulatedPlaces, in space: IdentifierSpace) -> HashFunction {
        let shift = UInt64(64 - space.width)
        return .custom(name: "scenario", bits: 64) { bytes in
            let place =
                SimulatedPlaces.node(in: bytes).map {
                    places.identifier(of: $0.number, at: $0.index).word3 << shift
                } ?? TraceHash.hash(of: bytes)
            return (0..<8).map { UInt8(truncatingIfNeeded: place >> UInt64(56 - 8 * $0)) }
        }
    }

    /// The same, but for one name.
    fileprivate static func intruding(
        _ hash: HashFunction,
        name: String,
        at id: Identifier,
        in space: IdentifierSpace
    ) -> HashFunction {
        let shift = UInt64(64 - space.width)
        let own = SimulatedPlaces.node(in: name.utf8Span.span.bytes)?.number
        return .custom(name: hash.name, bits: hash.bits) { bytes in
            guard let own, SimulatedPlaces.node(in: bytes)?.number == own else {
                return hash.hash(bytes)
            }
            let place = id.word3 << shift
            return (0..<8).map { UInt8(truncatingIfNeeded: place >> UInt64(56 - 8 * $0)) }
        }
    }
}

extension TraceHash {
    fileprivate static func hash(of bytes: RawSpan) -> UInt64 {
        var hash = TraceHash()
        for index in 0..<bytes.byteCount {
            hash.mix(UInt64(bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)))
        }
        return hash.value
    }
}
