// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import ChordCore

/// "What is in this partition, and what changes from now on?"
package struct StoreWatchRequest: StoreMessage, Hashable {
    package var route: WireRoute
    package var partition: [UInt8]
    /// Empty for all keys.
    package var prefix: [UInt8]
    /// Whether only the key that equals the prefix is watched.
    package var isSingleKey: Bool
    /// The version after which to go on; nil to begin with the present state.
    package var afterVersion: UInt64?
    /// Whether values are left out.
    package var keysOnly: Bool

    package init(
        route: WireRoute = WireRoute(),
        partition: [UInt8],
        prefix: [UInt8] = [],
        isSingleKey: Bool = false,
        afterVersion: UInt64? = nil,
        keysOnly: Bool = false
    ) {
        self.route = route
        self.partition = partition
        self.prefix = prefix
        self.isSingleKey = isSingleKey
        self.afterVersion = afterVersion
        self.keysOnly = keysOnly
    }

    static let codec = StoreMessageCodec(
        "StoreWatchRequest",
        .store(StoreMessageBytes.short),
        chord__v1__store_watch_request__init,
        chord__v1__store_watch_request__unpack
    )

    init(_ packed: Chord__V1__StoreWatchRequest, _ space: IdentifierSpace) throws(WireError) {
        route = try WireRoute(packed.route)
        partition = try packed.partition.partition()
        prefix = try packed.prefix.key(.field("prefix"))
        isSingleKey = packed.single_key != 0
        afterVersion = try packed.after_version.ifSet(.field("after_version"))
        keysOnly = packed.keys_only != 0
    }

    func fill(
        _ packed: inout Chord__V1__StoreWatchRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.route = arena.route(route)
        packed.partition = arena.bytes(partition)
        packed.prefix = arena.bytes(prefix)
        packed.single_key = isSingleKey ? 1 : 0
        packed.after_version = afterVersion ?? 0
        packed.keys_only = keysOnly ? 1 : 0
    }
}

/// What one write has changed.
package struct WireChange: Hashable, Sendable {
    /// The change of one key.
    package struct Key: Hashable, Sendable {
        package enum Kind: Hashable, Sendable {
            /// The value is empty if only keys were asked for. The time to live is carried in whole milliseconds.
            case put(value: [UInt8], timeToLive: Duration?)
            case delete
            case expire
        }

        package var key: [UInt8]
        package var kind: Kind

        package init(_ key: [UInt8], _ kind: Kind) {
            self.key = key
            self.kind = kind
        }
    }

    /// The version of the write, 1 or more.
    package var version: UInt64
    /// 1 or more.
    package var keys: [Key]

    package init(version: UInt64, keys: [Key]) {
        self.version = version
        self.keys = keys
    }
}

