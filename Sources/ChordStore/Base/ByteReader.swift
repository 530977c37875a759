// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

/// Reads what ``ByteWriter`` has written.
///
/// The bytes come from a disk or a peer: no input traps, and no length is believed before the bytes are
/// there. Each method throws `corrupted` where the bytes end early or cannot be what was written.
package struct ByteReader: Sendable {
    private let bytes: [UInt8]
    private var offset = 0
    /// What is read, for the message of an error.
    private let what: StaticString

    package init(_ bytes: [UInt8], what: StaticString) {
        self.bytes = bytes
        self.what = what
    }

    /// Bytes that were not read yet.
    package var remaining: Int { bytes.count - offset }

    package mutating func byte() throws(StoreError) -> UInt8 {
        guard offset < bytes.count else { throw failure("ends early") }
        defer { offset += 1 }
        return bytes[offset]
    }

    package mutating func flag() throws(StoreError) -> Bool {
        switch try byte() {
        case 0: return false
        case 1: return true
        default: throw failure("has a flag that is neither 0 nor 1")
        }
    }

    package mutating func number() throws(StoreError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            let bits = UInt64(next & 0x7F)
            guard shift < 63 || bits <= 1 else { throw failure("has a number above 2^64") }
            value |= bits << shift
            if next < 0x80 { return value }
            shift += 7
            guard shift <= 63 else { throw failure("has a number of more than ten bytes") }
        }
    }

    /// A count of elements that take at least one byte each.
    package mutating func count() throws(StoreError) -> Int {
        let value = try number()
        guard value <= UInt64(remaining) else { throw failure("has a count beyond its end") }
        return Int(value)
    }

    package mutating func fixed(_ count: Int) throws(StoreError) -> [UInt8] {
        guard count >= 0, count <= remaining else { throw failure("ends early") }
        defer { offset += count }
        return Array(bytes[offset..<offset + count])
    }

    package mutating func bits() throws(StoreError) -> RandomBits {
        var words: [UInt64] = []
        for _ in 0..<2 {
            words.append(try fixed(8).reduce(0) { $0 << 8 | UInt64($1) })
        }
        return RandomBits(high: words[0], low: words[1])
    }

    package mutating func string() throws(StoreError) -> [UInt8] {
        try fixed(count())
    }

    package mutating func text() throws(StoreError) -> String {
        guard let text = String(validating: try string(), as: UTF8.self) else {
            throw failure("has a text that is not UTF-8")
        }
        return text
    }

    package mutating func optional<Value>(
        _ read: (inout ByteReader) throws(StoreError) -> Value
    ) throws(StoreError) -> Value? {
        try flag() ? try read(&self) : nil
    }

    package mutating func list<Element>(
        _ read: (inout ByteReader) throws(StoreError) -> Element
    ) throws(StoreError) -> [Element] {
        let count = try count()
        var values: [Element] = []
        for _ in 0..<count { values.append(try read(&self)) }
        return values
    }

    /// Reads the version of a format.
    ///
    /// - Throws: `unknownVersion` unless it is the one that this release knows.
    package mutating func checkVersion(_ known: UInt8) throws(StoreError) {
        let version = try byte()
        guard version == known else {
            throw StoreError(
                .unknownVersion,
                """
                \(what) has format version \(version), and this release knows \(known): start the node with a \
                release that knows it
                """
            )
        }
    }

    /// Throws unless all bytes were read.
    package func end() throws(StoreError) {
        guard remaining == 0 else { throw failure("has \(remaining) bytes too many") }
    }

    /// An error that names what was read.
    package func failure(_ problem: String) -> StoreError {
        StoreError(.corrupted, "\(what) \(problem)")
    }
}
