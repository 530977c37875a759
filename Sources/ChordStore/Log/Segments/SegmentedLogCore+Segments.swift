// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

extension SegmentedLogCore {
    /// Bytes of the record at the end of a segment.
    private static let sealSize = RecordHeader.recordSize(payload: 8)

    /// Bytes that are left in the active segment, besides those of its end.
    var bytesLeft: Int {
        settings.segmentBytes - Self.sealSize - active.end - buffer.count
    }

    private var isSegmentEmpty: Bool {
        active.end == SegmentHeader.size && buffer.isEmpty
    }

    /// Whether a record fits the active segment. A record larger than a segment fits an empty one.
    func fits(_ size: Int) -> Bool {
        size <= bytesLeft || (isSegmentEmpty && !isFull)
    }

    // MARK: Full disks

    /// Refuses a batch that a full disk has no room for.
    ///
    /// Entries leave at least a quarter of the reserve to hard states, compaction and garbage collection, which free
    /// room and without which groups have no leader.
    func checkReserve(for size: Int, _ batch: LogBatch) throws(StoreError) {
        guard isFull else { return }
        let kept: Int
        switch batch.hasEntries ? batch.reserve : nil {
        case .nothing: throw Self.full
        case .half: kept = settings.segmentBytes / 2
        case .most: kept = settings.segmentBytes / 4
        case nil: kept = 0
        }
        guard bytesLeft - size >= kept else { throw Self.full }
    }

    private static var full: StoreError {
        StoreError(
            .diskFull,
            "the disk of the log is full: entries are refused until there is room for a segment; free "
                + "some space"
        )
    }

    /// Makes the spare again where a full disk has room.
    func regainRoom() throws(StoreError) {
        guard isFull else { return }
        // More than the spare, so that the log does not become full again with the next byte.
        let needed = settings.segmentBytes + settings.segmentBytes / 4
        guard try files.availableBytes() >= UInt64(hasSpare ? needed / 5 : needed) else { return }
        isFull = false
        try makeSpareIfPossible()
    }

    /// Makes the spare; where the disk has no room for it, it is full.
    func makeSpareIfPossible() throws(StoreError) {
        guard !hasSpare else { return }
        do throws(StoreError) {
            try Self.makeSpare(files, settings)
            hasSpare = true
        } catch {
            guard error.code == .diskFull else { throw error }
            isFull = true
        }
    }

    private static func makeSpare(
        _ files: any LogFiles,
        _ settings: SegmentedLogSettings
    ) throws(StoreError) {
        let name = LogFileName.spare
        let file =
            try files.list().contains(name) ? try files.open(name) : try files.create(name)
        do throws(StoreError) {
            try file.allocate(settings.segmentBytes)
            file.close()
        } catch {
            file.close()
            if error.code == .diskFull { try files.remove(name) }
            throw error
        }
    }

    // MARK: Rotation

    /// Makes the spare the segment of a number.
    private static func useSpare(
        _ files: any LogFiles,
        _ header: SegmentHeader
    ) throws(StoreError) -> any LogFile {
        let file = try files.open(LogFileName.spare)
        do throws(StoreError) {
            // The header is durable before the name is. So a segment never has half a header.
            try file.write(header.encoded, at: 0)
            try file.sync()
            try files.rename(LogFileName.spare, to: LogFileName.segment(header.number))
            try files.syncDirectory()
        } catch {
            file.close()
            throw error
        }
        return file
    }

    static func makeFirstSegment(
        _ files: any LogFiles,
        _ settings: SegmentedLogSettings,
        _ identity: LogIdentity
    ) throws(StoreError) {
        try makeSpare(files, settings)
        let header = SegmentHeader(identity: identity, number: 1, oldest: 1, firstSequence: 1)
        try useSpare(files, header).close()
    }

