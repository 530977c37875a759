// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "Give me the next part of a copy of the range with this position."
package struct ExportRequest: StoreMessage, Hashable {
    package var route: WireRoute
    package var position: Identifier
    /// The caller's name for the copy.
    package var copy: UInt128
    /// Bytes of the copy that the caller has.
    package var offset: UInt64

    package init(
        route: WireRoute = WireRoute(),
        position: Identifier,
        copy: UInt128,
        offset: UInt64
    ) {
        self.route = route
        self.position = position
        self.copy = copy
        self.offset = offset
    }

    static let codec = StoreMessageCodec(
        "ExportRequest",
        .store(StoreMessageBytes.short),
        chord__v1__export_request__init,
        chord__v1__export_request__unpack
    )

    init(_ packed: Chord__V1__ExportRequest, _ space: IdentifierSpace) throws(WireError) {
        route = try WireRoute(packed.route)
        position = try packed.position.identifier(space, .field("position"))
        copy = try packed.copy.bits(.field("copy"))
        offset = try packed.offset.checked(.field("offset"))
    }

    func fill(
        _ packed: inout Chord__V1__ExportRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.route = arena.route(route)
        packed.position = arena.identifier(position, space)
        packed.copy = arena.bits(copy)
        packed.offset = offset
    }
}

/// A part of a copy of a range.
package struct ExportReply: StoreMessage, Hashable {
    package struct Content: Hashable, Sendable {
        /// The range at the moment of the copy.
        package var descriptor: WireRangeDescriptor
        /// The version of the rows.
        package var version: UInt64
        /// The range's time at the moment of the copy, in milliseconds.
        package var timeMilliseconds: UInt64
        package var rows: UInt64
        package var totalBytes: UInt64
        /// From the offset of the request on.
        package var bytes: [UInt8]

        package init(
            descriptor: WireRangeDescriptor,
            version: UInt64,
            timeMilliseconds: UInt64,
            rows: UInt64,
            totalBytes: UInt64,
            bytes: [UInt8]
        ) {
            self.descriptor = descriptor
            self.version = version
            self.timeMilliseconds = timeMilliseconds
            self.rows = rows
            self.totalBytes = totalBytes
            self.bytes = bytes
        }
    }

    package var outcome: WireOutcome<Content>

    package init(_ outcome: WireOutcome<Content>) {
        self.outcome = outcome
    }

    static let codec = StoreMessageCodec(
        "ExportReply",
        .store(StoreMessageBytes.export),
        chord__v1__export_reply__init,
        chord__v1__export_reply__unpack
    )

    init(_ packed: Chord__V1__ExportReply, _ space: IdentifierSpace) throws(WireError) {
        outcome = try WireOutcome(redirect: packed.redirect, answer: packed.answer, space) {
            () throws(WireError) in
            Content(
                descriptor: try packed.range.value(.field("range")) { range throws(WireError) in
                    try WireRangeDescriptor(range, space)
                },
                version: try packed.version.checked(.field("version")),
                timeMilliseconds: try packed.time_ms.checked(.field("time_ms")),
                rows: try packed.rows.checked(.field("rows")),
                totalBytes: try packed.total_bytes.checked(.field("total_bytes")),
                bytes: try packed.bytes.bytes(WireLimits.chunkBytes, .field("bytes"))
            )
        }
    }

    func fill(
        _ packed: inout Chord__V1__ExportReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        switch outcome {
        case .redirect(let hint): packed.redirect = arena.hint(hint, space)
        case .answer(let answer, let content):
            packed.answer = arena.answer(answer, space)
            packed.range = arena.descriptor(content.descriptor, space)
            packed.version = content.version
            packed.time_ms = content.timeMilliseconds
            packed.rows = content.rows
            packed.total_bytes = content.totalBytes
            packed.bytes = arena.bytes(content.bytes)
        }
    }
}
