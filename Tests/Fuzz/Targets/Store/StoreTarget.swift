// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordWire
import FuzzSupport

/// Every message of the store's contracts: decoded input is encoded and must decode to the same value.
enum StoreTarget: FuzzTarget {
    static let name = "store"

    private static let widths = [16, 64, 1, 256]

    private typealias Decoder = @Sendable (UnsafeRawBufferPointer, IdentifierSpace) throws -> Void

    private static let decoders: [Decoder] = [
        decoder(of: GetRequest.self), decoder(of: GetReply.self), decoder(of: PutRequest.self),
        decoder(of: DeleteRequest.self), decoder(of: TouchRequest.self),
        decoder(of: BatchRequest.self), decoder(of: WriteReply.self),
        decoder(of: ListRequest.self), decoder(of: ListReply.self),
        decoder(of: CountRequest.self), decoder(of: CountReply.self),
        decoder(of: StoreWatchRequest.self), decoder(of: StoreWatchReply.self),
        decoder(of: ScanRequest.self), decoder(of: ScanReply.self),
        decoder(of: SetReplicasRequest.self), decoder(of: SetReplicasReply.self),
        decoder(of: StoreStatusRequest.self), decoder(of: StoreStatusReply.self),
        decoder(of: PageToken.self), decoder(of: RaftRequest.self), decoder(of: RaftReply.self),
        decoder(of: HintRequest.self), decoder(of: LocateRequest.self),
        decoder(of: LocateReply.self), decoder(of: DescribeRangeRequest.self),
        decoder(of: DescribeRangeReply.self), decoder(of: SnapshotOffer.self),
        decoder(of: SnapshotOfferReply.self), decoder(of: SnapshotChunk.self),
        decoder(of: SnapshotChunkReply.self), decoder(of: SnapshotFinish.self),
        decoder(of: SnapshotFinishReply.self),
        decoder(of: RaiseVersionsRequest.self), decoder(of: RaiseVersionsReply.self),
        decoder(of: ExportRequest.self), decoder(of: ExportReply.self),
        decoder(of: ChecksumRequest.self), decoder(of: ChecksumReply.self),
        decoder(of: RecoverRequest.self), decoder(of: RecoverReply.self),
    ]

    static var seeds: [[UInt8]] {
        widths.indices.flatMap { index -> [[UInt8]] in
            guard let space = try? IdentifierSpace(width: widths[index]) else { return [] }
            return samples(space).map { [UInt8($0), UInt8(index)] + $1.encoded(in: space) }
        }
    }

    /// Messages with the places of their decoders.
    private static func samples(_ space: IdentifierSpace) -> [(Int, any WireMessage)] {
        let epoch = WireRangeEpoch(configuration: 1, bounds: 2)
        let descriptor = WireRangeDescriptor(
            range: 7,
            epoch: epoch,
            bounds: IdentifierRange(after: .zero, through: space.largest),
            replicas: [WireReplica(number: 1, node: "n1", address: "h:1", disk: 5)],
            nextReplica: 2,
            wantedVoters: 3
        )
        let hint = WireRangeHint(descriptor, leader: 1, term: 3)
        let answer = WireRangeAnswer(range: 7, epoch: epoch, version: 9, timeMilliseconds: 1)
        let header = WirePeerHeader(store: 4, fromDisk: 5, toDisk: nil, starts: 1)
        let id = WireWriteID(
            client: 6,
            number: 2,
            lowestUnanswered: 1,
            preparedMilliseconds: 3
        )
        let append = WireRaftAppend(
            previous: WireLogPosition(index: 1, term: 1),
            entries: [WireRaftEntry(term: 3, kind: .normal, payload: [1])],
            commit: 1,
            acknowledged: 1
        )
        return [
            (0, GetRequest(keys: [[1]])), (1, GetReply(.redirect(hint))),
            (
                2,
                PutRequest(
                    id: id,
                    key: [1],
                    value: [2],
                    timeToLive: .seconds(1),
                    condition: .absent
                )
            ),
            (
                5,
                BatchRequest(
                    partition: [1],
                    operations: [
                        WireOperation(key: [1], .delete, if: .version(3)),
                        WireOperation(key: [2], .touch(timeToLive: nil)),
                    ]
                )
            ),
            (6, WriteReply(.answer(answer, .init(applied: true, results: [], isReplayed: true)))),
            (
                16,
                RaftRequest(
                    header: header,
                    messages: [
                        WireRaftMessage(
                            range: 7,
                            from: 1,
                            to: 2,
                            term: 3,
                            .append(append),
                            descriptor: descriptor
                        )
                    ],
                    heartbeats: [WireRaftHeartbeat(range: 7, from: 1, to: 2, term: 3, round: 4)]
                )
            ),
            (20, LocateReply.ask(hint)),
            (24, SnapshotOfferReply.overlaps(descriptor)),
        ]
    }

    static func run(_ input: UnsafeRawBufferPointer) throws {
        var input = FuzzInput(input)
        let decoder = decoders[Int(input.byte()) % decoders.count]
        let width = widths[Int(input.byte()) % widths.count]
        try decoder(input.remainder(), IdentifierSpace(width: width))
    }

    private static func decoder<Message: WireMessage & Equatable>(
        of type: Message.Type
    ) -> Decoder {
        { bytes, space in
            let message: Message
            do throws(WireError) {
                message = try Message(decoding: bytes, space: space)
            } catch {
                try require(!error.message.isEmpty, "an error without a reason")
                return
            }
            let encoded = message.encoded(in: space)
            try require(encoded.count <= bytes.count, "\(message) is longer when written again")
            let again = try Message(decoding: encoded, space: space)
            try require(again == message, "\(message) became \(again)")
            // Equal texts can have different bytes in Unicode; names must come back byte for byte.
            try require(again.encoded(in: space) == encoded, "\(message) has two encodings")
        }
    }
}

#if FUZZING
@_cdecl("FuzzStore_main")
func start(_ count: CInt, _ arguments: FuzzArguments) -> CInt {
    StoreTarget.start(count, arguments) { StoreTarget.fuzz($0, $1) }
}
#endif
