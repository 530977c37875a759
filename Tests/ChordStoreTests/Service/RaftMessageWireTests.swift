// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordTestSupport
import ChordWire
import Testing

@testable import ChordStore

/// Every message of the Raft core comes back the same from the bytes of a call.
@Suite(.tags(.unit)) struct RaftMessageWireTests {
    private static let range = RangeID(high: 0xFEDC_BA98_7654_3210, low: 1)
    private static let position = LogPosition(index: LogIndex(12), term: Term(6))
    private static let header = WirePeerHeader(store: 1, fromDisk: 2, toDisk: 3, starts: 4)

    private static func configuration() throws -> RaftConfiguration {
        let old = try RaftConfiguration(voters: [1, 2, 3].map { ReplicaNumber($0) })
        let new = try RaftConfiguration(
            voters: [1, 2, 4].map { ReplicaNumber($0) },
            learners: [ReplicaNumber(5)]
        )
        return old.firstStep(to: new)
    }

    private static func bodies() throws -> [RaftMessage.Body] {
        let configuration = try configuration()
        let entries = [
            LogEntry(term: Term(6), index: LogIndex(13), kind: .empty),
            LogEntry(term: Term(7), index: LogIndex(14), payload: [0, 255]),
            LogEntry(
                term: Term(7),
                index: LogIndex(15),
                kind: .configuration,
                payload: configuration.encoded
            ),
        ]
        return [
            .preVote(position), .preVoteReply(isGranted: true), .preVoteReply(isGranted: false),
            .vote(position, isTransfer: false), .vote(position, isTransfer: true),
            .voteReply(isGranted: true), .voteReply(isGranted: false),
            .append(
                RaftAppend(
                    previous: position,
                    entries: entries,
                    commit: LogIndex(11),
                    acknowledged: LogIndex(10)
                )
            ),
            .append(
                RaftAppend(
                    previous: LogPosition(index: .zero, term: .zero),
                    entries: [],
                    commit: .zero,
                    acknowledged: .zero
                )
            ),
            .appendAccepted(LogIndex(12)),
            .appendRejected(RaftRejection(previous: LogIndex(12), hint: position)),
            .heartbeat(round: 5, commit: LogIndex(10), acknowledged: LogIndex(12)),
            .heartbeatReply(round: 5),
            .snapshot(
                RaftSnapshot(index: LogIndex(12), term: Term(6), configuration: configuration)
            ),
            .timeoutNow, .quiet(position), .quietReply(LogIndex(12)), .wake, .newerTerm,
        ]
    }

    private static func received(_ message: RaftMessage) throws -> RaftMessage {
        var request = RaftRequest(header: header)
        switch message.wire(of: range) {
        case .message(let message): request.messages = [message]
        case .heartbeat(let heartbeat): request.heartbeats = [heartbeat]
        case .heartbeatReply(let reply): request.heartbeatReplies = [reply]
        }
        let space = IdentifierSpace.standard
        let read = try RaftRequest(decoding: request.encoded(in: space), space: space)
        let ranges =
            read.messages.map(\.range) + read.heartbeats.map(\.range)
            + read.heartbeatReplies.map(\.range)
        #expect(ranges == [range.bits.wire])
        if let message = read.messages.first { return try RaftMessage(message) }
        if let heartbeat = read.heartbeats.first { return RaftMessage(heartbeat: heartbeat) }
        return RaftMessage(heartbeatReply: try #require(read.heartbeatReplies.first))
    }

    @Test func everyMessageComesBackTheSame() throws {
        for body in try Self.bodies() {
            let message = RaftMessage(
                from: ReplicaNumber(1),
                to: ReplicaNumber(4),
                term: Term(7),
                body: body
            )
            #expect(message.defect == nil)
            #expect(try Self.received(message) == message)
        }
    }

    @Test func configurationThatNoGroupCanHaveIsRefused() throws {
        let twice = WireRaftMessage(
            range: 1,
            from: 1,
            to: 2,
            term: 7,
            .snapshot(
                WireLogPosition(index: 12, term: 6),
                WireRaftConfiguration(voters: [1], learners: [1])
            )
        )
        let error = #expect(throws: StoreError.self) { try RaftMessage(twice) }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test func identifiersKeepTheirBits() {
        let bits = RandomBits(high: 0xFEDC_BA98_7654_3210, low: 0x0123_4567_89AB_CDEF)
        #expect(bits.wire == 0xFEDC_BA98_7654_3210_0123_4567_89AB_CDEF)
        #expect(RandomBits(wire: bits.wire) == bits)
    }
}
