// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Checksums of rows and of some records, as they were at one moment. Every engine computes the same of the same rows.
///
/// A row belongs to the bucket of its key's hash, so replicas that differ in a row differ in its bucket only.
package struct RowDigest: Hashable, Sendable {
    /// The rows whose keys hash to one number.
    package struct Bucket: Hashable, Sendable {
        package var rows: UInt64 = 0
        /// CRC-32 of the rows, in order.
        package var checksum: UInt32 = 0

        package init() {}
    }

    /// A row without its value.
    package struct NamedRow: Hashable, Sendable {
        package var key: RowKey
        package var version: LogIndex
        package var checksum: UInt32
    }

    /// A byte names a bucket.
    package static let bucketCount = 256
    /// Rows that are named at most.
    package static let mostNamed = 1_000

    package private(set) var buckets = [Bucket](repeating: Bucket(), count: bucketCount)
    /// CRC-32 of the records.
    package private(set) var records: UInt32
    package private(set) var rows: UInt64 = 0
    /// Bytes of keys and values.
    package private(set) var bytes: UInt64 = 0
    /// The rows of the buckets that were to be named, in order.
    package private(set) var named: [NamedRow] = []
    /// Whether there are more of them.
    package private(set) var hasMore = false

    private let namedBuckets: Set<UInt8>

    /// - Parameter buckets: the buckets whose rows are named.
    init(of records: [(name: String, value: [UInt8])], naming buckets: Set<UInt8>) {
        namedBuckets = buckets
        var writer = ByteWriter()
        for record in records {
            writer.text(record.name)
            writer.string(record.value)
        }
        self.records = Checksum.crc32(writer.bytes)
    }

    /// The bucket of a key.
    package static func bucket(of key: RowKey) -> UInt8 {
        UInt8(
            truncatingIfNeeded: Checksum.crc32(
                key.key,
                continuing: Checksum.crc32(key.partition)
            )
        )
    }

    /// Adds the next row.
    mutating func add(_ row: Row, at key: RowKey) {
        var writer = ByteWriter(reserving: row.value.count + 128)
        writer.string(key.position)
        writer.string(key.partition)
        writer.string(key.key)
        writer.number(row.version.number)
        writer.optional(row.expiry) { $0.number($1.milliseconds) }
        writer.string(row.value)
        let checksum = Checksum.crc32(writer.bytes)
        let bucket = Self.bucket(of: key)
        buckets[Int(bucket)].rows += 1
        buckets[Int(bucket)].checksum = Checksum.crc32(
            writer.bytes,
            continuing: buckets[Int(bucket)].checksum
        )
        rows += 1
        bytes += UInt64(key.partition.count + key.key.count + row.value.count)
        guard namedBuckets.contains(bucket) else { return }
        guard named.count < Self.mostNamed else {
            hasMore = true
            return
        }
        named.append(NamedRow(key: key, version: row.version, checksum: checksum))
    }
}
