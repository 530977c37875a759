// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

/// A local number under which a disk stores the rows of a range. The two halves of a split share their slot,
/// until one of them moves.
package struct Slot: Hashable, Sendable, Comparable, CustomStringConvertible, BitwiseCopyable {
    package let number: UInt64

    package init(_ number: UInt64) {
        self.number = number
    }

    /// The highest slot that has rows or records.
    package static let highest = Self(1 << 62)

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }

    /// The number in decimal digits.
    package var description: String { String(number) }
}

/// The place of a row. Rows are ordered by slot, position, partition and key, each of them byte by byte.
package struct RowKey: Hashable, Sendable, Comparable {
    package var slot: Slot
    /// The bytes of the identifier to which the partition hashes, at most ``RowLimits/positionBytes``.
    package var position: [UInt8]
    /// At most ``RowLimits/partitionBytes``; may be empty.
    package var partition: [UInt8]
    /// At most ``RowLimits/keyBytes``; may be empty.
    package var key: [UInt8]

    package init(slot: Slot, position: [UInt8], partition: [UInt8], key: [UInt8]) {
        self.slot = slot
        self.position = position
        self.partition = partition
        self.key = key
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.slot == right.slot ? left.isBeforeInSlot(right) : left.slot < right.slot
    }

    /// The order of two keys of one slot.
    func isBeforeInSlot(_ other: Self) -> Bool {
        switch position.byteOrder(to: other.position) {
        case 0: break
        case let order: return order < 0
        }
        switch partition.byteOrder(to: other.partition) {
        case 0: return key.byteOrder(to: other.key) < 0
        case let order: return order < 0
        }
    }

    /// - Throws: `tooLarge`; the message names the part, and not its bytes.
    func checkLimits() throws(StoreError) {
        func check(_ part: [UInt8], _ limit: Int, _ name: StaticString) throws(StoreError) {
            guard part.count <= limit else {
                throw StoreError(
                    .tooLarge,
                    "a \(name) has \(part.count) bytes, at most \(limit) fit"
                )
            }
        }
        guard slot <= .highest else {
            throw StoreError(.tooLarge, "slot \(slot) is above the highest, \(Slot.highest)")
        }
        try check(position, RowLimits.positionBytes, "position")
        try check(partition, RowLimits.partitionBytes, "partition")
        try check(key, RowLimits.keyBytes, "key")
    }
}

/// What is stored under a key.
package struct Row: Hashable, Sendable {
    /// At most ``RowLimits/valueBytes``; may be empty.
    package var value: [UInt8]
    /// The index of the log entry that wrote the row.
    package var version: LogIndex
    /// The range time at which the row expires; nil if it does not.
    package var expiry: RangeTime?

    package init(value: [UInt8], version: LogIndex, expiry: RangeTime? = nil) {
        self.value = value
        self.version = version
        self.expiry = expiry
    }

    /// - Throws: `tooLarge`.
    func checkLimits() throws(StoreError) {
        guard version.isPlausible else {
            throw StoreError(.tooLarge, "version \(version) is above the highest")
        }
        guard value.count <= RowLimits.valueBytes else {
            throw StoreError(
                .tooLarge,
                "a value has \(value.count) bytes, at most \(RowLimits.valueBytes) fit"
            )
        }
    }
}

/// The most bytes of the parts of a row. Every engine keeps them, so what one holds another can take.
package enum RowLimits {
    /// The longest identifier: 256 bits.
    package static let positionBytes = 32
    package static let partitionBytes = 1024
    package static let keyBytes = 1024
    /// Below the message limit of 4 MiB, with room for the rest of the message.
    package static let valueBytes = 3 << 20
    /// A small record of the engine's owner: a descriptor, or a table of requests.
    package static let metadataBytes = 16 << 20
    /// The name of such a record.
    package static let metadataNameBytes = 128
}

extension [UInt8] {
    /// Negative if these bytes come before others, 0 if they are the same, positive if they come after.
    /// A text comes after its own beginning.
    func byteOrder(to other: [UInt8]) -> Int {
        withUnsafeBytes { left in
            other.withUnsafeBytes { right in
                let common = Swift.min(left.count, right.count)
                var offset = 0
                while offset + 8 <= common {
                    let words = (
                        left.loadUnaligned(fromByteOffset: offset, as: UInt64.self).bigEndian,
                        right.loadUnaligned(fromByteOffset: offset, as: UInt64.self).bigEndian
                    )
                    if words.0 != words.1 { return words.0 < words.1 ? -1 : 1 }
                    offset += 8
                }
                while offset < common {
                    if left[offset] != right[offset] {
                        return left[offset] < right[offset] ? -1 : 1
                    }
                    offset += 1
                }
                return left.count - right.count
            }
        }
    }
}
