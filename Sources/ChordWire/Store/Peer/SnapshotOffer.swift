// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import ChordCore

/// Offers a snapshot of a range.
package struct SnapshotOffer: StoreMessage, Hashable {
    package var header: WirePeerHeader
    /// Drawn by the sender for this copy of the range.
    package var snapshot: UInt128
    /// The descriptor within the snapshot.
    package var descriptor: WireRangeDescriptor
    /// Replica numbers of sender and receiver.
    package var from: UInt64
    package var to: UInt64
    /// The sender's term.
    package var term: UInt64
    /// The last entry that the snapshot contains.
    package var position: WireLogPosition
    /// The configuration at `position`.
    package var configuration: WireRaftConfiguration
    /// The format of the snapshot's bytes.
    package var format: UInt32
    package var bytes: UInt64
    package var rows: UInt64
    /// Whether the receiver is a voter, which comes before a new learner.
    package var isForVoter: Bool

    package init(
        header: WirePeerHeader,
        snapshot: UInt128,
        descriptor: WireRangeDescriptor,
        from: UInt64,
        to: UInt64,
        term: UInt64,
        position: WireLogPosition,
        configuration: WireRaftConfiguration,
        format: UInt32,
        bytes: UInt64,
        rows: UInt64,
        isForVoter: Bool
    ) {
        self.header = header
        self.snapshot = snapshot
        self.descriptor = descriptor
        self.from = from
        self.to = to
        self.term = term
        self.position = position
        self.configuration = configuration
        self.format = format
        self.bytes = bytes
        self.rows = rows
        self.isForVoter = isForVoter
    }

    static let codec = StoreMessageCodec(
        "SnapshotOffer",
        .store(StoreMessageBytes.short),
        chord__v1__snapshot_offer__init,
        chord__v1__snapshot_offer__unpack
    )

    init(_ packed: Chord__V1__SnapshotOffer, _ space: IdentifierSpace) throws(WireError) {
        header = try WirePeerHeader(packed.header)
        snapshot = try packed.snapshot.bits(.field("snapshot"))
        descriptor = try packed.descriptor.value(.field("descriptor")) {
            descriptor throws(WireError) in
            try WireRangeDescriptor(descriptor, space)
        }
        from = try packed.from.counted(.field("from"))
        to = try packed.to.counted(.field("to"))
        term = try packed.term.counted(.field("term"))
        position = WireLogPosition(
            index: try packed.index.counted(.field("index")),
            term: try packed.snapshot_term.counted(.field("snapshot_term"))
        )
        configuration = try packed.configuration.value(
            .field("configuration"),
            WireRaftConfiguration.init
        )
        format = packed.format
        bytes = try packed.bytes.checked(.field("bytes"))
        rows = try packed.rows.checked(.field("rows"))
        isForVoter = packed.voter != 0
        guard position.term <= term else {
            throw FieldPath.field("snapshot_term").error(
                .contradictory,
                "\(position.term), and the sender's term is \(term)"
            )
        }
    }

    func fill(
        _ packed: inout Chord__V1__SnapshotOffer,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.header = arena.header(header)
        packed.snapshot = arena.bits(snapshot)
        packed.descriptor = arena.descriptor(descriptor, space)
        packed.from = from
        packed.to = to
        packed.term = term
        packed.index = position.index
        packed.snapshot_term = position.term
        packed.configuration = arena.configuration(configuration)
        packed.format = format
        packed.bytes = bytes
        packed.rows = rows
        packed.voter = isForVoter ? 1 : 0
    }
}

/// What the receiver makes of a ``SnapshotOffer``.
package enum SnapshotOfferReply: StoreMessage, Hashable {
    /// The sender sends the bytes from this one on.
    case accepted(resumeOffset: UInt64)
    /// The sender offers it again after this time, carried in whole milliseconds.
    case busy(wait: Duration)
    /// The receiver has these entries already.
    case notNeeded
    /// The range overlaps this one of the receiver's.
    case overlaps(WireRangeDescriptor)
    case noRoom
    /// The replica was removed.
    case removed
    /// The receiver does not know the format.
    case unknownFormat

    static let codec = StoreMessageCodec(
        "SnapshotOfferReply",
        .store(StoreMessageBytes.short),
        chord__v1__snapshot_offer_reply__init,
        chord__v1__snapshot_offer_reply__unpack
    )

    init(_ packed: Chord__V1__SnapshotOfferReply, _ space: IdentifierSpace) throws(WireError) {
        switch packed.verdict {
        case CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_ACCEPTED:
            self = .accepted(
                resumeOffset: try packed.resume_offset.checked(.field("resume_offset"))
            )
        case CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_BUSY:
            self = .busy(wait: try packed.wait_ms.milliseconds(.field("wait_ms")))
        case CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_NOT_NEEDED: self = .notNeeded
        case CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_OVERLAPS:
            self = .overlaps(
                try packed.overlapping.value(.field("overlapping")) { range throws(WireError) in
                    try WireRangeDescriptor(range, space)
                }
            )
        case CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_NO_ROOM: self = .noRoom
        case CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_REMOVED: self = .removed
        case CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_UNKNOWN_FORMAT: self = .unknownFormat
        case CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_UNSPECIFIED:
            throw FieldPath.field("verdict").error(.missing, "absent")
        default:
            throw FieldPath.field("verdict").error(
                .malformed,
                "\(packed.verdict.rawValue) is an unknown verdict"
            )
        }
    }

    func fill(
        _ packed: inout Chord__V1__SnapshotOfferReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        switch self {
        case .accepted(let offset):
            packed.verdict = CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_ACCEPTED
            packed.resume_offset = offset
        case .busy(let wait):
            packed.verdict = CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_BUSY
            packed.wait_ms = wait.wireMilliseconds
        case .notNeeded:
            packed.verdict = CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_NOT_NEEDED
        case .overlaps(let range):
            packed.verdict = CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_OVERLAPS
            packed.overlapping = arena.descriptor(range, space)
        case .noRoom: packed.verdict = CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_NO_ROOM
        case .removed: packed.verdict = CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_REMOVED
        case .unknownFormat:
            packed.verdict = CHORD__V1__SNAPSHOT_VERDICT__SNAPSHOT_VERDICT_UNKNOWN_FORMAT
        }
    }
}
