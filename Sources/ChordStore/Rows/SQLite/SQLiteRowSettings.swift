// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

#if SQLite
internal import ChordBase

/// How a row engine uses memory and disk.
package struct SQLiteRowSettings: Hashable, Sendable {
    /// When changes become durable.
    package var commit = RowCommitPolicy()

    /// Memory for pages of the database, in bytes, 1 MiB to 64 GiB.
    ///
    /// More: fewer reads from the disk. Less: less memory. Pages that were changed since the last commit
    /// stay in memory besides.
    package var cacheBytes = 64 << 20

    /// Size of the write-ahead log from which its pages are copied to the database, in bytes, 64 KiB to
    /// 1 GiB. The log may become several times as large under load, or while a snapshot is copied.
    ///
    /// Larger: pages that change often are copied less often. Smaller: less disk space, and a faster start.
    package var checkpointBytes = 16 << 20

    /// Room on the disk that is kept back, in bytes, 0 to 1 GiB. It is given up when the disk is full, so
    /// that changes that works were promised, and later deletes and records, can still be written. If it does
    /// not suffice for the changes of one commit, a full disk ends the engine: it should be four times
    /// `commit.bytes`.
    ///
    /// More: more can be deleted before there is room again. Less: more room for rows.
    package var reserveBytes = 32 << 20

    /// How often a full disk is looked at again, 1 ms to 1 h.
    ///
    /// More often: writes are taken earlier. Less often: fewer attempts on a disk that stays full.
    package var fullDiskRetry = Duration.seconds(1)

    package init() {}

    /// - Throws: `invalidSettings`; the message names the setting.
    package func validate() throws(StoreError) {
        try commit.validate()
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(StoreError) {
            guard range.contains(value) else {
                throw StoreError(
                    .invalidSettings,
                    "\(name) is \(value), but must be from \(range.lowerBound) to \(range.upperBound)"
                )
            }
        }
        try check("cacheBytes", cacheBytes, (1 << 20)...(64 << 30))
        try check("checkpointBytes", checkpointBytes, (64 << 10)...(1 << 30))
        try check("reserveBytes", reserveBytes, 0...(1 << 30))
        guard (.milliseconds(1) ... .seconds(3600)).contains(fullDiskRetry) else {
            throw StoreError(.invalidSettings, "fullDiskRetry must be from 1 ms to 1 h")
        }
    }
}
#endif
