// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// The places of a scenario's nodes: the first is the one that the scenario names, and the others follow
/// from the node's number.
struct SimulatedPlaces: Sendable {
    private let first: [Int: Identifier]
    private let space: IdentifierSpace

    init(_ scenario: Scenario, in space: IdentifierSpace) {
        var first: [Int: Identifier] = [:]
        for founder in scenario.founders { first[founder.number] = founder.id }
        for case .join(let number, let id, _) in scenario.faults.map(\.fault)
        where first[number] == nil {
            first[number] = id
        }
        self.first = first
        self.space = space
    }

    /// The place of a node at an index.
    func identifier(of number: Int, at index: Int) -> Identifier {
        if index == 0, let id = first[number] { return id }
        var generator = SeededGenerator(seed: UInt64(number) << 8 | UInt64(index))
        return Identifier(generator.next() & space.largest.word3)
    }

    /// The node and the index whose place has this text (``PlaceRule/text(_:index:)``); nil for any other text.
    static func node(in bytes: RawSpan) -> (number: Int, index: Int)? {
        guard (2..<14).contains(bytes.byteCount),
            bytes.unsafeLoad(fromByteOffset: 0, as: UInt8.self) == UInt8(ascii: "n")
        else { return nil }
        var numbers = [0]
        for offset in 1..<bytes.byteCount {
            let byte = bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
            switch byte {
            case 0: numbers.append(0)
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                numbers[numbers.count - 1] = numbers[numbers.count - 1] * 10 + Int(byte) - 48
            default: return nil
            }
        }
        return numbers.count > 2 ? nil : (numbers[0], numbers.count == 2 ? numbers[1] : 0)
    }

    /// The rule for nodes by their names, as `n7`.
    var rule: PlaceRule {
        PlaceRule { node, index in
            identifier(of: MachineNode.number(of: node.name), at: index)
        }
    }
}
