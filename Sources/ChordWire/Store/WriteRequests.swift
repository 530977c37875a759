// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import ChordCore

/// What Put, Delete and Touch have in common: a write of one operation.
package protocol SingleWriteRequest: WireMessage {
    var route: WireRoute { get }
    /// Identifies the write for repeated requests; nil for a caller that has no such identity.
    var id: WireWriteID? { get }
    /// Empty for the key itself.
    var partition: [UInt8] { get }
    var operation: WireOperation { get }
    var wantsPrevious: Bool { get }
}

/// "Store this value."
package struct PutRequest: StoreMessage, SingleWriteRequest, Hashable {
    package var route: WireRoute
    package var id: WireWriteID?
    package var partition: [UInt8]
    package var key: [UInt8]
    package var value: [UInt8]
    /// Nil for a key that does not expire. Carried in whole milliseconds.
    package var timeToLive: Duration?
    package var condition: WireCondition?
    package var wantsPrevious: Bool

    package init(
        route: WireRoute = WireRoute(),
        id: WireWriteID? = nil,
        partition: [UInt8] = [],
        key: [UInt8],
        value: [UInt8],
        timeToLive: Duration? = nil,
        condition: WireCondition? = nil,
        wantsPrevious: Bool = false
    ) {
        self.route = route
        self.id = id
        self.partition = partition
        self.key = key
        self.value = value
        self.timeToLive = timeToLive
        self.condition = condition
        self.wantsPrevious = wantsPrevious
    }

    package var operation: WireOperation {
        WireOperation(key: key, .put(value: value, timeToLive: timeToLive), if: condition)
    }

    static let codec = StoreMessageCodec(
        "PutRequest",
        .store(StoreMessageBytes.put),
        chord__v1__put_request__init,
        chord__v1__put_request__unpack
    )

    init(_ packed: Chord__V1__PutRequest, _ space: IdentifierSpace) throws(WireError) {
        route = try WireRoute(packed.route)
        id = try packed.id.ifPresent(.field("id"), WireWriteID.init)
        partition = try packed.partition.key(.field("partition"))
        key = try packed.key.key(.field("key"))
        value = try packed.value.bytes(WireLimits.valueBytes, .field("value"))
        timeToLive = try packed.ttl_ms.millisecondsIfSet(.field("ttl_ms"))
        condition = try WireCondition.ifPresent(packed.condition)
        wantsPrevious = packed.want_previous != 0
        try FieldPath.checkTarget(partition: partition, keys: [key])
    }

    func fill(
        _ packed: inout Chord__V1__PutRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.route = arena.route(route)
        packed.id = id.map { arena.writeID($0) }
        packed.partition = arena.bytes(partition)
        packed.key = arena.bytes(key)
        packed.value = arena.bytes(value)
        packed.ttl_ms = timeToLive?.wireMilliseconds ?? 0
        packed.condition = condition.map { arena.condition($0) }
        packed.want_previous = wantsPrevious ? 1 : 0
    }
}

/// "Delete this key."
package struct DeleteRequest: StoreMessage, SingleWriteRequest, Hashable {
    package var route: WireRoute
    package var id: WireWriteID?
    package var partition: [UInt8]
    package var key: [UInt8]
    package var condition: WireCondition?
    package var wantsPrevious: Bool

    package init(
        route: WireRoute = WireRoute(),
        id: WireWriteID? = nil,
        partition: [UInt8] = [],
        key: [UInt8],
        condition: WireCondition? = nil,
        wantsPrevious: Bool = false
    ) {
        self.route = route
        self.id = id
        self.partition = partition
        self.key = key
        self.condition = condition
        self.wantsPrevious = wantsPrevious
    }

    package var operation: WireOperation { WireOperation(key: key, .delete, if: condition) }

    static let codec = StoreMessageCodec(
        "DeleteRequest",
        .store(StoreMessageBytes.short),
        chord__v1__delete_request__init,
        chord__v1__delete_request__unpack
    )

    init(_ packed: Chord__V1__DeleteRequest, _ space: IdentifierSpace) throws(WireError) {
        route = try WireRoute(packed.route)
        id = try packed.id.ifPresent(.field("id"), WireWriteID.init)
        partition = try packed.partition.key(.field("partition"))
        key = try packed.key.key(.field("key"))
        condition = try WireCondition.ifPresent(packed.condition)
        wantsPrevious = packed.want_previous != 0
        try FieldPath.checkTarget(partition: partition, keys: [key])
    }

    func fill(
        _ packed: inout Chord__V1__DeleteRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.route = arena.route(route)
        packed.id = id.map { arena.writeID($0) }
        packed.partition = arena.bytes(partition)
        packed.key = arena.bytes(key)
        packed.condition = condition.map { arena.condition($0) }
        packed.want_previous = wantsPrevious ? 1 : 0
    }
}

/// "Set the time to live of this key, if it is present."
package struct TouchRequest: StoreMessage, SingleWriteRequest, Hashable {
    package var route: WireRoute
    package var id: WireWriteID?
    package var partition: [UInt8]
    package var key: [UInt8]
    /// Nil for a key that does not expire. Carried in whole milliseconds.
    package var timeToLive: Duration?

    package init(
        route: WireRoute = WireRoute(),
        id: WireWriteID? = nil,
        partition: [UInt8] = [],
        key: [UInt8],
        timeToLive: Duration?
    ) {
        self.route = route
        self.id = id
        self.partition = partition
        self.key = key
        self.timeToLive = timeToLive
    }

    package var operation: WireOperation {
        WireOperation(key: key, .touch(timeToLive: timeToLive))
    }
    package var wantsPrevious: Bool { false }

    static let codec = StoreMessageCodec(
        "TouchRequest",
        .store(StoreMessageBytes.short),
        chord__v1__touch_request__init,
        chord__v1__touch_request__unpack
    )

    init(_ packed: Chord__V1__TouchRequest, _ space: IdentifierSpace) throws(WireError) {
        route = try WireRoute(packed.route)
        id = try packed.id.ifPresent(.field("id"), WireWriteID.init)
        partition = try packed.partition.key(.field("partition"))
        key = try packed.key.key(.field("key"))
        timeToLive = try packed.ttl_ms.millisecondsIfSet(.field("ttl_ms"))
        try FieldPath.checkTarget(partition: partition, keys: [key])
    }

    func fill(
        _ packed: inout Chord__V1__TouchRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.route = arena.route(route)
        packed.id = id.map { arena.writeID($0) }
        packed.partition = arena.bytes(partition)
        packed.key = arena.bytes(key)
        packed.ttl_ms = timeToLive?.wireMilliseconds ?? 0
    }
}
