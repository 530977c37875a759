// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordWire

extension MessageKind {
    /// The messages of `StoreAdminService`.
    static let storeAdmin = [
        MessageKind(ChecksumRequest.self, limitBytes: StoreMessageBytes.short) { generator, _ in
            ChecksumRequest(
                range: generator.random128(),
                step: generator.one(),
                index: generator.counter(),
                margin: UInt64.random(in: WireLimits.checksumMargin, using: &generator),
                buckets: generator.bytes(upTo: 16)
            )
        },
        MessageKind(ChecksumReply.self, limitBytes: StoreMessageBytes.page) { generator, space in
            var reply = ChecksumReply(generator.one())
            reply.index = generator.counter()
            reply.term = generator.counter()
            reply.records = UInt32.random(in: 0 ... .max, using: &generator)
            reply.rows = generator.counter()
            reply.bytes = generator.counter()
            if Bool.random(using: &generator) {
                reply.buckets = (0..<WireLimits.checksumBuckets).map { _ in
                    .init(rows: generator.counter(), checksum: UInt32(generator.next() % 9))
                }
            }
            reply.named = generator.list(upTo: 4) { generator in
                .init(
                    position: generator.identifier(space),
                    partition: generator.bytes(upTo: 30),
                    key: generator.bytes(upTo: 30),
                    version: generator.counter(),
                    checksum: UInt32(generator.next() % 9)
                )
            }
            reply.hasMore = Bool.random(using: &generator)
            reply.reason = generator.text(1...WireLimits.reasonBytes.upperBound)
            return reply
        },
        MessageKind(RecoverRequest.self, limitBytes: StoreMessageBytes.short) { generator, _ in
            var request = RecoverRequest(generator.one(), range: generator.random128())
            request.givenUp = generator.list(upTo: 4) { $0.random128() }
            request.index = generator.counter()
            request.lastIndex = generator.counter()
            request.lastTerm = generator.counter()
            request.successor = generator.optional { $0.random128() }
            return request
        },
        MessageKind(RecoverReply.self, limitBytes: StoreMessageBytes.page) { generator, space in
            var reply = RecoverReply(disk: generator.random128())
            reply.refusal = generator.text(1...WireLimits.reasonBytes.upperBound)
            reply.replicas = generator.list(upTo: 3) { generator in
                var replica = RecoverReply.Replica(generator.one(), range: generator.random128())
                replica.descriptor = generator.optional { $0.descriptor(space) }
                replica.replica = generator.optional { $0.counter(from: 1) }
                replica.lastIndex = generator.counter()
                replica.lastTerm = generator.counter()
                replica.commit = generator.counter()
                replica.applied = generator.counter()
                replica.rows = generator.counter()
                replica.leader = generator.optional { $0.counter(from: 1) }
                replica.givenUp = generator.list(upTo: 3) { $0.random128() }
                replica.successor = generator.optional { $0.random128() }
                return replica
            }
            reply.givenUp = generator.list(upTo: 3) { $0.random128() }
            return reply
        },
    ]
}
