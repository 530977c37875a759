// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordWire

extension MessageKind {
    /// The messages of `StorePeerService`.
    static let storePeer = [
        MessageKind(RaftRequest.self, limitBytes: StoreMessageBytes.raft) { generator, space in
            RaftRequest(
                header: generator.peerHeader(),
                messages: generator.list(upTo: 4) { $0.raftMessage(space) },
                heartbeats: generator.list(upTo: 4) { $0.heartbeat(space) },
                heartbeatReplies: generator.list(upTo: 4) { $0.heartbeat(space) },
                resting: generator.list(upTo: 4) { $0.heartbeat(space) },
                givenUpChecksum: UInt32.random(in: 0 ... .max, using: &generator)
            )
        },
        MessageKind(RaftReply.self, limitBytes: StoreMessageBytes.raft) { generator, _ in
            RaftReply(
                starts: generator.counter(from: 1),
                refusals: generator.list(upTo: 4) { generator in
                    let reasons: [WireRaftRefusal.Reason] = [
                        .unknownReplica, .removed(nextReplica: generator.counter(from: 1)),
                        .unknownSender, .lost, .waitsForSplit, .notLeader,
                    ]
                    return WireRaftRefusal(
                        range: generator.random128(),
                        replica: generator.counter(from: 1),
                        reasons.randomElement(using: &generator)!
                    )
                },
                givenUp: generator.list(upTo: 3) { $0.random128() }
            )
        },
        MessageKind(HintRequest.self, limitBytes: StoreMessageBytes.hints) { generator, space in
            HintRequest(
                header: generator.peerHeader(),
                hints: [generator.hint(space)] + generator.list(upTo: 3) { $0.hint(space) }
            )
        },
        MessageKind(HintReply.self) { _, _ in HintReply() },
        MessageKind(LocateRequest.self, limitBytes: StoreMessageBytes.short) { generator, space in
            LocateRequest(header: generator.peerHeader(), position: generator.identifier(space))
        },
        MessageKind(LocateReply.self, limitBytes: StoreMessageBytes.short) { generator, space in
            switch generator.next() % 3 {
            case 0: .here(generator.hint(space))
            case 1: .ask(generator.hint(space))
            default: .unknown
            }
        },
        MessageKind(
            DescribeRangeRequest.self,
            limitBytes: StoreMessageBytes.short
        ) { generator, _ in
            DescribeRangeRequest(
                header: generator.peerHeader(),
                range: generator.random128(),
                epoch: generator.optional { $0.epoch() },
                mustBeConfirmed: Bool.random(using: &generator)
            )
        },
        MessageKind(
            DescribeRangeReply.self,
            limitBytes: StoreMessageBytes.short
        ) { generator, space in
            let hint = generator.optional { $0.hint(space) }
            return DescribeRangeReply(
                hint: hint,
                isConfirmed: hint != nil && Bool.random(using: &generator),
                nextReplica: generator.optional { $0.counter(from: 1) }
            )
        },
        MessageKind(SnapshotOffer.self, limitBytes: StoreMessageBytes.short) { generator, space in
            let term = generator.counter(from: 1)
            return SnapshotOffer(
                header: generator.peerHeader(),
                snapshot: generator.random128(),
                descriptor: generator.descriptor(space),
                from: generator.counter(from: 1),
                to: generator.counter(from: 1),
                term: term,
                position: WireLogPosition(
                    index: generator.counter(from: 1),
                    term: UInt64.random(in: 1...term, using: &generator)
                ),
                configuration: generator.configuration(),
                format: UInt32(truncatingIfNeeded: generator.next()),
                bytes: generator.counter(),
                rows: generator.counter(),
                isForVoter: Bool.random(using: &generator)
            )
        },
        MessageKind(
            SnapshotOfferReply.self,
            limitBytes: StoreMessageBytes.short
        ) { generator, space in
            let all: [SnapshotOfferReply] = [
                .accepted(resumeOffset: generator.counter()), .busy(wait: generator.milliseconds()),
                .notNeeded, .overlaps(generator.descriptor(space)), .noRoom, .removed,
                .unknownFormat,
            ]
            return all.randomElement(using: &generator)!
        },
        MessageKind(SnapshotChunk.self, limitBytes: StoreMessageBytes.chunk) { generator, _ in
            SnapshotChunk(
                header: generator.peerHeader(),
                snapshot: generator.random128(),
                offset: generator.counter(),
                bytes: generator.bytes(upTo: 200) + [0],
                checksum: UInt32(truncatingIfNeeded: generator.next())
            )
        },
        MessageKind(SnapshotChunkReply.self, limitBytes: StoreMessageBytes.short) { generator, _ in
            SnapshotChunkReply(
                nextOffset: generator.counter(),
                wait: generator.milliseconds()
            )
        },
        MessageKind(SnapshotFinish.self, limitBytes: StoreMessageBytes.short) { generator, _ in
            SnapshotFinish(
                header: generator.peerHeader(),
                snapshot: generator.random128(),
                bytes: generator.counter(),
                checksum: UInt32(truncatingIfNeeded: generator.next())
            )
        },
        MessageKind(SnapshotFinishReply.self, limitBytes: StoreMessageBytes.short) { generator, _ in
            generator.next() % 3 == 0 ? .installed : .failed(reason: generator.text(1...512))
        },
    ]
}

