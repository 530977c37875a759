// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import ChordCore

/// "Which rows do you hold?"
package struct ScanRequest: StoreMessage, Hashable {
    /// The only range to scan; nil for all ranges of the node.
    package var range: UInt128?
    /// Rows of a page; nil for the receiver's choice.
    package var limit: Int?
    /// From the page before; empty for the first page.
    package var token: [UInt8]
    /// Whether values are left out.
    package var keysOnly: Bool

    package init(
        range: UInt128? = nil,
        limit: Int? = nil,
        token: [UInt8] = [],
        keysOnly: Bool = false
    ) {
        self.range = range
        self.limit = limit
        self.token = token
        self.keysOnly = keysOnly
    }

    static let codec = StoreMessageCodec(
        "ScanRequest",
        .store(StoreMessageBytes.short),
        chord__v1__scan_request__init,
        chord__v1__scan_request__unpack
    )

    init(_ packed: Chord__V1__ScanRequest, _ space: IdentifierSpace) throws(WireError) {
        range = try packed.range.bitsIfPresent(.field("range"))
        limit = try packed.limit.pageLimit(atMost: WireLimits.pageRows)
        token = try packed.token.token()
        keysOnly = packed.keys_only != 0
    }

    func fill(
        _ packed: inout Chord__V1__ScanRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.range = arena.bits(range)
        packed.limit = UInt32(clamping: limit ?? 0)
        packed.token = arena.bytes(token)
        packed.keys_only = keysOnly ? 1 : 0
    }
}

/// A page of the rows that a node holds, all of one range.
package struct ScanReply: StoreMessage, Hashable {
    /// The range of the rows; nil if the node holds none.
    package var answer: WireRangeAnswer?
    package var rows: [WireRow]
    /// For the next page; empty on the last one.
    package var token: [UInt8]

    package init(answer: WireRangeAnswer?, rows: [WireRow], token: [UInt8] = []) {
        self.answer = answer
        self.rows = rows
        self.token = token
    }

    static let codec = StoreMessageCodec(
        "ScanReply",
        .page,
        chord__v1__scan_reply__init,
        chord__v1__scan_reply__unpack
    )

    init(_ packed: Chord__V1__ScanReply, _ space: IdentifierSpace) throws(WireError) {
        answer = try packed.answer.ifPresent(.field("answer")) { answer throws(WireError) in
            try WireRangeAnswer(answer, space)
        }
        rows = try packed.rows.list(
            count: packed.n_rows,
            of: 0...WireLimits.pageRows,
            "rows",
            .field("rows"),
            WireRow.init
        )
        token = try packed.token.token()
        if answer == nil, !rows.isEmpty {
            throw FieldPath.field("answer").error(.missing, "absent, and there are rows")
        }
    }

    func fill(
        _ packed: inout Chord__V1__ScanReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.answer = answer.map { arena.answer($0, space) }
        (packed.n_rows, packed.rows) = arena.messages(rows) { $0.row($1) }
        packed.token = arena.bytes(token)
    }
}
