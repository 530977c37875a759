// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import ChordCore

/// A part of an accepted snapshot.
package struct SnapshotChunk: StoreMessage, Hashable {
    package var header: WirePeerHeader
    package var snapshot: UInt128
    package var offset: UInt64
    /// 1 byte to 1 MiB.
    package var bytes: [UInt8]
    /// CRC-32 of the bytes. The receiver computes it anew before it keeps them.
    package var checksum: UInt32

    package init(
        header: WirePeerHeader,
        snapshot: UInt128,
        offset: UInt64,
        bytes: [UInt8],
        checksum: UInt32
    ) {
        self.header = header
        self.snapshot = snapshot
        self.offset = offset
        self.bytes = bytes
        self.checksum = checksum
    }

    static let codec = StoreMessageCodec(
        "SnapshotChunk",
        .store(StoreMessageBytes.chunk),
        chord__v1__snapshot_chunk__init,
        chord__v1__snapshot_chunk__unpack
    )

    init(_ packed: Chord__V1__SnapshotChunk, _ space: IdentifierSpace) throws(WireError) {
        header = try WirePeerHeader(packed.header)
        snapshot = try packed.snapshot.bits(.field("snapshot"))
        offset = try packed.offset.checked(.field("offset"))
        bytes = try packed.bytes.bytes(WireLimits.chunkBytes, .field("bytes"))
        checksum = packed.checksum
    }

    func fill(
        _ packed: inout Chord__V1__SnapshotChunk,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.header = arena.header(header)
        packed.snapshot = arena.bits(snapshot)
        packed.offset = offset
        packed.bytes = arena.bytes(bytes)
        packed.checksum = checksum
    }
}

/// What the receiver of a ``SnapshotChunk`` wants next.
package struct SnapshotChunkReply: StoreMessage, Hashable {
    package var nextOffset: UInt64
    /// Time to wait before the next chunk. Carried in whole milliseconds.
    package var wait: Duration

    package init(nextOffset: UInt64, wait: Duration = .zero) {
        self.nextOffset = nextOffset
        self.wait = wait
    }

    static let codec = StoreMessageCodec(
        "SnapshotChunkReply",
        .store(StoreMessageBytes.short),
        chord__v1__snapshot_chunk_reply__init,
        chord__v1__snapshot_chunk_reply__unpack
    )

    init(_ packed: Chord__V1__SnapshotChunkReply, _ space: IdentifierSpace) throws(WireError) {
        nextOffset = try packed.next_offset.checked(.field("next_offset"))
        wait = try packed.wait_ms.milliseconds(.field("wait_ms"))
    }

    func fill(
        _ packed: inout Chord__V1__SnapshotChunkReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.next_offset = nextOffset
        packed.wait_ms = wait.wireMilliseconds
    }
}

/// "All bytes of the snapshot are sent."
package struct SnapshotFinish: StoreMessage, Hashable {
    package var header: WirePeerHeader
    package var snapshot: UInt128
    package var bytes: UInt64
    /// CRC-32 of all bytes.
    package var checksum: UInt32

    package init(header: WirePeerHeader, snapshot: UInt128, bytes: UInt64, checksum: UInt32) {
        self.header = header
        self.snapshot = snapshot
        self.bytes = bytes
        self.checksum = checksum
    }

    static let codec = StoreMessageCodec(
        "SnapshotFinish",
        .store(StoreMessageBytes.short),
        chord__v1__snapshot_finish__init,
        chord__v1__snapshot_finish__unpack
    )

    init(_ packed: Chord__V1__SnapshotFinish, _ space: IdentifierSpace) throws(WireError) {
        header = try WirePeerHeader(packed.header)
        snapshot = try packed.snapshot.bits(.field("snapshot"))
        bytes = try packed.bytes.checked(.field("bytes"))
        checksum = packed.checksum
    }

    func fill(
        _ packed: inout Chord__V1__SnapshotFinish,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.header = arena.header(header)
        packed.snapshot = arena.bits(snapshot)
        packed.bytes = bytes
        packed.checksum = checksum
    }
}

/// Whether the receiver has installed a snapshot.
package enum SnapshotFinishReply: StoreMessage, Hashable {
    case installed
    /// The sender offers it again. The reason is for people, and cut at 512 bytes.
    case failed(reason: String)

    static let codec = StoreMessageCodec(
        "SnapshotFinishReply",
        .store(StoreMessageBytes.short),
        chord__v1__snapshot_finish_reply__init,
        chord__v1__snapshot_finish_reply__unpack
    )

    init(_ packed: Chord__V1__SnapshotFinishReply, _ space: IdentifierSpace) throws(WireError) {
        self =
            packed.installed != 0
            ? .installed
            : .failed(reason: try packed.reason.text(WireLimits.reasonBytes, .field("reason")))
    }

    func fill(
        _ packed: inout Chord__V1__SnapshotFinishReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        switch self {
        case .installed: packed.installed = 1
        case .failed(let reason):
            packed.reason = arena.text(reason.cut(toBytes: WireLimits.reasonBytes.upperBound))
        }
    }
}
