// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "Read your replica's rows after this entry of the log."
package struct ChecksumRequest: StoreMessage, Hashable {
    package enum Step: CaseIterable, Hashable, Sendable {
        case choose, prepare, collect
    }

    package var range: UInt128
    package var step: Step
    /// The entry; 0 with `choose`.
    package var index: UInt64
    /// How many entries ahead the entry of `choose` lies.
    package var margin: UInt64
    /// Buckets whose rows are to be named.
    package var buckets: [UInt8]

    package init(
        range: UInt128,
        step: Step,
        index: UInt64 = 0,
        margin: UInt64 = 0,
        buckets: [UInt8] = []
    ) {
        self.range = range
        self.step = step
        self.index = index
        self.margin = margin
        self.buckets = buckets
    }

    static let codec = StoreMessageCodec(
        "ChecksumRequest",
        .store(StoreMessageBytes.short),
        chord__v1__checksum_request__init,
        chord__v1__checksum_request__unpack
    )

    init(_ packed: Chord__V1__ChecksumRequest, _ space: IdentifierSpace) throws(WireError) {
        range = try packed.range.bits(.field("range"))
        step = try Step(packed.step, .field("step"), "step")
        index = try packed.index.checked(.field("index"))
        margin = try packed.margin.checked(.field("margin"), in: WireLimits.checksumMargin)
        buckets = try packed.buckets.bytes(0...WireLimits.checksumBuckets, .field("buckets"))
    }

    func fill(
        _ packed: inout Chord__V1__ChecksumRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.range = arena.bits(range)
        packed.step = step.packed
        packed.index = index
        packed.margin = margin
        packed.buckets = arena.bytes(buckets)
    }
}

extension ChecksumRequest.Step: WireEnumeration {
    var packed: Chord__V1__ChecksumStep {
        switch self {
        case .choose: CHORD__V1__CHECKSUM_STEP__CHECKSUM_STEP_CHOOSE
        case .prepare: CHORD__V1__CHECKSUM_STEP__CHECKSUM_STEP_PREPARE
        case .collect: CHORD__V1__CHECKSUM_STEP__CHECKSUM_STEP_COLLECT
        }
    }
}

/// What a replica holds after an entry of its range's log.
package struct ChecksumReply: StoreMessage, Hashable {
    package enum State: CaseIterable, Hashable, Sendable {
        case prepared, done, passed, notLed, absent, damaged, abandoned
    }

    /// The rows whose keys hash to one number.
    package struct Bucket: Hashable, Sendable {
        package var rows: UInt64
        package var checksum: UInt32

        package init(rows: UInt64, checksum: UInt32) {
            self.rows = rows
            self.checksum = checksum
        }
    }

    /// A row without its value.
    package struct Row: Hashable, Sendable {
        package var position: Identifier
        package var partition: [UInt8]
        package var key: [UInt8]
        package var version: UInt64
        package var checksum: UInt32

        package init(
            position: Identifier,
            partition: [UInt8],
            key: [UInt8],
            version: UInt64,
            checksum: UInt32
        ) {
            self.position = position
            self.partition = partition
            self.key = key
            self.version = version
            self.checksum = checksum
        }
    }

    package var state: State
    package var index: UInt64 = 0
    package var term: UInt64 = 0
    /// Of everything that the range's replicas have in common apart from their rows.
    package var records: UInt32 = 0
    package var rows: UInt64 = 0
    /// Bytes of keys and values.
    package var bytes: UInt64 = 0
    /// 256, or none.
    package var buckets: [Bucket] = []
    /// Rows of the buckets that were asked for, in order.
    package var named: [Row] = []
    /// Whether there are more of them.
    package var hasMore = false
    /// For people.
    package var reason = ""

    package init(_ state: State) {
        self.state = state
    }

    static let codec = StoreMessageCodec(
        "ChecksumReply",
        .page,
        chord__v1__checksum_reply__init,
        chord__v1__checksum_reply__unpack
    )

    init(_ packed: Chord__V1__ChecksumReply, _ space: IdentifierSpace) throws(WireError) {
        state = try State(packed.state, .field("state"), "state")
        index = try packed.index.checked(.field("index"))
        term = try packed.term.checked(.field("term"))
        records = packed.records
        rows = try packed.rows.checked(.field("rows"))
        bytes = try packed.bytes.checked(.field("bytes"))
        buckets = try packed.buckets.list(
            count: packed.n_buckets,
            of: 0...WireLimits.checksumBuckets,
            "buckets",
            .field("buckets")
        ) { bucket throws(WireError) in
            Bucket(rows: try bucket.rows.checked(.field("rows")), checksum: bucket.checksum)
        }
        named = try packed.named.list(
            count: packed.n_named,
            of: 0...WireLimits.checksumRows,
            "rows",
            .field("named")
        ) { row throws(WireError) in
            Row(
                position: try row.position.identifier(space, .field("position")),
                partition: try row.partition.key(.field("partition")),
                key: try row.key.key(.field("key")),
                version: try row.version.checked(.field("version")),
                checksum: row.checksum
            )
        }
        hasMore = packed.more != 0
        reason = try packed.reason.text(WireLimits.reasonBytes, .field("reason"))
        guard buckets.isEmpty || buckets.count == WireLimits.checksumBuckets else {
            throw FieldPath.field("buckets").error(
                .outOfBounds,
                "\(buckets.count), there are \(WireLimits.checksumBuckets) or none"
            )
        }
    }

    func fill(
        _ packed: inout Chord__V1__ChecksumReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.state = state.packed
        packed.index = index
        packed.term = term
        packed.records = records
        packed.rows = rows
        packed.bytes = bytes
        (packed.n_buckets, packed.buckets) = arena.messages(buckets) { arena, bucket in
            let message = arena.message(chord__v1__checksum_bucket__init)
            message.pointee.rows = bucket.rows
            message.pointee.checksum = bucket.checksum
            return message
        }
        (packed.n_named, packed.named) = arena.messages(named) { arena, row in
            let message = arena.message(chord__v1__checksum_row__init)
            message.pointee.position = arena.identifier(row.position, space)
            message.pointee.partition = arena.bytes(row.partition)
            message.pointee.key = arena.bytes(row.key)
            message.pointee.version = row.version
            message.pointee.checksum = row.checksum
            return message
        }
        packed.more = hasMore ? 1 : 0
        packed.reason = arena.text(reason.cut(toBytes: WireLimits.reasonBytes.upperBound))
    }
}

extension ChecksumReply.State: WireEnumeration {
    var packed: Chord__V1__ChecksumState {
        switch self {
        case .prepared: CHORD__V1__CHECKSUM_STATE__CHECKSUM_STATE_PREPARED
        case .done: CHORD__V1__CHECKSUM_STATE__CHECKSUM_STATE_DONE
        case .passed: CHORD__V1__CHECKSUM_STATE__CHECKSUM_STATE_PASSED
        case .notLed: CHORD__V1__CHECKSUM_STATE__CHECKSUM_STATE_NOT_LED
        case .absent: CHORD__V1__CHECKSUM_STATE__CHECKSUM_STATE_ABSENT
        case .damaged: CHORD__V1__CHECKSUM_STATE__CHECKSUM_STATE_DAMAGED
        case .abandoned: CHORD__V1__CHECKSUM_STATE__CHECKSUM_STATE_ABANDONED
        }
    }
}
