// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

/// The logic of a segmented log, without threads: its owner calls, and each call blocks until the disk
/// has answered. `SegmentedLog` drives it on a thread, a simulator in virtual time.
///
/// A directory has segments, which records are appended to, a spare segment, and a lock. All records of a
/// commit are one write to one segment and one sync. When a segment is full the spare becomes the next one
/// and a new spare is made, so the log always owns the room that it needs next. Where no spare can be made the
/// disk is full: entries are refused, and what is left of the active segment is a reserve for deletes, hard
/// states and garbage collection.
///
/// Garbage collection deletes the oldest segment first, always. So a record that makes an older one
/// obsolete stays as long as the older one, and replay from any oldest segment on gives the same result.
package final class SegmentedLogCore {
    /// The segment that records are appended to.
    struct ActiveSegment {
        let number: UInt64
        let file: any LogFile
        let place: SegmentPlace
        /// Where the next record begins.
        var end: Int
        /// Everything before this offset is synced.
        var syncedThrough: Int
    }

    let files: any LogFiles
    let settings: SegmentedLogSettings
    let identity: LogIdentity
    let now: @Sendable () -> Duration

    var contents: LogContents<SegmentTable>
    var active: ActiveSegment
    var nextSequence: UInt64
    /// Records of the commit that goes on, which lie at `active.end`.
    var buffer: [UInt8] = []
    /// Whether the last record is a mark, or nothing was written since the last one.
    var endsWithMark = true
    var hasSpare = false
    /// Whether entries are refused until there is room for a spare.
    package internal(set) var isFull = false
    /// Files of segments that the buffer's records declare collected.
    var collectedFiles: [String] = []
    /// Counts how often the contents were read again from disk.
    var loads = 0
    var bytesOfLastCommit = 0
    /// The commit that goes on.
    var current = Commit(count: 0)
    /// The highest round that has been submitted, and the highest of which a batch was refused for want of room.
    var latestRound: UInt64?
    var refusedRound: UInt64?
    /// Why the log is closed.
    package private(set) var failure: StoreError?
    private(set) var counters = LogStatistics()

    /// Opens the log of a directory.
    ///
    /// - Parameters:
    ///   - isNew: whether the directory may have no log yet; it gets one then. Else a log without segments is
    ///     an error: a node that forgot its votes must not go on under the same disk id.
    ///   - now: a monotonic clock, for statistics.
    /// - Throws: as `RaftLogStore.open` says.
    package init(
        files: any LogFiles,
        settings: SegmentedLogSettings,
        identity: LogIdentity,
        isNew: Bool,
        now: @escaping @Sendable () -> Duration
    ) throws(StoreError) {
        try settings.validate()
        self.files = files
        self.settings = settings
        self.identity = identity
        self.now = now
        try files.lock()
        do throws(StoreError) {
            var result = try LogRecovery(files: files, identity: identity).run()
            if result == nil {
                guard isNew else {
                    throw StoreError(
                        .corrupted,
                        "the log of disk \(identity.disk) has no segments; nothing was changed: start "
                            + "the node with an empty data directory, and its replicas are made anew "
                            + "from the others"
                    )
                }
                try Self.makeFirstSegment(files, settings, identity)
                result = try LogRecovery(files: files, identity: identity).run()
            }
            guard let result else { preconditionFailure("the first segment is gone") }
            active = try Self.secure(result, files, identity)
            // What was recovered is synced now, and the mark below says so.
            endsWithMark = active.end == SegmentHeader.size
            contents = result.contents
            nextSequence = result.nextSequence
        } catch {
            files.close()
            throw error
        }
        do throws(StoreError) {
            try makeSpareIfPossible()
        } catch {
            active.file.close()
            files.close()
            throw error
        }
        markSynced()
    }

    /// What the log holds.
    package var recovered: RecoveredLog { contents.recovered }

    /// What the log has done, without what waits outside.
    package var statistics: LogStatistics {
        var statistics = counters
        statistics.segments = contents.usage.segments.count
        statistics.bytesStored = contents.usage.bytesStored
        statistics.bytesLive = contents.usage.bytesLive
        statistics.isFull = isFull
        return statistics
    }

    /// Closes the log. It says that everything was synced, which lets the next opener tell a torn write from
    /// damage.
    package func close() {
        markSynced()
        if failure == nil {
            // Only the mark is not synced. Without it less damage is found, and nothing is lost.
            try? active.file.sync()
            failure = StoreError(.closed, "the log was closed")
        }
        active.file.close()
        files.close()
    }

    /// Closes the log after an error. No operation is tried again: after a failed sync the system may have
    /// dropped what was written, and the next sync succeeds nevertheless.
    func fail(_ error: StoreError) {
        guard failure == nil else { return }
        failure = StoreError(
            .closed,
            "the log closed after an error; restart the node when the disk is well",
            cause: error
        )
        buffer.removeAll()
        collectedFiles.removeAll()
        current.finishUnwritten(error)
    }

    func count(_ change: (inout LogStatistics) -> Void) {
        change(&counters)
    }
}
