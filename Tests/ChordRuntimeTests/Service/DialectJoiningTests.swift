// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordHash
import ChordIdentity
import ChordRPC
import ChordWire
import NIOConcurrencyHelpers
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite("Joining nodes of other implementations", .tags(.interaction))
struct DialectJoiningTests {
    private static var settings: InProcessRing.Settings {
        var settings = InProcessRing.Settings()
        settings.change = { $0.dialects = [.concord] }
        return settings
    }

    @Test(
        "A node does not join a ring with wider or narrower identifiers, and says which it has",
        arguments: [(32, 64), (64, 32), (64, 63), (63, 64)]
    )
    func joinOtherWidth(ours: Int, theirs: Int) throws {
        var settings = Self.settings
        settings.width = ours
        let ring = InProcessRing(settings)
        let stranger = Stranger("x", in: ring)
        var node = stranger.node
        node.id = ring.settings.hash.identifier(of: "x", in: try IdentifierSpace(width: theirs))
        stranger.set(RingState(node: node, predecessor: node, successors: [node]), owner: node)
        let error = #expect(throws: ChordError.self) { try ring.join("n0", through: "x") }
        #expect(error?.code == .parametersDiffer)
        let message = error?.message ?? ""
        #expect(message.contains(node.id.hexadecimal(width: ours)), "\(message)")
        #expect(message.contains(stranger.node.id.hexadecimal(width: ours)), "\(message)")
        #expect(message.contains("in \(theirs) bits"), "\(message)")
    }

    @Test("Joining through a node that is alone makes a ring of two")
    func joinStranger() throws {
        let ring = InProcessRing(Self.settings)
        let stranger = Stranger("x", in: ring)
        stranger.set(
            RingState(node: stranger.node, predecessor: stranger.node, successors: [stranger.node]),
            owner: stranger.node
        )
        try ring.join("n0", through: "x")
        let view = ring.shell("n0").view
        #expect(view.successors.map(\.name) == ["x"])
        #expect(view.predecessor.name == "x")
    }

    /// A ring of strangers, each with three successors.
    private func strangers(_ count: Int, in ring: InProcessRing) -> [Stranger] {
        let all = (0..<count).map { Stranger("x\($0)", in: ring) }
            .sorted { $0.node.id < $1.node.id }
        for (index, stranger) in all.enumerated() {
            func node(_ step: Int) -> NodeReference { all[(index + step + count) % count].node }
            stranger.set(
                RingState(
                    node: stranger.node,
                    predecessor: node(-1),
                    successors: (1...3).map(node)
                )
            )
            stranger.answers.withLockedValue { $0.circle = all.map(\.node) }
        }
        return all
    }

    @Test(
        "No node of another implementation is asked for the owner of a member's identifier",
        arguments: [1, 2, 5, 400]
    )
    func harmless(count: Int) throws {
        let ring = InProcessRing(Self.settings)
        let strangers = strangers(count, in: ring)
        func sought() -> [Identifier] {
            strangers.flatMap { $0.answers.withLockedValue { $0.sought } }
        }
        // Through a member a little after its place: the place itself is all the way round.
        let own = ring.identifier("n0")
        let next = strangers.firstIndex { $0.node.id > own } ?? 0
        try ring.join("n0", through: strangers[(next + 2) % count].node.name)
        let members = Set(strangers.map(\.node.id) + [own])
        for id in members.sorted().prefix(20) {
            for target in [
                id, ring.space.adding(id, Identifier(1)), ring.space.subtracting(id, Identifier(1)),
            ] {
                let shell = ring.shell("n0")
                _ = try? ring.executor.wait { try await shell.lookup(target) }
            }
        }
        ring.executor.run(for: .seconds(20))
        #expect(members.isDisjoint(with: sought()))
        // In a small ring lists go round, and no question at all is safe; in a large one a walk would be long.
        #expect(sought().isEmpty == (count < 400))
    }

    @Test("Joining a ring with another identifier rule is refused with the reason")
    func joinOtherRule() throws {
        let ring = InProcessRing(Self.settings)
        let stranger = Stranger("x", in: ring)
        var wrong = stranger.node
        wrong.id = ring.space.adding(wrong.id, powerOfTwo: 3)
        stranger.set(RingState(node: wrong, predecessor: wrong, successors: [wrong]), owner: wrong)
        let error = #expect(throws: ChordError.self) { try ring.join("n0", through: "x") }
        #expect(error?.code == .parametersDiffer)
        #expect(error?.message.contains("sha256") == true)
    }
}
