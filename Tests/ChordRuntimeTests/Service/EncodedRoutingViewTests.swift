// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordWire
import ChordTestSupport
import Testing

@testable import ChordCore
@testable import ChordRuntime

/// The answers that stand ready are those that the routing view would give.
@Suite(.tags(.unit)) struct EncodedRoutingViewTests {
    private static func view(
        phase: ChordMachine.Phase = .member,
        predecessor: UInt64,
        successors: [UInt64]
    ) throws -> RoutingView {
        let parameters = RingParameters(
            ring: "test",
            hash: "test",
            probe: .zero,
            space: try IdentifierSpace(width: 6),
            rule: .name,
            successorCount: 2
        )
        var table = RoutingTable(owner: Identifier(20), space: parameters.space)
        for id in successors { table.insert(node(id)) }
        return RoutingView(
            node: node(20),
            phase: phase,
            isDelaying: false,
            predecessor: node(predecessor),
            successors: successors.map(node),
            table: table,
            parameters: parameters
        )
    }

    private static func node(_ id: UInt64) -> NodeReference {
        NodeReference(
            id: Identifier(id),
            name: "n\(id)",
            address: "127.0.0.1:\(7000 + id)",
            incarnation: 1
        )
    }

    static let places: [(predecessor: UInt64, successors: [UInt64])] = [
        (10, [30, 40]), (40, [30]), (30, [30]), (60, [5, 10]), (19, [21]),
        // Alone, and alone but for one who has notified us.
        (20, []), (50, []),
    ]

    @Test(arguments: places)
    func encodedRepliesMatchTheRoutingView(predecessor: UInt64, successors: [UInt64]) throws {
        let view = try Self.view(predecessor: predecessor, successors: successors)
        let snapshot = EncodedRoutingView(view)
        let space = view.parameters.space
        for value in 0...space.largest.word3 {
            let id = Identifier(value)
            var bytes: [UInt8] = []
            let isReady = snapshot.answer(id, hops: 3, appendingTo: &bytes)
            if case .owner(let owner) = view.step(for: id),
                owner == view.node || owner == view.successors.first
            {
                var expected = view.reply(owner: owner)
                expected.hops = 3
                #expect(isReady, "\(id)")
                #expect(try FindSuccessorReply(decoding: bytes, space: space) == expected, "\(id)")
            } else {
                #expect(!isReady && bytes.isEmpty, "\(id)")
            }
        }
    }

    @Test(arguments: [ChordMachine.Phase.notJoined, .founding, .left])
    func nonMemberHasNoEncodedReplies(phase: ChordMachine.Phase) throws {
        let view = try Self.view(phase: phase, predecessor: 10, successors: [30])
        let snapshot = EncodedRoutingView(view)
        for value in UInt64(0)..<64 {
            var bytes: [UInt8] = []
            #expect(!snapshot.answer(Identifier(value), hops: 0, appendingTo: &bytes))
        }
    }
}
