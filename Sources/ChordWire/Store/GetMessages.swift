// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import ChordCore

/// "What are the values of these keys?"
package struct GetRequest: StoreMessage, Hashable {
    package var route: WireRoute
    /// Empty for the key itself; there is one key then.
    package var partition: [UInt8]
    package var keys: [[UInt8]]
    package var level: WireReadLevel

    package init(
        route: WireRoute = WireRoute(),
        partition: [UInt8] = [],
        keys: [[UInt8]],
        level: WireReadLevel = .linearizable
    ) {
        self.route = route
        self.partition = partition
        self.keys = keys
        self.level = level
    }

    static let codec = StoreMessageCodec(
        "GetRequest",
        .store(StoreMessageBytes.get),
        chord__v1__get_request__init,
        chord__v1__get_request__unpack
    )

    init(_ packed: Chord__V1__GetRequest, _ space: IdentifierSpace) throws(WireError) {
        route = try WireRoute(packed.route)
        partition = try packed.partition.key(.field("partition"))
        let path = FieldPath.field("keys")
        try path.check(packed.n_keys, in: WireLimits.batchKeys, "keys")
        var keys: [[UInt8]] = []
        keys.reserveCapacity(packed.n_keys)
        for index in 0..<packed.n_keys {
            keys.append(try packed.keys[index].key(path.element(index)))
        }
        self.keys = keys
        level = try WireReadLevel(packed.level)
        try FieldPath.checkTarget(partition: partition, keys: keys)
    }

    func fill(
        _ packed: inout Chord__V1__GetRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.route = arena.route(route)
        packed.partition = arena.bytes(partition)
        (packed.n_keys, packed.keys) = arena.list(keys[...]) { $0.bytes($1) }
        packed.level = level.packed
    }
}

/// The values of the keys of a ``GetRequest``.
package struct GetReply: StoreMessage, Hashable {
    package struct Content: Hashable, Sendable {
        /// In the order of the request's keys; nil for an absent one.
        package var values: [WireValue?]
        /// Of a stale read.
        package var lag: WireReplicaLag?

        package init(values: [WireValue?], lag: WireReplicaLag? = nil) {
            self.values = values
            self.lag = lag
        }
    }

    package var outcome: WireOutcome<Content>

    package init(_ outcome: WireOutcome<Content>) {
        self.outcome = outcome
    }

    static let codec = StoreMessageCodec(
        "GetReply",
        .page,
        chord__v1__get_reply__init,
        chord__v1__get_reply__unpack
    )

    init(_ packed: Chord__V1__GetReply, _ space: IdentifierSpace) throws(WireError) {
        outcome = try WireOutcome(redirect: packed.redirect, answer: packed.answer, space) {
            () throws(WireError) in
            Content(
                values: try packed.values.list(
                    count: packed.n_values,
                    of: WireLimits.batchKeys,
                    "values",
                    .field("values"),
                    WireValue.ifPresent
                ),
                lag: try packed.lag.ifPresent(.field("lag"), WireReplicaLag.init)
            )
        }
    }

    func fill(
        _ packed: inout Chord__V1__GetReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        switch outcome {
        case .redirect(let hint): packed.redirect = arena.hint(hint, space)
        case .answer(let answer, let content):
            packed.answer = arena.answer(answer, space)
            packed.lag = content.lag.map { arena.lag($0) }
            (packed.n_values, packed.values) = arena.messages(content.values) { $0.value($1) }
        }
    }
}
