// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

extension Array where Element == UInt8 {
    /// Appends the bytes of a number, the lowest first.
    mutating func append(littleEndian number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }

    /// The number that lies at an offset, the lowest byte first. The array must have its bytes.
    func littleEndian<Number: FixedWidthInteger>(at offset: Int, as: Number.Type) -> Number {
        precondition(offset >= 0 && count - offset >= MemoryLayout<Number>.size, "at \(offset)")
        return withUnsafeBytes {
            Number(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Number.self))
        }
    }

    /// Replaces the bytes at an offset by those of a number, the lowest first.
    mutating func replace(at offset: Int, littleEndian number: some FixedWidthInteger) {
        precondition(
            offset >= 0 && count - offset >= number.bitWidth / 8,
            "at \(offset)"
        )
        withUnsafeMutableBytes {
            $0.storeBytes(of: number.littleEndian, toByteOffset: offset, as: type(of: number))
        }
    }
}

/// Reads numbers and bytes of a record one after the other. Nothing that a file holds makes it trap.
struct RecordReader {
    /// The record ends too early, or a value in it is impossible.
    struct Malformed: Error {
        let reason: String

        init(_ reason: String) {
            self.reason = reason
        }
    }

    private let bytes: [UInt8]
    private var offset: Int
    private let end: Int

    init(_ bytes: [UInt8], _ range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "\(range)")
        self.bytes = bytes
        offset = range.lowerBound
        end = range.upperBound
    }

    /// Bytes that are left.
    var rest: Int { end - offset }

    mutating func number<Number: FixedWidthInteger>(
        _: Number.Type = Number.self
    ) throws(Malformed) -> Number {
        let size = MemoryLayout<Number>.size
        guard rest >= size else { throw Malformed("the record ends within a number") }
        defer { offset += size }
        return bytes.littleEndian(at: offset, as: Number.self)
    }

    mutating func bytes(_ count: Int) throws(Malformed) -> [UInt8] {
        guard count >= 0, rest >= count else { throw Malformed("the record ends within a payload") }
        defer { offset += count }
        return Array(bytes[offset..<offset + count])
    }
}
