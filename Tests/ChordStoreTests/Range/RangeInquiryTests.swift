// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordStore
import ChordTestSupport
import Testing

@Suite("Inquiries about a range", .tags(.unit))
struct RangeInquiryTests {
    private static let own = PlacementFixture.member("c")

    /// A range with replicas on nodes, numbered from 1 in their order, after so many changes.
    private static func descriptor(
        _ replicas: [(number: UInt64, node: String)],
        epoch: UInt64 = 5,
        next: UInt64 = 10
    ) -> RangeDescriptor {
        RangeDescriptor(
            id: RangeID(high: 1, low: 2),
            epoch: RangeEpoch(configuration: epoch, bounds: 1),
            bounds: IdentifierRange(after: .zero, through: .zero),
            replicas: replicas.map { number, node in
                let member = PlacementFixture.member(node)
                return ReplicaDescriptor(
                    number: ReplicaNumber(number),
                    node: node,
                    address: member.address,
                    disk: member.disk,
                    role: .voter
                )
            },
            nextNumber: ReplicaNumber(next),
            replication: 3
        )
    }

    private static let stored = descriptor([(1, "a"), (2, "b"), (3, "c")])

    private static func inquiry(
        _ purpose: RangeInquiry.Purpose,
        wanted: [String] = ["z", "y"]
    ) -> RangeInquiry {
        RangeInquiry(
            purpose,
            descriptor: stored,
            leader: ReplicaNumber(2),
            own: own,
            wanted: wanted.map(PlacementFixture.member)
        )
    }

    private static func answer(
        _ descriptor: RangeDescriptor,
        leader: UInt64? = nil,
        isConfirmed: Bool = false
    ) -> RangeDescription {
        RangeDescription(
            hint: RangeHint(
                descriptor: descriptor,
                leader: leader.map { ReplicaNumber($0) },
                term: Term(3)
            ),
            isConfirmed: isConfirmed
        )
    }

    private static func ask(_ node: String) -> RangeInquiry.Step {
        .ask(PlacementFixture.member(node))
    }

    @Test("the leader is asked first, then the other replicas, the owner last, and never oneself")
    func order() {
        var inquiry = Self.inquiry(.removal(of: ReplicaNumber(3)))
        #expect(inquiry.begin() == Self.ask("b"))
        #expect(inquiry.answered(nil) == Self.ask("a"))
        #expect(inquiry.answered(RangeDescription()) == Self.ask("z"))
        #expect(inquiry.answered(nil) == .unknown)
    }

    @Test("where the asking node is the owner itself, the members after it are asked")
    func ownerAsks() {
        var inquiry = Self.inquiry(.removal(of: ReplicaNumber(3)), wanted: ["c", "z", "y"])
        _ = inquiry.begin()
        #expect(inquiry.answered(nil) == Self.ask("a"))
        #expect(inquiry.answered(RangeDescription()) == Self.ask("z"))
        let later = Self.descriptor([(7, "y"), (8, "c")], epoch: 7)
        #expect(inquiry.answered(Self.answer(later, leader: 7)) == Self.ask("y"))
        #expect(
            inquiry.answered(Self.answer(later, leader: 7, isConfirmed: true))
                == .removed(lowestNumber: ReplicaNumber(8))
        )
    }

    @Test("a confirmed descriptor without the number removes the replica")
    func removed() {
        var inquiry = Self.inquiry(.removal(of: ReplicaNumber(3)))
        _ = inquiry.begin()
        let later = Self.descriptor([(1, "a"), (2, "b"), (11, "d")], epoch: 7, next: 12)
        #expect(
            inquiry.answered(Self.answer(later, isConfirmed: true))
                == .removed(lowestNumber: ReplicaNumber(12))
        )
    }

    @Test("a disk that has a new replica already keeps that number free")
    func replaced() {
        var inquiry = Self.inquiry(.removal(of: ReplicaNumber(3)))
        _ = inquiry.begin()
        let later = Self.descriptor([(1, "a"), (2, "b"), (8, "c")], epoch: 7)
        #expect(
            inquiry.answered(Self.answer(later, isConfirmed: true))
                == .removed(lowestNumber: ReplicaNumber(8))
        )
    }

    @Test("nothing but a confirmed, newer descriptor removes a replica")
    func notRemoved() {
        let later = Self.descriptor([(1, "a"), (2, "b")], epoch: 7)
        let older = Self.descriptor([(1, "a"), (2, "b")], epoch: 4)
        let early = Self.descriptor([(1, "a"), (2, "b")], epoch: 7, next: 3)
        for (answer, expected) in [
            (Self.answer(later), Self.ask("a")),
            (Self.answer(older, isConfirmed: true), Self.ask("a")),
            (Self.answer(early, isConfirmed: true), .unknown),
            (Self.answer(Self.stored, isConfirmed: true), .belongs(Self.stored)),
        ] {
            var inquiry = Self.inquiry(.removal(of: ReplicaNumber(3)))
            _ = inquiry.begin()
            #expect(inquiry.answered(answer) == expected)
        }
    }

    @Test("an answer without confirmation leads to the newer replicas")
    func newerReplicas() {
        var inquiry = Self.inquiry(.removal(of: ReplicaNumber(3)))
        _ = inquiry.begin()
        let later = Self.descriptor([(1, "a"), (11, "d"), (12, "e")], epoch: 9, next: 13)
        #expect(inquiry.answered(Self.answer(later, leader: 12)) == Self.ask("e"))
        #expect(
            inquiry.answered(Self.answer(later, leader: 12, isConfirmed: true))
                == .removed(lowestNumber: ReplicaNumber(13))
        )
    }

    @Test("a sender belongs to the range if a known node names it with its number")
    func sender() {
        let later = Self.descriptor([(1, "a"), (2, "b"), (11, "d")], epoch: 7, next: 12)
        var inquiry = Self.inquiry(.sender(ReplicaNumber(11), node: "d"))
        #expect(!inquiry.needsConfirmation)
        _ = inquiry.begin()
        #expect(inquiry.answered(Self.answer(later)) == .belongs(later))
        for (number, node) in [(11, "x"), (12, "d"), (4, "d")] as [(UInt64, String)] {
            var inquiry = Self.inquiry(.sender(ReplicaNumber(number), node: node))
            _ = inquiry.begin()
            #expect(inquiry.answered(Self.answer(later)) == Self.ask("a"))
            #expect(inquiry.answered(nil) == Self.ask("z"))
            #expect(inquiry.answered(nil) == .unknown)
        }
    }
}
