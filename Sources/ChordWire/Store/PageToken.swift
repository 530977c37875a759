// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import ChordCore

/// What the token of a page contains. Callers hand it back as it is.
package struct PageToken: StoreMessage, Hashable {
    /// The range of the last row, or the last range of a status.
    package var range: UInt128
    /// The version of all pages of a list; 0 in scans and status.
    package var version: UInt64
    /// The last row of the page before.
    package var partition: [UInt8]
    package var key: [UInt8]

    package init(
        range: UInt128,
        version: UInt64 = 0,
        partition: [UInt8] = [],
        key: [UInt8] = []
    ) {
        self.range = range
        self.version = version
        self.partition = partition
        self.key = key
    }

    static let codec = StoreMessageCodec(
        "PageToken",
        .store(WireLimits.tokenBytes.upperBound),
        chord__v1__page_token__init,
        chord__v1__page_token__unpack
    )

    init(_ packed: Chord__V1__PageToken, _ space: IdentifierSpace) throws(WireError) {
        range = try packed.range.bits(.field("range"))
        version = try packed.version.checked(.field("version"))
        partition = try packed.partition.key(.field("partition"))
        key = try packed.key.key(.field("key"))
    }

    func fill(
        _ packed: inout Chord__V1__PageToken,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.range = arena.bits(range)
        packed.version = version
        packed.partition = arena.bytes(partition)
        packed.key = arena.bytes(key)
    }
}
