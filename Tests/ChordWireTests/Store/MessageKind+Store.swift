// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordWire

extension MessageKind {
    /// The messages of `StoreService`.
    static let store = [
        MessageKind(GetRequest.self, limitBytes: StoreMessageBytes.get) { generator, _ in
            // Without a partition there is one key, which is not empty.
            let partition = generator.bytes(upTo: 30)
            let keys = 1 + generator.list(upTo: 5) { _ in }.count
            return GetRequest(
                route: generator.route(),
                partition: partition,
                keys: partition.isEmpty
                    ? [generator.bytes(upTo: 30) + [1]]
                    : (0..<keys).map { _ in generator.bytes(upTo: 30) },
                level: generator.one()
            )
        },
        MessageKind(GetReply.self, limitBytes: StoreMessageBytes.page) { generator, space in
            GetReply(
                generator.outcome(space) { generator in
                    GetReply.Content(
                        values: [generator.value()]
                            + generator.list(upTo: 4) { $0.next() % 3 == 0 ? nil : $0.value() },
                        lag: generator.lag()
                    )
                }
            )
        },
        MessageKind(PutRequest.self, limitBytes: StoreMessageBytes.put) { generator, _ in
            PutRequest(
                route: generator.route(),
                id: generator.writeID(),
                partition: generator.bytes(upTo: 30),
                key: generator.bytes(upTo: 30) + [0],
                value: generator.bytes(upTo: 200),
                timeToLive: generator.timeToLive(),
                condition: generator.condition(),
                wantsPrevious: Bool.random(using: &generator)
            )
        },
        MessageKind(DeleteRequest.self, limitBytes: StoreMessageBytes.short) { generator, _ in
            DeleteRequest(
                route: generator.route(),
                id: generator.writeID(),
                partition: generator.bytes(upTo: 30),
                key: generator.bytes(upTo: 30) + [0],
                condition: generator.condition(),
                wantsPrevious: Bool.random(using: &generator)
            )
        },
        MessageKind(TouchRequest.self, limitBytes: StoreMessageBytes.short) { generator, _ in
            TouchRequest(
                route: generator.route(),
                id: generator.writeID(),
                partition: generator.bytes(upTo: 30),
                key: generator.bytes(upTo: 30) + [0],
                timeToLive: generator.timeToLive()
            )
        },
        MessageKind(BatchRequest.self, limitBytes: StoreMessageBytes.batch) { generator, _ in
            let count = Int.random(in: 1...6, using: &generator)
            return BatchRequest(
                route: generator.route(),
                id: generator.writeID(),
                partition: generator.bytes(upTo: 30) + [0],
                operations: (0..<count).map { index in
                    // The last byte makes the keys differ.
                    generator.operation(key: generator.bytes(upTo: 30) + [UInt8(index)])
                },
                wantsPrevious: Bool.random(using: &generator)
            )
        },
        MessageKind(WriteReply.self, limitBytes: StoreMessageBytes.page) { generator, space in
            WriteReply(
                generator.outcome(space) { generator in
                    let applied = Bool.random(using: &generator)
                    return WriteReply.Content(
                        applied: applied,
                        results: (0..<Int.random(in: 1...4, using: &generator)).map { _ in
                            let version = generator.optional { $0.counter(from: 1) }
                            return WireOperationResult(
                                conditionHeld: applied || Bool.random(using: &generator),
                                previousVersion: version,
                                previousValue: version == nil
                                    ? nil : generator.optional { $0.bytes(upTo: 40) }
                            )
                        },
                        isReplayed: Bool.random(using: &generator)
                    )
                }
            )
        },
        MessageKind(ListRequest.self, limitBytes: StoreMessageBytes.short) { generator, _ in
            ListRequest(
                route: generator.route(),
                partition: generator.bytes(upTo: 30) + [0],
                prefix: generator.bytes(upTo: 30),
                level: generator.one(),
                limit: generator.optional { Int.random(in: 1...10_000, using: &$0) },
                token: generator.bytes(upTo: 80),
                keysOnly: Bool.random(using: &generator)
            )
        },
        MessageKind(ListReply.self, limitBytes: StoreMessageBytes.page) { generator, space in
            ListReply(
                generator.outcome(space) { generator in
                    ListReply.Content(
                        rows: generator.list(upTo: 5) { $0.row() },
                        lag: generator.lag(),
                        token: generator.bytes(upTo: 80)
                    )
                }
            )
        },
        MessageKind(CountRequest.self, limitBytes: StoreMessageBytes.short) { generator, _ in
            CountRequest(
                route: generator.route(),
                partition: generator.bytes(upTo: 30) + [0],
                prefix: generator.bytes(upTo: 30),
                level: generator.one(),
                token: generator.bytes(upTo: 80)
            )
        },
        MessageKind(CountReply.self, limitBytes: StoreMessageBytes.short) { generator, space in
            CountReply(
                generator.outcome(space) { generator in
                    CountReply.Content(
                        rows: generator.counter(),
                        lag: generator.lag(),
                        token: generator.bytes(upTo: 80)
                    )
                }
            )
        },
        MessageKind(StoreWatchRequest.self, limitBytes: StoreMessageBytes.short) { generator, _ in
            StoreWatchRequest(
                route: generator.route(),
                partition: generator.bytes(upTo: 30) + [0],
                prefix: generator.bytes(upTo: 30),
                isSingleKey: Bool.random(using: &generator),
                afterVersion: generator.optional { $0.counter(from: 1) },
                keysOnly: Bool.random(using: &generator)
            )
        },
        MessageKind(StoreWatchReply.self, limitBytes: StoreMessageBytes.page) { generator, space in
            let outcome: WireOutcome<[WireRow]> = generator.outcome(space) { generator in
                generator.list(upTo: 5) { $0.row() }
            }
            switch outcome {
            case .redirect(let hint): return StoreWatchReply(.redirect(hint))
            case .answer(let answer, let rows):
                return StoreWatchReply(
                    .content(
                        StoreWatchReply.Content(
                            answer: Bool.random(using: &generator) ? answer : nil,
                            stateBegins: Bool.random(using: &generator),
                            hasGap: Bool.random(using: &generator),
                            changes: generator.list(upTo: 4) { $0.change() },
                            rows: rows,
                            stateIsComplete: Bool.random(using: &generator),
                            version: generator.counter()
                        )
                    )
                )
            }
        },
        MessageKind(SetReplicasRequest.self, limitBytes: StoreMessageBytes.short) {
            generator,
            space in
            SetReplicasRequest(
                route: generator.route(),
                position: generator.identifier(space),
                replicas: Int.random(in: 1...16, using: &generator)
            )
        },
        MessageKind(SetReplicasReply.self, limitBytes: StoreMessageBytes.short * 2) {
            generator,
            space in
            SetReplicasReply(
                generator.outcome(space) { generator in
                    SetReplicasReply.Content(
                        former: WireLimits.wantedVoters.randomElement(using: &generator) ?? 3,
                        descriptor: generator.descriptor(space)
                    )
                }
            )
        },
        MessageKind(RaiseVersionsRequest.self, limitBytes: StoreMessageBytes.short) {
            generator,
            space in
            RaiseVersionsRequest(
                route: generator.route(),
                position: generator.identifier(space),
                above: generator.counter()
            )
        },
        MessageKind(RaiseVersionsReply.self, limitBytes: StoreMessageBytes.short * 2) {
            generator,
            space in
            RaiseVersionsReply(generator.outcome(space) { $0.descriptor(space) })
        },
        MessageKind(ExportRequest.self, limitBytes: StoreMessageBytes.short) { generator, space in
            ExportRequest(
                route: generator.route(),
                position: generator.identifier(space),
                copy: generator.random128(),
                offset: generator.counter()
            )
        },
        MessageKind(ExportReply.self, limitBytes: StoreMessageBytes.export) { generator, space in
            ExportReply(
                generator.outcome(space) { generator in
                    ExportReply.Content(
                        descriptor: generator.descriptor(space),
                        version: generator.counter(),
                        timeMilliseconds: generator.counter(),
                        rows: generator.counter(),
                        totalBytes: generator.counter(),
                        bytes: [7] + generator.bytes(upTo: 80)
                    )
                }
            )
        },
        MessageKind(ScanRequest.self, limitBytes: StoreMessageBytes.short) { generator, _ in
            ScanRequest(
                range: generator.optional { $0.random128() },
                limit: generator.optional { Int.random(in: 1...10_000, using: &$0) },
                token: generator.bytes(upTo: 80),
                keysOnly: Bool.random(using: &generator)
            )
        },
        MessageKind(ScanReply.self, limitBytes: StoreMessageBytes.page) { generator, space in
            ScanReply(
                answer: generator.answer(space),
                rows: generator.list(upTo: 5) { $0.row() },
                token: generator.bytes(upTo: 80)
            )
        },
        MessageKind(StoreStatusRequest.self, limitBytes: StoreMessageBytes.short) { generator, _ in
            StoreStatusRequest(
                limit: generator.optional { Int.random(in: 1...1_000, using: &$0) },
                token: generator.bytes(upTo: 80)
            )
        },
        MessageKind(StoreStatusReply.self, limitBytes: StoreMessageBytes.page) { generator, space in
            StoreStatusReply(
                store: generator.optional { $0.random128() },
                disk: generator.optional { $0.random128() },
                node: generator.text(WireLimits.nameBytes),
                state: generator.one(),
                reason: generator.text(1...WireLimits.reasonBytes.upperBound),
                starts: generator.counter(),
                totals: StoreStatusReply.Totals(
                    replicas: generator.counter(),
                    leaders: generator.counter(),
                    rangesWithIssues: generator.counter(),
                    rows: generator.counter(),
                    bytes: generator.counter(),
                    freeBytes: generator.counter()
                ),
                ranges: generator.list(upTo: 3) { $0.rangeStatus(space) },
                token: generator.bytes(upTo: 80)
            )
        },
        MessageKind(PageToken.self, limitBytes: WireLimits.tokenBytes.upperBound) { generator, _ in
            PageToken(
                range: generator.random128(),
                version: generator.counter(),
                partition: generator.bytes(upTo: 30),
                key: generator.bytes(upTo: 30)
            )
        },
    ]
}
