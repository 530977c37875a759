// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

/// Writes the records of log, rows and commands.
///
/// Numbers are varints as protobuf has them: seven bits a byte, the lowest first. Byte strings have their
/// length before them. ``ByteReader`` reads them back.
package struct ByteWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init(reserving capacity: Int = 0) {
        bytes.reserveCapacity(capacity)
    }

    package mutating func byte(_ value: UInt8) {
        bytes.append(value)
    }

    package mutating func flag(_ value: Bool) {
        bytes.append(value ? 1 : 0)
    }

    package mutating func number(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    package mutating func number(_ value: Int) {
        number(UInt64(value))
    }

    /// Bytes without a length: the reader knows their number.
    package mutating func fixed(_ value: some Sequence<UInt8>) {
        bytes.append(contentsOf: value)
    }

    /// 16 bytes, big endian.
    package mutating func bits(_ value: RandomBits) {
        for word in [value.high, value.low] {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
    }

    /// The length as a number, then the bytes.
    package mutating func string(_ value: some Collection<UInt8>) {
        number(value.count)
        bytes.append(contentsOf: value)
    }

    /// The text's UTF-8 as a byte string.
    package mutating func text(_ value: String) {
        string(value.utf8)
    }

    /// A flag, and the value where there is one.
    package mutating func optional<Value>(
        _ value: Value?,
        _ write: (inout ByteWriter, Value) -> Void
    ) {
        flag(value != nil)
        if let value { write(&self, value) }
    }

    /// The number of elements, then each of them.
    package mutating func list<Element>(
        _ values: some Collection<Element>,
        _ write: (inout ByteWriter, Element) -> Void
    ) {
        number(values.count)
        for value in values { write(&self, value) }
    }
}
