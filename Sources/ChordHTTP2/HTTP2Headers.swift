// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CNGHTTP2

/// A header list to send: fields prepared once, then fields of this one message.
///
/// The prepared part costs nothing per message: nghttp2 reads it where it lies. Appended fields
/// are copied. Keep one value and call ``removeAppended()`` between messages, and appending
/// allocates nothing either.
///
/// Names are lower case, as HTTP/2 demands; a peer resets the stream over any other.
package struct HTTP2Headers {
    /// A list of fields that never changes, in memory that nghttp2 may point into.
    ///
    /// A session keeps every list it has sent until it ends, so make them once per process,
    /// per method or per peer, not per call.
    package final class Prepared: Sendable {
        // Both pointers are written in `init` only, freed in `deinit` and read in between by any
        // thread, which is why the class is Sendable without a lock.
        private nonisolated(unsafe) let bytes: UnsafeMutablePointer<UInt8>
        nonisolated(unsafe) let fields: UnsafeMutablePointer<nghttp2_nv>
        let count: Int

        /// A list of the fields in the order given, pseudo-header fields first.
        package init(_ list: [(name: String, value: String)]) {
            let total = list.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
            bytes = .allocate(capacity: max(total, 1))
            fields = .allocate(capacity: max(list.count, 1))
            count = list.count
            var end = bytes
            func store(_ text: String) -> (UnsafeMutablePointer<UInt8>, Int) {
                let start = end
                for byte in text.utf8 {
                    end.initialize(to: byte)
                    end += 1
                }
                return (start, end - start)
            }
            let flags =
                UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue)
                | UInt8(NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)
            for (index, field) in list.enumerated() {
                let (name, nameCount) = store(field.name)
                let (value, valueCount) = store(field.value)
                (fields + index).initialize(
                    to: nghttp2_nv(
                        name: name,
                        value: value,
                        namelen: nameCount,
                        valuelen: valueCount,
                        flags: flags
                    )
                )
            }
        }

        deinit {
            bytes.deallocate()
            fields.deallocate()
        }
    }

    struct Appended {
        var name: Range<Int>
        var value: Range<Int>
        var isPseudo: Bool
        var flags: UInt8
    }

    package let prepared: Prepared?
    private(set) var bytes: [UInt8] = []
    private(set) var appended: [Appended] = []

    package init(_ prepared: Prepared? = nil) {
        self.prepared = prepared
    }

    package var count: Int { (prepared?.count ?? 0) + appended.count }

    /// Adds a field after those there are. Pseudo-header fields go before all others by themselves.
    ///
    /// - Parameter indexed: false keeps the value out of compression tables, here and in proxies:
    ///   for secrets, and for values that are never the same twice and would only push out others.
    package mutating func append(
        _ name: StaticString,
        _ value: UnsafeRawBufferPointer,
        indexed: Bool = true
    ) {
        let start = bytes.count
        name.withUTF8Buffer { bytes.append(contentsOf: $0) }
        finishField(from: start, value, indexed)
    }

    package mutating func append(
        _ name: StaticString,
        _ value: StaticString,
        indexed: Bool = true
    ) {
        value.withUTF8Buffer { append(name, UnsafeRawBufferPointer($0), indexed: indexed) }
    }

    package mutating func append(
        _ name: StaticString,
        _ value: String,
        indexed: Bool = true
    ) {
        var value = value
        value.withUTF8 { append(name, UnsafeRawBufferPointer($0), indexed: indexed) }
    }

    /// Adds a field whose name is known at run time only, as custom metadata is.
    package mutating func append(
        name: String,
        value: UnsafeRawBufferPointer,
        indexed: Bool = true
    ) {
        let start = bytes.count
        bytes.append(contentsOf: name.utf8)
        finishField(from: start, value, indexed)
    }

    private mutating func finishField(
        from start: Int,
        _ value: UnsafeRawBufferPointer,
        _ indexed: Bool
    ) {
        let middle = bytes.count
        bytes.append(contentsOf: value)
        appended.append(
            Appended(
                name: start..<middle,
                value: middle..<bytes.count,
                isPseudo: middle > start && bytes[start] == UInt8(ascii: ":"),
                flags: indexed ? 0 : UInt8(NGHTTP2_NV_FLAG_NO_INDEX.rawValue)
            )
        )
    }

    /// Takes away all but the prepared fields and keeps the memory for the next message.
    package mutating func removeAppended() {
        bytes.removeAll(keepingCapacity: true)
        appended.removeAll(keepingCapacity: true)
    }
}
