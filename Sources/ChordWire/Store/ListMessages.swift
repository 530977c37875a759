// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import ChordCore

/// "Which keys of this partition begin with this prefix?"
package struct ListRequest: StoreMessage, Hashable {
    package var route: WireRoute
    package var partition: [UInt8]
    /// Empty for all keys.
    package var prefix: [UInt8]
    package var level: WireReadLevel
    /// Rows of a page; nil for the receiver's choice.
    package var limit: Int?
    /// From the page before; empty for the first page.
    package var token: [UInt8]
    /// Whether values are left out.
    package var keysOnly: Bool

    package init(
        route: WireRoute = WireRoute(),
        partition: [UInt8],
        prefix: [UInt8] = [],
        level: WireReadLevel = .linearizable,
        limit: Int? = nil,
        token: [UInt8] = [],
        keysOnly: Bool = false
    ) {
        self.route = route
        self.partition = partition
        self.prefix = prefix
        self.level = level
        self.limit = limit
        self.token = token
        self.keysOnly = keysOnly
    }

    static let codec = StoreMessageCodec(
        "ListRequest",
        .store(StoreMessageBytes.short),
        chord__v1__list_request__init,
        chord__v1__list_request__unpack
    )

    init(_ packed: Chord__V1__ListRequest, _ space: IdentifierSpace) throws(WireError) {
        route = try WireRoute(packed.route)
        partition = try packed.partition.partition()
        prefix = try packed.prefix.key(.field("prefix"))
        level = try WireReadLevel(packed.level)
        limit = try packed.limit.pageLimit(atMost: WireLimits.pageRows)
        token = try packed.token.token()
        keysOnly = packed.keys_only != 0
    }

    func fill(
        _ packed: inout Chord__V1__ListRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.route = arena.route(route)
        packed.partition = arena.bytes(partition)
        packed.prefix = arena.bytes(prefix)
        packed.level = level.packed
        packed.limit = UInt32(clamping: limit ?? 0)
        packed.token = arena.bytes(token)
        packed.keys_only = keysOnly ? 1 : 0
    }
}

/// A page of the rows of a ``ListRequest``.
package struct ListReply: StoreMessage, Hashable {
    package struct Content: Hashable, Sendable {
        /// In the order of their keys' bytes.
        package var rows: [WireRow]
        /// Of a stale read.
        package var lag: WireReplicaLag?
        /// For the next page; empty on the last one.
        package var token: [UInt8]

        package init(rows: [WireRow], lag: WireReplicaLag? = nil, token: [UInt8] = []) {
            self.rows = rows
            self.lag = lag
            self.token = token
        }
    }

    package var outcome: WireOutcome<Content>

    package init(_ outcome: WireOutcome<Content>) {
        self.outcome = outcome
    }

    static let codec = StoreMessageCodec(
        "ListReply",
        .page,
        chord__v1__list_reply__init,
        chord__v1__list_reply__unpack
    )

    init(_ packed: Chord__V1__ListReply, _ space: IdentifierSpace) throws(WireError) {
        outcome = try WireOutcome(redirect: packed.redirect, answer: packed.answer, space) {
            () throws(WireError) in
            Content(
                rows: try packed.rows.list(
                    count: packed.n_rows,
                    of: 0...WireLimits.pageRows,
                    "rows",
                    .field("rows"),
                    WireRow.init
                ),
                lag: try packed.lag.ifPresent(.field("lag"), WireReplicaLag.init),
                token: try packed.token.token()
            )
        }
    }

    func fill(
        _ packed: inout Chord__V1__ListReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        switch outcome {
        case .redirect(let hint): packed.redirect = arena.hint(hint, space)
        case .answer(let answer, let content):
            packed.answer = arena.answer(answer, space)
            packed.lag = content.lag.map { arena.lag($0) }
            (packed.n_rows, packed.rows) = arena.messages(content.rows) { $0.row($1) }
            packed.token = arena.bytes(content.token)
        }
    }
}

/// "How many keys of this partition begin with this prefix?"
package struct CountRequest: StoreMessage, Hashable {
    package var route: WireRoute
    package var partition: [UInt8]
    /// Empty for all keys.
    package var prefix: [UInt8]
    package var level: WireReadLevel
    /// From the page before; empty for the first page.
    package var token: [UInt8]

    package init(
        route: WireRoute = WireRoute(),
        partition: [UInt8],
        prefix: [UInt8] = [],
        level: WireReadLevel = .linearizable,
        token: [UInt8] = []
    ) {
        self.route = route
        self.partition = partition
        self.prefix = prefix
        self.level = level
        self.token = token
    }

    static let codec = StoreMessageCodec(
        "CountRequest",
        .store(StoreMessageBytes.short),
        chord__v1__count_request__init,
        chord__v1__count_request__unpack
    )

    init(_ packed: Chord__V1__CountRequest, _ space: IdentifierSpace) throws(WireError) {
        route = try WireRoute(packed.route)
        partition = try packed.partition.partition()
        prefix = try packed.prefix.key(.field("prefix"))
        level = try WireReadLevel(packed.level)
        token = try packed.token.token()
    }

    func fill(
        _ packed: inout Chord__V1__CountRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.route = arena.route(route)
        packed.partition = arena.bytes(partition)
        packed.prefix = arena.bytes(prefix)
        packed.level = level.packed
        packed.token = arena.bytes(token)
    }
}

/// The rows of one page of a ``CountRequest``.
package struct CountReply: StoreMessage, Hashable {
    package struct Content: Hashable, Sendable {
        /// Rows of this page alone.
        package var rows: UInt64
        /// Of a stale read.
        package var lag: WireReplicaLag?
        /// For the next page; empty on the last one.
        package var token: [UInt8]

        package init(rows: UInt64, lag: WireReplicaLag? = nil, token: [UInt8] = []) {
            self.rows = rows
            self.lag = lag
            self.token = token
        }
    }

    package var outcome: WireOutcome<Content>

    package init(_ outcome: WireOutcome<Content>) {
        self.outcome = outcome
    }

    static let codec = StoreMessageCodec(
        "CountReply",
        .store(StoreMessageBytes.short),
        chord__v1__count_reply__init,
        chord__v1__count_reply__unpack
    )

    init(_ packed: Chord__V1__CountReply, _ space: IdentifierSpace) throws(WireError) {
        outcome = try WireOutcome(redirect: packed.redirect, answer: packed.answer, space) {
            () throws(WireError) in
            Content(
                rows: try packed.rows.checked(.field("rows")),
                lag: try packed.lag.ifPresent(.field("lag"), WireReplicaLag.init),
                token: try packed.token.token()
            )
        }
    }

    func fill(
        _ packed: inout Chord__V1__CountReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        switch outcome {
        case .redirect(let hint): packed.redirect = arena.hint(hint, space)
        case .answer(let answer, let content):
            packed.answer = arena.answer(answer, space)
            packed.lag = content.lag.map { arena.lag($0) }
            packed.rows = content.rows
            packed.token = arena.bytes(content.token)
        }
    }
}