    /// Writes what waits, and goes on in a new segment.
    ///
    /// - Throws: `diskFull` where there is no spare, or it cannot be used; `closed` after an error.
    func rotate(for size: Int) throws(StoreError) {
        flush()
        if let failure { throw failure }
        // Writing what waited may have found the disk full, and read the contents again.
        guard !fits(size) else { return }
        guard hasSpare, !isFull else {
            isFull = true
            throw Self.full
        }
        do throws(StoreError) {
            try startNextSegment()
            try makeSpareIfPossible()
        } catch {
            guard error.code != .diskFull else {
                isFull = true
                throw error
            }
            fail(error)
            throw failure ?? error
        }
    }

    private func startNextSegment() throws(StoreError) {
        let number = active.number + 1
        let header = SegmentHeader(
            identity: identity,
            number: number,
            oldest: contents.usage.first?.number ?? active.number,
            firstSequence: nextSequence + 1
        )
        let file = try Self.useSpare(files, header)
        do throws(StoreError) {
            try seal(next: number)
        } catch {
            file.close()
            guard error.code == .diskFull else { throw error }
            // The segment has no records, so recovery ignores it if the crash comes before the rename.
            try files.rename(LogFileName.segment(number), to: LogFileName.spare)
            throw error
        }
        hasSpare = false
        active.file.close()
        active = ActiveSegment(
            number: number,
            file: file,
            place: SegmentPlace(disk: identity.disk, segment: number),
            end: SegmentHeader.size,
            syncedThrough: SegmentHeader.size
        )
        contents.usage.append(number, end: active.end)
        endsWithMark = true
    }

    /// Ends the active segment, and gives back the room that it does not use.
    private func seal(next number: UInt64) throws(StoreError) {
        append(.seal, payload: 8) { $0.append(littleEndian: number) }
        let record = buffer
        buffer.removeAll(keepingCapacity: true)
        let end = active.end + record.count
        do throws(StoreError) {
            try active.file.write(record, at: active.end)
            try active.file.truncate(to: end)
        } catch {
            nextSequence -= 1
            if error.code == .diskFull { try active.file.truncate(to: active.end) }
            throw error
        }
        try active.file.sync()
        active.end = end
        contents.usage.setEnd(of: active.number, end)
        count { $0.bytesWritten += UInt64(record.count) }
    }

    // MARK: Loading

    /// Makes durable what recovery found, and removes what it did not need.
    ///
    /// A former process may have been killed between write and sync, or its sync may have failed. In the
    /// second case the system takes the data for written although they are not. So the records after the
    /// last offset that is known to be synced are written once more, and synced.
    static func secure(
        _ found: LogRecovery.Result,
        _ files: any LogFiles,
        _ identity: LogIdentity
    ) throws(StoreError) -> ActiveSegment {
        var active: ActiveSegment?
        for tail in found.tails {
            active?.file.close()
            let file = try files.open(LogFileName.segment(tail.number))
            do throws(StoreError) {
                if !tail.unsynced.isEmpty { try file.write(tail.unsynced, at: tail.start) }
                if let cut = tail.cut { try file.truncate(to: cut) }
                try file.sync()
            } catch {
                file.close()
                throw error
            }
            active = ActiveSegment(
                number: tail.number,
                file: file,
                place: SegmentPlace(disk: identity.disk, segment: tail.number),
                end: tail.end,
                syncedThrough: tail.end
            )
        }
        guard let active else { preconditionFailure("recovery found no segment") }
        do throws(StoreError) {
            for name in found.leftovers { try files.remove(name) }
            try files.syncDirectory()
        } catch {
            active.file.close()
            throw error
        }
        return active
    }

    /// Reads the contents again from disk.
    func load() throws(StoreError) {
        guard let found = try LogRecovery(files: files, identity: identity).run() else {
            throw StoreError(.corrupted, "the segments of the log were removed while it was open")
        }
        active.file.close()
        active = try Self.secure(found, files, identity)
        contents = found.contents
        nextSequence = found.nextSequence
        endsWithMark = false
        loads += 1
    }
}