/// A part of a stream of changes.
package struct StoreWatchReply: StoreMessage, Hashable {
    package struct Content: Hashable, Sendable {
        /// In the first message of a stream.
        package var answer: WireRangeAnswer?
        package var stateBegins: Bool
        package var hasGap: Bool
        package var changes: [WireChange]
        package var rows: [WireRow]
        package var stateIsComplete: Bool
        package var version: UInt64

        package init(
            answer: WireRangeAnswer? = nil,
            stateBegins: Bool = false,
            hasGap: Bool = false,
            changes: [WireChange] = [],
            rows: [WireRow] = [],
            stateIsComplete: Bool = false,
            version: UInt64
        ) {
            self.answer = answer
            self.stateBegins = stateBegins
            self.hasGap = hasGap
            self.changes = changes
            self.rows = rows
            self.stateIsComplete = stateIsComplete
            self.version = version
        }
    }

    package enum Part: Hashable, Sendable {
        case redirect(WireRangeHint)
        case content(Content)
    }

    package var part: Part

    package init(_ part: Part) {
        self.part = part
    }

    static let codec = StoreMessageCodec(
        "StoreWatchReply",
        .page,
        chord__v1__store_watch_reply__init,
        chord__v1__store_watch_reply__unpack
    )

    init(_ packed: Chord__V1__StoreWatchReply, _ space: IdentifierSpace) throws(WireError) {
        let redirect = try packed.redirect.ifPresent(.field("redirect")) {
            hint throws(WireError) in
            try WireRangeHint(hint, space)
        }
        if let redirect {
            part = .redirect(redirect)
            return
        }
        part = .content(
            Content(
                answer: try packed.answer.ifPresent(.field("answer")) {
                    answer throws(WireError) in
                    try WireRangeAnswer(answer, space)
                },
                stateBegins: packed.state_begins != 0,
                hasGap: packed.gap != 0,
                changes: try packed.changes.list(
                    count: packed.n_changes,
                    of: 0...WireLimits.pageRows,
                    "changes",
                    .field("changes"),
                    WireChange.init
                ),
                rows: try packed.rows.list(
                    count: packed.n_rows,
                    of: 0...WireLimits.pageRows,
                    "rows",
                    .field("rows"),
                    WireRow.init
                ),
                stateIsComplete: packed.state_complete != 0,
                version: try packed.version.checked(.field("version"))
            )
        )
    }

    func fill(
        _ packed: inout Chord__V1__StoreWatchReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        switch part {
        case .redirect(let hint): packed.redirect = arena.hint(hint, space)
        case .content(let content):
            packed.answer = content.answer.map { arena.answer($0, space) }
            packed.state_begins = content.stateBegins ? 1 : 0
            packed.gap = content.hasGap ? 1 : 0
            (packed.n_changes, packed.changes) = arena.messages(content.changes) { $0.change($1) }
            (packed.n_rows, packed.rows) = arena.messages(content.rows) { $0.row($1) }
            packed.state_complete = content.stateIsComplete ? 1 : 0
            packed.version = content.version
        }
    }
}

// MARK: - Decoding

extension WireChange {
    init(_ packed: Chord__V1__StoreChange) throws(WireError) {
        version = try packed.version.counted(.field("version"))
        keys = try packed.keys.list(
            count: packed.n_keys,
            of: 1...WireLimits.changedKeys,
            "keys",
            .field("keys"),
            Key.init
        )
    }
}

extension WireChange.Key {
    init(_ packed: Chord__V1__StoreKeyChange) throws(WireError) {
        key = try packed.key.key(.field("key"))
        switch packed.kind {
        case CHORD__V1__STORE_CHANGE_KIND__STORE_CHANGE_KIND_PUT:
            kind = .put(
                value: try packed.value.bytes(WireLimits.valueBytes, .field("value")),
                timeToLive: try packed.ttl_ms.millisecondsIfSet(.field("ttl_ms"))
            )
        case CHORD__V1__STORE_CHANGE_KIND__STORE_CHANGE_KIND_DELETE: kind = .delete
        case CHORD__V1__STORE_CHANGE_KIND__STORE_CHANGE_KIND_EXPIRE: kind = .expire
        default:
            throw FieldPath.field("kind").error(
                .malformed,
                "\(packed.kind.rawValue) is an unknown kind of change"
            )
        }
    }
}

// MARK: - Encoding

extension EncodingArena {
    fileprivate mutating func change(
        _ change: WireChange
    ) -> UnsafeMutablePointer<Chord__V1__StoreChange> {
        let message = message(chord__v1__store_change__init)
        message.pointee.version = change.version
        (message.pointee.n_keys, message.pointee.keys) = messages(change.keys) { $0.key($1) }
        return message
    }

    private mutating func key(
        _ key: WireChange.Key
    ) -> UnsafeMutablePointer<Chord__V1__StoreKeyChange> {
        let message = message(chord__v1__store_key_change__init)
        message.pointee.key = bytes(key.key)
        switch key.kind {
        case .put(let value, let timeToLive):
            message.pointee.kind = CHORD__V1__STORE_CHANGE_KIND__STORE_CHANGE_KIND_PUT
            message.pointee.value = bytes(value)
            message.pointee.ttl_ms = timeToLive?.wireMilliseconds ?? 0
        case .delete:
            message.pointee.kind = CHORD__V1__STORE_CHANGE_KIND__STORE_CHANGE_KIND_DELETE
        case .expire:
            message.pointee.kind = CHORD__V1__STORE_CHANGE_KIND__STORE_CHANGE_KIND_EXPIRE
        }
        return message
    }
}