extension SeededGenerator {
    mutating func peerHeader() -> WirePeerHeader {
        WirePeerHeader(
            store: random128(),
            fromDisk: random128(),
            toDisk: optional { $0.random128() },
            starts: counter(from: 1),
            sendsHeartbeats: next() % 2 == 0
        )
    }

    mutating func position() -> WireLogPosition {
        WireLogPosition(index: counter(), term: counter())
    }

    mutating func configuration() -> WireRaftConfiguration {
        func numbers(_ generator: inout SeededGenerator, atLeast least: Int) -> [UInt64] {
            let all = Set(generator.list(upTo: 5) { $0.counter(from: 1) })
            return all.count < least ? [1] : all.sorted()
        }
        return WireRaftConfiguration(
            voters: numbers(&self, atLeast: 1),
            outgoing: numbers(&self, atLeast: 0),
            learners: numbers(&self, atLeast: 0)
        )
    }

    mutating func heartbeat(_ space: IdentifierSpace) -> WireRaftHeartbeat {
        let acknowledged = counter()
        let descriptor = optional { $0.descriptor(space) }
        return WireRaftHeartbeat(
            range: random128(),
            from: counter(from: 1),
            to: counter(from: 1),
            term: counter(),
            round: counter(),
            commit: UInt64.random(in: 0...acknowledged, using: &self),
            acknowledged: acknowledged,
            descriptor: descriptor
        )
    }

    mutating func raftEntry() -> WireRaftEntry {
        let kind: WireRaftEntry.Kind = one()
        return WireRaftEntry(
            term: counter(from: 1),
            kind: kind,
            payload: kind == .empty ? [] : bytes(upTo: 60)
        )
    }

    mutating func raftContent() -> WireRaftMessage.Content {
        switch next() % 12 {
        case 0: .vote(last: position(), isPre: true, isTransfer: false)
        case 1: .vote(last: position(), isPre: false, isTransfer: next() % 2 == 0)
        case 2: .voteReply(isPre: next() % 2 == 0, isGranted: next() % 2 == 0)
        case 3, 4:
            .append(
                WireRaftAppend(
                    // Room for the entries after it.
                    previous: WireLogPosition(index: counter() / 2, term: counter()),
                    entries: list(upTo: 5) { $0.raftEntry() },
                    commit: counter(),
                    acknowledged: counter()
                )
            )
        case 5: .appendAccepted(counter())
        case 6: .appendRejected(previous: counter(), hint: position())
        case 7:
            .snapshot(
                WireLogPosition(index: counter(from: 1), term: counter(from: 1)),
                configuration()
            )
        case 8: .timeoutNow
        case 9: .quiet(position())
        case 10: .quietReply(counter())
        default: next() % 2 == 0 ? .wake : .newerTerm
        }
    }

    mutating func raftMessage(_ space: IdentifierSpace) -> WireRaftMessage {
        var descriptor = optional { $0.descriptor(space) }
        let range = random128()
        descriptor?.range = range
        return WireRaftMessage(
            range: range,
            from: counter(from: 1),
            to: counter(from: 1),
            term: counter(),
            raftContent(),
            descriptor: descriptor
        )
    }
}
