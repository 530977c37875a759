// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase

/// How a segmented log uses the disk.
package struct SegmentedLogSettings: Hashable, Sendable {
    /// Size of a segment file in bytes, 4 KiB to 1 GiB. The log owns room for one more segment than it has
    /// records for. That room is the reserve of a full disk.
    ///
    /// Larger: fewer files and rotations, a larger reserve. Smaller: garbage is freed earlier, and small
    /// disks suffice.
    package var segmentBytes = 16 << 20

    /// The most bytes of one batch when encoded, up to 512 MiB. A batch larger than a segment gets a segment
    /// of its own.
    ///
    /// Larger: larger entries are possible. Smaller: one batch keeps others waiting for a shorter time.
    package var batchBytes = 64 << 20

    /// The most bytes of batches that are written and synced together, unless one batch has more.
    ///
    /// Larger: fewer syncs under load. Smaller: the first of many batches waits less for the others.
    package var commitBytes = 4 << 20

    /// Segments that may exist before live records are rewritten. Segments without live records are deleted
    /// at any time.
    ///
    /// Larger: less is rewritten. Smaller: less disk space, and a faster start.
    package var segmentsBeforeRewriting = 4

    /// Live records are rewritten while all segments together have more bytes than this many times the live
    /// bytes, 2 or more. With 2, at most one byte is rewritten for each byte written.
    ///
    /// Larger: less is rewritten. Smaller: less disk space.
    package var garbageFactor = 2

    /// The least bytes to which rewriting is limited in one commit. The limit follows the load beyond that.
    ///
    /// Larger: garbage is freed in fewer commits. Smaller: each commit takes less longer for it.
    package var rewriteBytes = 64 << 10

    package init() {}

    /// - Throws: `invalidSettings`; the message names the setting.
    package func validate() throws(StoreError) {
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(StoreError) {
            guard range.contains(value) else {
                throw StoreError(
                    .invalidSettings,
                    "\(name) is \(value), but must be from \(range.lowerBound) to \(range.upperBound)"
                )
            }
        }
        try check("segmentBytes", segmentBytes, (4 << 10)...(1 << 30))
        try check("batchBytes", batchBytes, 1...(512 << 20))
        try check("commitBytes", commitBytes, 1...(512 << 20))
        try check("segmentsBeforeRewriting", segmentsBeforeRewriting, 1...(1 << 20))
        try check("garbageFactor", garbageFactor, 2...1_000)
        try check("rewriteBytes", rewriteBytes, 1...(512 << 20))
    }
}

/// Whose log a directory holds.
package struct LogIdentity: Hashable, Sendable {
    package var store: StoreID
    package var disk: DiskID

    package init(store: StoreID, disk: DiskID) {
        self.store = store
        self.disk = disk
    }
}
