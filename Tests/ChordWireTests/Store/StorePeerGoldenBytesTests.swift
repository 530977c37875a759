// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordTestSupport
import ChordWire
import Testing

/// Messages of `StorePeerService`. Another encoder of the same contract (protoc --encode) gave the bytes.
@Suite(.tags(.unit)) struct StorePeerGoldenBytesTests {
    typealias Sample = StoreSample

    /// A request with these messages from replica 1 to replica 4 in term 7.
    private func check(_ messages: (WireRaftMessage.Content, golden: String)...) throws {
        let request = RaftRequest(
            header: Sample.header,
            messages: messages.map { content, _ in
                WireRaftMessage(range: Sample.range, from: 1, to: 4, term: 7, content)
            }
        )
        let golden = messages.map { _, golden in
            let body = "0a10" + Sample.rangeBytes + "1001" + "1804" + "2007" + golden
            return "12" + String(body.count / 2, radix: 16) + body
        }
        try Sample.check(request, "0a" + Sample.headerBytes + golden.joined())
    }

    @Test func raftVotes() throws {
        let last = WireLogPosition(index: 12, term: 6)
        try check(
            (.vote(last: last, isPre: false, isTransfer: true), "3206" + "100c" + "1806" + "2001"),
            (.vote(last: last, isPre: true, isTransfer: false), "3206" + "0801" + "100c" + "1806"),
            (.voteReply(isPre: true, isGranted: false), "3a02" + "0801"),
            (.voteReply(isPre: false, isGranted: true), "3a02" + "1001")
        )
    }

    @Test func raftEntries() throws {
        let append = WireRaftAppend(
            previous: WireLogPosition(index: 12, term: 6),
            entries: [
                WireRaftEntry(term: 7, kind: .empty, payload: []),
                WireRaftEntry(term: 7, kind: .normal, payload: [0, 1]),
                WireRaftEntry(term: 7, kind: .configuration, payload: [UInt8(ascii: "c")]),
            ],
            commit: 11,
            acknowledged: 10
        )
        try check(
            (
                .append(append),
                "4221" + "080c" + "1006" + "1a04" + "0807" + "1002" + "1a08" + "0807" + "1001"
                    + "1a020001" + "1a07" + "0807" + "1003" + "1a0163" + "200b" + "280a"
            ),
            (.appendAccepted(12), "4a02" + "100c"),
            (
                .appendRejected(previous: 12, hint: WireLogPosition(index: 9, term: 5)),
                "4a08" + "0801" + "100c" + "1809" + "2005"
            )
        )
    }

    @Test func raftControl() throws {
        try check(
            (.timeoutNow, "5a00"),
            (.quiet(WireLogPosition(index: 12, term: 6)), "6204" + "080c" + "1006"),
            (.quietReply(12), "6a02" + "080c"),
            (.wake, "7200"),
            (.newerTerm, "7a00")
        )
    }

    @Test func raftSnapshotWithDescriptor() throws {
        let message = WireRaftMessage(
            range: Sample.range,
            from: 1,
            to: 4,
            term: 7,
            .snapshot(
                WireLogPosition(index: 12, term: 6),
                WireRaftConfiguration(voters: [1, 300], outgoing: [1], learners: [4])
            ),
            descriptor: Sample.descriptor
        )
        try Sample.check(
            RaftRequest(header: Sample.header, messages: [message]),
            "0a" + Sample.headerBytes + "129301" + "0a10" + Sample.rangeBytes + "1001" + "1804"
                + "2007" + "2a" + Sample.descriptorBytes + "5211" + "080c" + "1006" + "1a0b"
                + "0a0301ac02" + "120101" + "1a0104"
        )
    }

    @Test func raftHeartbeats() throws {
        let header = WirePeerHeader(
            store: Sample.store,
            fromDisk: Sample.firstDisk,
            toDisk: nil,
            starts: 2
        )
        try Sample.check(
            RaftRequest(
                header: header,
                heartbeats: [
                    WireRaftHeartbeat(
                        range: Sample.range,
                        from: 1,
                        to: 4,
                        term: 7,
                        round: 5,
                        commit: 10,
                        acknowledged: 12
                    )
                ],
                heartbeatReplies: [
                    WireRaftHeartbeat(range: Sample.range, from: 4, to: 1, term: 7, round: 4)
                ]
            ),
            "0a28" + "0801" + "1210" + Sample.storeBytes + "1a10"
                + "a0000000000000000000000000000001" + "2802"
                + "1a1e" + "0a10" + Sample.rangeBytes + "1001" + "1804" + "2007" + "2805" + "300a"
                + "380c"
                + "221a" + "0a10" + Sample.rangeBytes + "1004" + "1801" + "2007" + "2804"
        )
        try Sample.check(
            RaftReply(
                starts: 3,
                refusals: [
                    WireRaftRefusal(range: Sample.range, replica: 4, .removed(nextReplica: 5)),
                    WireRaftRefusal(range: Sample.range, replica: 4, .unknownSender),
                ]
            ),
            "0803" + "1218" + "0a10" + Sample.rangeBytes + "1004" + "1802" + "2005"
                + "1216" + "0a10" + Sample.rangeBytes + "1004" + "1803"
        )
    }

    @Test func raftRest() throws {
        let header = WirePeerHeader(
            store: Sample.store,
            fromDisk: Sample.firstDisk,
            toDisk: nil,
            starts: 2,
            sendsHeartbeats: true
        )
        try Sample.check(
            RaftRequest(
                header: header,
                resting: [
                    WireRaftHeartbeat(range: Sample.range, from: 4, to: 1, term: 7, round: 0)
                ]
            ),
            "0a2a" + "0801" + "1210" + Sample.storeBytes + "1a10"
                + "a0000000000000000000000000000001" + "2802" + "3001"
                + "2a18" + "0a10" + Sample.rangeBytes + "1004" + "1801" + "2007"
        )
        try Sample.check(
            RaftReply(
                starts: 3,
                refusals: [WireRaftRefusal(range: Sample.range, replica: 1, .notLeader)]
            ),
            "0803" + "1216" + "0a10" + Sample.rangeBytes + "1001" + "1806"
        )
    }

    @Test func finding() throws {
        try Sample.check(
            HintRequest(header: Sample.header, hints: [Sample.hint]),
            "0a" + Sample.headerBytes + "12" + Sample.hintBytes
        )
        try Sample.check(HintReply(), "")
        try Sample.check(
            LocateRequest(header: Sample.header, position: Identifier(0x0102)),
            "0a" + Sample.headerBytes + "12020102"
        )
        try Sample.check(LocateReply.here(Sample.hint), "0a" + Sample.hintBytes)
        try Sample.check(LocateReply.ask(Sample.hint), "12" + Sample.hintBytes)
        try Sample.check(LocateReply.unknown, "")
        try Sample.check(
            DescribeRangeRequest(
                header: Sample.header,
                range: Sample.range,
                epoch: Sample.epoch,
                mustBeConfirmed: true
            ),
            "0a" + Sample.headerBytes + "1210" + Sample.rangeBytes + "1a" + Sample.epochBytes
                + "2001"
        )
        try Sample.check(
            DescribeRangeReply(hint: Sample.hint, isConfirmed: true, nextReplica: 5),
            "0a" + Sample.hintBytes + "1001" + "1805"
        )
    }

    @Test func snapshotTransfer() throws {
        try Sample.check(
            SnapshotOffer(
                header: Sample.header,
                snapshot: Sample.snapshot,
                descriptor: Sample.descriptor,
                from: 1,
                to: 4,
                term: 7,
                position: WireLogPosition(index: 12, term: 6),
                configuration: WireRaftConfiguration(voters: [1], learners: [4]),
                format: 1,
                bytes: 70000,
                rows: 300,
                isForVoter: true
            ),
            "0a" + Sample.headerBytes + "1210" + Sample.snapshotBytes + "1a"
                + Sample.descriptorBytes + "2001" + "2804" + "3007" + "380c" + "4006" + "4a06"
                + "0a0101" + "1a0104" + "5001" + "58f0a204" + "60ac02" + "6801"
        )
        try Sample.check(SnapshotOfferReply.accepted(resumeOffset: 4096), "0801" + "108020")
        try Sample.check(SnapshotOfferReply.busy(wait: .milliseconds(500)), "0802" + "18f403")
        try Sample.check(SnapshotOfferReply.notNeeded, "0803")
        try Sample.check(
            SnapshotOfferReply.overlaps(Sample.descriptor),
            "0804" + "22" + Sample.descriptorBytes
        )
        try Sample.check(SnapshotOfferReply.noRoom, "0805")
        try Sample.check(SnapshotOfferReply.removed, "0806")
        try Sample.check(SnapshotOfferReply.unknownFormat, "0807")
        try Sample.check(
            SnapshotChunk(
                header: Sample.header,
                snapshot: Sample.snapshot,
                offset: 4096,
                bytes: [0, 255],
                checksum: 0xDEAD_BEEF
            ),
            "0a" + Sample.headerBytes + "1210" + Sample.snapshotBytes + "188020" + "220200ff"
                + "28effdb6f50d"
        )
        try Sample.check(
            SnapshotChunkReply(nextOffset: 4098, wait: .milliseconds(20)),
            "088220" + "1014"
        )
        try Sample.check(
            SnapshotFinish(
                header: Sample.header,
                snapshot: Sample.snapshot,
                bytes: 70000,
                checksum: 1
            ),
            "0a" + Sample.headerBytes + "1210" + Sample.snapshotBytes + "18f0a204" + "2001"
        )
        try Sample.check(SnapshotFinishReply.installed, "0801")
        try Sample.check(SnapshotFinishReply.failed(reason: "no"), "12026e6f")
    }
}
