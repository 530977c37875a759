// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "These ranges are here." Sent by leaders to the owners of their ranges' bounds.
package struct HintRequest: StoreMessage, Hashable {
    package var header: WirePeerHeader
    package var hints: [WireRangeHint]
    /// Whether the caller leaves for good, and its replicas of these ranges are to move.
    package var isLeaving: Bool

    package init(header: WirePeerHeader, hints: [WireRangeHint], isLeaving: Bool = false) {
        self.header = header
        self.hints = hints
        self.isLeaving = isLeaving
    }

    static let codec = StoreMessageCodec(
        "HintRequest",
        .store(StoreMessageBytes.hints),
        chord__v1__hint_request__init,
        chord__v1__hint_request__unpack
    )

    init(_ packed: Chord__V1__HintRequest, _ space: IdentifierSpace) throws(WireError) {
        header = try WirePeerHeader(packed.header)
        hints = try packed.hints.list(
            count: packed.n_hints,
            of: WireLimits.hints,
            "hints",
            .field("hints")
        ) { hint throws(WireError) in try WireRangeHint(hint, space) }
        isLeaving = packed.leaving != 0
    }

    func fill(
        _ packed: inout Chord__V1__HintRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.header = arena.header(header)
        (packed.n_hints, packed.hints) = arena.messages(
            hints.prefix(WireLimits.hints.upperBound)
        ) { $0.hint($1, space) }
        packed.leaving = isLeaving ? 1 : 0
    }
}

/// The hints were noted.
package typealias HintReply = EmptyMessage<HintReplyName>
package enum HintReplyName: EmptyMessageName {
    package static var text: StaticString { "HintReply" }
}

/// "Who holds this position?"
package struct LocateRequest: StoreMessage, Hashable {
    package var header: WirePeerHeader
    package var position: Identifier

    package init(header: WirePeerHeader, position: Identifier) {
        self.header = header
        self.position = position
    }

    static let codec = StoreMessageCodec(
        "LocateRequest",
        .store(StoreMessageBytes.short),
        chord__v1__locate_request__init,
        chord__v1__locate_request__unpack
    )

    init(_ packed: Chord__V1__LocateRequest, _ space: IdentifierSpace) throws(WireError) {
        header = try WirePeerHeader(packed.header)
        position = try packed.position.identifier(space, .field("position"))
    }

    func fill(
        _ packed: inout Chord__V1__LocateRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.header = arena.header(header)
        packed.position = arena.identifier(position, space)
    }
}

/// Where a position is, as far as the answering node knows.
package enum LocateReply: StoreMessage, Hashable {
    /// The answering node has a replica of the range.
    case here(WireRangeHint)
    /// A replica of this range must be asked.
    case ask(WireRangeHint)
    case unknown

    static let codec = StoreMessageCodec(
        "LocateReply",
        .store(StoreMessageBytes.short),
        chord__v1__locate_reply__init,
        chord__v1__locate_reply__unpack
    )

    init(_ packed: Chord__V1__LocateReply, _ space: IdentifierSpace) throws(WireError) {
        switch packed.answer_case {
        case CHORD__V1__LOCATE_REPLY__ANSWER_HERE:
            self = .here(
                try packed.here.value(.field("here")) { hint throws(WireError) in
                    try WireRangeHint(hint, space)
                }
            )
        case CHORD__V1__LOCATE_REPLY__ANSWER_ASK:
            self = .ask(
                try packed.ask.value(.field("ask")) { hint throws(WireError) in
                    try WireRangeHint(hint, space)
                }
            )
        // An answer of a later version tells nothing here.
        default: self = .unknown
        }
    }

    func fill(
        _ packed: inout Chord__V1__LocateReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        switch self {
        case .here(let hint):
            packed.answer_case = CHORD__V1__LOCATE_REPLY__ANSWER_HERE
            packed.here = arena.hint(hint, space)
        case .ask(let hint):
            packed.answer_case = CHORD__V1__LOCATE_REPLY__ANSWER_ASK
            packed.ask = arena.hint(hint, space)
        case .unknown: break
        }
    }
}

/// "Which descriptor of this range do you know?"
package struct DescribeRangeRequest: StoreMessage, Hashable {
    package var header: WirePeerHeader
    package var range: UInt128
    /// The newest epoch that the caller knows; nil if it knows none.
    package var epoch: WireRangeEpoch?
    /// Whether the answer must be one that the leader has confirmed by a read.
    package var mustBeConfirmed: Bool

    package init(
        header: WirePeerHeader,
        range: UInt128,
        epoch: WireRangeEpoch?,
        mustBeConfirmed: Bool
    ) {
        self.header = header
        self.range = range
        self.epoch = epoch
        self.mustBeConfirmed = mustBeConfirmed
    }

    static let codec = StoreMessageCodec(
        "DescribeRangeRequest",
        .store(StoreMessageBytes.short),
        chord__v1__describe_range_request__init,
        chord__v1__describe_range_request__unpack
    )

    init(_ packed: Chord__V1__DescribeRangeRequest, _ space: IdentifierSpace) throws(WireError) {
        header = try WirePeerHeader(packed.header)
        range = try packed.range.bits(.field("range"))
        epoch = try packed.epoch.ifPresent(.field("epoch"), WireRangeEpoch.init)
        mustBeConfirmed = packed.confirmed != 0
    }

    func fill(
        _ packed: inout Chord__V1__DescribeRangeRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.header = arena.header(header)
        packed.range = arena.bits(range)
        packed.epoch = epoch.map { arena.epoch($0) }
        packed.confirmed = mustBeConfirmed ? 1 : 0
    }
}

/// What a node knows of a range.
package struct DescribeRangeReply: StoreMessage, Hashable {
    /// Nil if the answering node does not know the range.
    package var hint: WireRangeHint?
    /// Whether the answering node leads the range and has confirmed that for this answer.
    package var isConfirmed: Bool
    /// The lowest number of a new replica on the answering node, if it had one that was removed.
    package var nextReplica: UInt64?

    package init(hint: WireRangeHint?, isConfirmed: Bool = false, nextReplica: UInt64? = nil) {
        self.hint = hint
        self.isConfirmed = isConfirmed
        self.nextReplica = nextReplica
    }

    static let codec = StoreMessageCodec(
        "DescribeRangeReply",
        .store(StoreMessageBytes.short),
        chord__v1__describe_range_reply__init,
        chord__v1__describe_range_reply__unpack
    )

    init(_ packed: Chord__V1__DescribeRangeReply, _ space: IdentifierSpace) throws(WireError) {
        hint = try packed.range.ifPresent(.field("range")) { hint throws(WireError) in
            try WireRangeHint(hint, space)
        }
        isConfirmed = packed.confirmed != 0
        nextReplica = try packed.next_replica.ifSet(.field("next_replica"))
        // A replica removes itself because of a confirmed answer.
        if isConfirmed, hint == nil {
            throw FieldPath.field("confirmed").error(.contradictory, "true without a range")
        }
    }

    func fill(
        _ packed: inout Chord__V1__DescribeRangeReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.range = hint.map { arena.hint($0, space) }
        packed.confirmed = isConfirmed ? 1 : 0
        packed.next_replica = nextReplica ?? 0
    }
}
