// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import CProtobufC

/// The value of a key that is present.
package struct WireValue: Hashable, Sendable {
    /// Empty if only keys were asked for.
    package var bytes: [UInt8]
    /// 1 or more.
    package var version: UInt64
    /// The remaining time to live; nil if the key does not expire. Carried in whole milliseconds.
    package var timeToLive: Duration?

    package init(_ bytes: [UInt8], version: UInt64, timeToLive: Duration? = nil) {
        self.bytes = bytes
        self.version = version
        self.timeToLive = timeToLive
    }
}

/// A key with its value.
package struct WireRow: Hashable, Sendable {
    /// The partition in the answers of Scan; empty in those of List.
    package var partition: [UInt8]
    package var key: [UInt8]
    package var value: WireValue

    package init(partition: [UInt8] = [], key: [UInt8], value: WireValue) {
        self.partition = partition
        self.key = key
        self.value = value
    }
}

extension FieldPath {
    /// Checks the partition and the keys of a request. An empty partition means the key itself.
    static func checkTarget(partition: [UInt8], keys: [[UInt8]]) throws(WireError) {
        guard partition.isEmpty else { return }
        guard keys.count == 1 else {
            throw field("partition").error(
                .missing,
                "empty, and a request with \(keys.count) keys needs one"
            )
        }
        guard keys[0] != [] else {
            throw field("partition").error(.missing, "empty, and so is the key")
        }
    }
}

// MARK: - Decoding

extension ProtobufCBinaryData {
    /// A key or a partition.
    func key(_ path: FieldPath) throws(WireError) -> [UInt8] {
        try bytes(WireLimits.keyBytes, path)
    }

    /// The partition of a request that needs one.
    func partition() throws(WireError) -> [UInt8] {
        try bytes(1...WireLimits.keyBytes.upperBound, .field("partition"))
    }

    func token() throws(WireError) -> [UInt8] {
        try bytes(WireLimits.tokenBytes, .field("token"))
    }
}

extension WireValue {
    /// The value; nil if the key is absent.
    static func ifPresent(_ packed: Chord__V1__Value) throws(WireError) -> WireValue? {
        guard packed.present != 0 else { return nil }
        return WireValue(
            try packed.value.bytes(WireLimits.valueBytes, .field("value")),
            version: try packed.version.counted(.field("version")),
            timeToLive: try packed.ttl_ms.millisecondsIfSet(.field("ttl_ms"))
        )
    }
}

extension WireRow {
    init(_ packed: Chord__V1__Row) throws(WireError) {
        partition = try packed.partition.key(.field("partition"))
        key = try packed.key.key(.field("key"))
        let path = FieldPath.field("value")
        guard let value = try packed.value.value(path, WireValue.ifPresent) else {
            throw path.error(.contradictory, "an absent key in a list")
        }
        self.value = value
    }
}

extension UInt32 {
    /// The length of a page; nil for 0, the receiver's choice.
    func pageLimit(atMost limit: Int) throws(WireError) -> Int? {
        guard self <= limit else {
            throw FieldPath.field("limit").error(.outOfBounds, "\(self), at most \(limit)")
        }
        return self == 0 ? nil : Int(self)
    }
}

// MARK: - Encoding

extension EncodingArena {
    /// The state of a key; nil if it is absent.
    mutating func value(_ value: WireValue?) -> UnsafeMutablePointer<Chord__V1__Value> {
        let message = message(chord__v1__value__init)
        guard let value else { return message }
        message.pointee.present = 1
        message.pointee.value = bytes(value.bytes)
        message.pointee.version = value.version
        message.pointee.ttl_ms = value.timeToLive?.wireMilliseconds ?? 0
        return message
    }

    mutating func row(_ row: WireRow) -> UnsafeMutablePointer<Chord__V1__Row> {
        let message = message(chord__v1__row__init)
        message.pointee.partition = bytes(row.partition)
        message.pointee.key = bytes(row.key)
        message.pointee.value = value(row.value)
        return message
    }
}
