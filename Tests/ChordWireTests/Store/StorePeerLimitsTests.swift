// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import CChordProtos
import ChordBase
import ChordCore
import ChordTestSupport
import Testing

@testable import ChordWire

/// What is refused in messages of `StorePeerService`, and what a message may cost.
@Suite(.tags(.unit)) struct StorePeerLimitsTests {
    private static let random = [UInt8](repeating: 7, count: 16)
    private static let header = WireWriter().number(1, 1).bytes(2, random).bytes(3, random)
        .number(5, 1)
    private static let request = WireWriter().message(1, header)

    private static func message(_ kind: UInt64, _ content: WireWriter) -> WireWriter {
        let message = WireWriter().bytes(1, random).number(2, 1).number(3, 2).number(4, 3)
        return request.message(2, message.message(kind, content))
    }

    private let space: IdentifierSpace

    init() throws {
        space = try IdentifierSpace(width: 16)
    }

    private func refuse<Message: WireMessage>(
        _ type: Message.Type,
        _ writer: WireWriter,
        _ description: String,
        _ location: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: WireError.self, sourceLocation: location) {
            try Message(decoding: writer.bytes, space: space)
        }
        #expect(error?.description == description, sourceLocation: location)
    }

    @Test func headerIsChecked() {
        refuse(RaftRequest.self, WireWriter(), "missing: RaftRequest.header: absent")
        refuse(
            LocateRequest.self,
            WireWriter().message(1, WireWriter().number(1, 2)),
            "unknownVersion: LocateRequest.header.version: 2, and this release knows version 1"
        )
        refuse(
            LocateRequest.self,
            WireWriter().message(1, WireWriter().number(1, 1).bytes(2, Self.random)),
            "missing: LocateRequest.header.from_disk: empty"
        )
    }

    @Test func raftMessageIsChecked() {
        let message = "RaftRequest.messages[0]"
        refuse(
            RaftRequest.self,
            Self.message(100, WireWriter()),
            "malformed: \(message).content: of an unknown kind"
        )
        refuse(
            RaftRequest.self,
            Self.message(6, WireWriter().number(1, 1).number(4, 1)),
            "contradictory: \(message).vote.transfer: in a pre-vote"
        )
        refuse(
            RaftRequest.self,
            Self.message(6, WireWriter().number(2, .max)),
            "outOfBounds: \(message).vote.last_index: 18446744073709551615, at most "
                + "4611686018427387904"
        )
        let entry = WireWriter().number(1, 3).number(2, 1)
        refuse(
            RaftRequest.self,
            Self.message(8, WireWriter().message(3, entry).message(3, WireWriter().number(1, 3))),
            "missing: \(message).append.entries[1].kind: absent"
        )
        refuse(
            RaftRequest.self,
            Self.message(8, WireWriter().message(3, WireWriter().number(2, 1))),
            "outOfBounds: \(message).append.entries[0].term: 0, at least 1"
        )
        refuse(
            RaftRequest.self,
            Self.message(8, WireWriter().number(1, 1 << 62).message(3, entry)),
            "outOfBounds: \(message).append.entries: the last has index 4611686018427387905, at most "
                + "4611686018427387904"
        )
        refuse(
            RaftRequest.self,
            Self.message(
                8,
                WireWriter().message(3, WireWriter().number(1, 3).number(2, 2).bytes(3, [1]))
            ),
            "contradictory: \(message).append.entries[0].payload: 1 bytes in an empty entry"
        )
        let snapshot = WireWriter().number(1, 1).number(2, 1)
        refuse(
            RaftRequest.self,
            Self.message(10, snapshot.message(3, WireWriter())),
            "missing: \(message).snapshot.configuration.voters: empty"
        )
        refuse(
            RaftRequest.self,
            Self.message(10, snapshot.message(3, WireWriter().number(1, 4).number(1, 4))),
            "contradictory: \(message).snapshot.configuration.voters[1]: 4 is there twice"
        )
    }

    @Test func heartbeatCommitsAtMostWhatWasAcknowledged() {
        let heartbeat = WireWriter().bytes(1, Self.random).number(2, 1).number(3, 2).number(6, 5)
            .number(7, 4)
        refuse(
            RaftRequest.self,
            Self.request.message(3, heartbeat),
            "contradictory: RaftRequest.heartbeats[0].commit: 5, and the receiver has acknowledged 4"
        )
    }

    @Test func raftListsAreBounded() throws {
        let wake = WireWriter().bytes(1, Self.random).number(2, 1).number(3, 2)
            .message(14, WireWriter())
        let messages = Self.request.repeated(4_096) { $0.message(2, wake) }
        #expect(try RaftRequest(decoding: messages.bytes, space: space).messages.count == 4_096)
        refuse(
            RaftRequest.self,
            messages.message(2, wake),
            "tooMany: RaftRequest.messages: 4097 messages, at most 4096"
        )
        let heartbeat = WireWriter().bytes(1, Self.random).number(2, 1).number(3, 2)
        let heartbeats = Self.request.repeated(16_384) { $0.message(3, heartbeat) }
        #expect(
            try RaftRequest(decoding: heartbeats.bytes, space: space).heartbeats.count == 16_384
        )
        refuse(
            RaftRequest.self,
            heartbeats.message(3, heartbeat),
            "tooMany: RaftRequest.heartbeats: 16385 heartbeats, at most 16384"
        )
        // The limit of entries holds for all messages together.
        let entry = WireWriter().number(1, 3).number(2, 1)
        let half = Self.message(8, WireWriter().repeated(8_192) { $0.message(3, entry) })
        let rest = WireWriter().repeated(8_193) { $0.message(3, entry) }
        let append = WireWriter().bytes(1, Self.random).number(2, 1).number(3, 2)
        refuse(
            RaftRequest.self,
            half.message(2, append.message(8, rest)),
            "tooMany: RaftRequest.messages: 16385 entries, at most 16384"
        )
    }

    @Test func snapshotAndHintsAreChecked() {
        refuse(
            SnapshotChunk.self,
            Self.request.bytes(2, Self.random),
            "missing: SnapshotChunk.bytes: 0 bytes, at least 1"
        )
        refuse(
            SnapshotChunk.self,
            Self.request.bytes(2, Self.random).bytes(4, .init(repeating: 1, count: (1 << 20) + 1)),
            "tooLarge: SnapshotChunk.bytes: 1048577 bytes, at most 1048576"
        )
        refuse(SnapshotOfferReply.self, WireWriter(), "missing: SnapshotOfferReply.verdict: absent")
        refuse(
            SnapshotOfferReply.self,
            WireWriter().number(1, 8),
            "malformed: SnapshotOfferReply.verdict: 8 is an unknown verdict"
        )
        refuse(
            DescribeRangeReply.self,
            WireWriter().number(2, 1),
            "contradictory: DescribeRangeReply.confirmed: true without a range"
        )
        refuse(HintRequest.self, Self.request, "missing: HintRequest.hints: 0 hints, at least 1")
    }

    // MARK: Memory

    /// Two bytes for each element, and a hundred for its struct.
    @Test func listOfEmptyElementsIsRefusedBeforeItCostsMemory() {
        var bytes = Self.request.bytes
        bytes.reserveCapacity(StoreMessageBytes.raft)
        while bytes.count + 2 <= StoreMessageBytes.raft { bytes += [0x12, 0] }
        let error = #expect(throws: WireError.self) {
            try RaftRequest(decoding: bytes, space: space)
        }
        #expect(
            error?.description
                == "tooMany: RaftRequest: more fields than a message of \(bytes.count) bytes may have"
        )
    }

    @Test("Whatever allocation is refused, nothing leaks and nothing is freed twice")
    func everyAllocationCanBeRefused() throws {
        var generator = SeededGenerator(seed: 8)
        let kinds = MessageKind.storePeer.filter { $0.testDescription == "RaftRequest" }
        let kind = try #require(kinds.first)
        let bytes = kind.sample(&generator, space) + WireWriter().unknownFields().bytes
        // Larger and larger budgets: each refuses another allocation, until one suffices.
        var refusals = 0
        for budgetBytes in stride(from: 0, to: 1 << 20, by: 8) {
            var budget = UnpackingBudget(bytes: budgetBytes)
            let isUnpacked = try budget.withAllocator { allocator throws(WireError) in
                guard
                    let message = chord__v1__raft_request__unpack(allocator, bytes.count, bytes)
                else { return false }
                chord__v1__raft_request__free_unpacked(message, allocator)
                return true
            }
            #expect(budget.blocks == 0)
            #expect(budget.isExhausted != isUnpacked)
            if isUnpacked { break }
            refusals += 1
        }
        #expect(refusals > 10)
    }

    @Test func sizeBoundIsNeverExceeded() {
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<300 {
            let header = generator.peerHeader()
            let message = generator.raftMessage(space)
            let heartbeat = generator.heartbeat(space)
            let empty = RaftRequest(header: header).encoded(in: space).count
            #expect(empty <= RaftRequest.headerSizeBound)
            let one = RaftRequest(header: header, messages: [message]).encoded(in: space).count
            #expect(one - empty <= message.sizeBound)
            let beat = RaftRequest(header: header, heartbeats: [heartbeat]).encoded(in: space)
            #expect(beat.count - empty <= heartbeat.sizeBound)
        }
    }
}
