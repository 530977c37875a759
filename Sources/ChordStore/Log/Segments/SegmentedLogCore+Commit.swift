// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

extension SegmentedLogCore {
    /// What became of the batches of a commit.
    struct Commit {
        /// For each batch why it failed; nil where it is durable.
        var outcomes: [StoreError?]
        /// Batches whose records are in the buffer.
        var unwritten: [Int] = []
        var entriesUnwritten = 0

        init(count: Int) {
            outcomes = Array(repeating: nil, count: count)
        }

        mutating func finishUnwritten(_ error: StoreError?) {
            for place in unwritten { outcomes[place] = error }
            unwritten.removeAll(keepingCapacity: true)
            entriesUnwritten = 0
        }
    }

    /// Makes batches durable: all of them with one write and one sync, unless they do not fit one segment.
    ///
    /// Part of each commit is a bounded amount of garbage collection. A commit of no batches does only that,
    /// and looks whether a full disk has room again.
    ///
    /// - Returns: for each batch why it failed; nil where it is durable.
    package func commit(_ batches: [LogBatch]) -> [StoreError?] {
        current = Commit(count: batches.count)
        do throws(StoreError) {
            if failure == nil {
                try regainRoom()
                try collectGarbage()
            }
        } catch {
            fail(error)
        }
        for (place, batch) in batches.enumerated() {
            do throws(StoreError) {
                try add(batch, place)
            } catch {
                current.outcomes[place] = error
                if error.code == .diskFull { refusedRound = latestRound ?? refusedRound }
                count { $0.refusedBatches += 1 }
            }
        }
        flush()
        return current.outcomes
    }

    /// Adds the record of a batch to the buffer.
    private func add(_ batch: LogBatch, _ place: Int) throws(StoreError) {
        if let failure { throw failure }
        // Nothing is to be made durable.
        guard !batch.updates.isEmpty else { return }
        if let round = batch.round {
            latestRound = max(latestRound ?? round, round)
            if let refusedRound, round <= refusedRound {
                throw StoreError(.diskFull, "the log had no room for an earlier batch")
            }
        }
        let payload = batch.updates.encodedSize
        guard payload <= settings.batchBytes else {
            throw StoreError(
                .tooLarge,
                "a batch of \(payload) bytes; batchBytes allows \(settings.batchBytes)"
            )
        }
        // Room first: making it may read the contents again.
        try makeRoom(for: RecordHeader.recordSize(payload: payload), batch)
        try contents.check(batch)
        append(.batch, payload: payload) { batch.updates.encode(into: &$0) }
        contents.apply(batch, in: active.number)
        current.unwritten.append(place)
        current.entriesUnwritten += batch.updates.reduce(0) { $0 + $1.entries.count }
    }

    private func makeRoom(for size: Int, _ batch: LogBatch) throws(StoreError) {
        try checkReserve(for: size, batch)
        guard !fits(size) else { return }
        try rotate(for: size)
        // The new segment may be the last that the disk has room for.
        try checkReserve(for: size, batch)
    }

    /// Appends a record to the buffer.
    func append(
        _ kind: RecordHeader.Kind,
        payload size: Int,
        _ encode: (inout [UInt8]) -> Void
    ) {
        let start = buffer.count
        let record = RecordHeader.recordSize(payload: size)
        buffer.reserveCapacity(start + record)
        buffer.append(contentsOf: repeatElement(0, count: RecordHeader.size))
        encode(&buffer)
        precondition(buffer.count == start + RecordHeader.size + size, "size of \(kind)")
        buffer.append(contentsOf: repeatElement(0, count: start + record - buffer.count))
        let header = RecordHeader(
            kind: kind,
            length: size,
            sequence: nextSequence,
            syncedThrough: active.syncedThrough,
            payloadChecksum: Checksum.crc32(
                buffer.span.bytes.extracting((start + RecordHeader.size)..<buffer.count)
            )
        )
        header.write(into: &buffer, at: start, seed: active.place.seed(at: active.end + start))
        nextSequence += 1
    }

    /// Writes and syncs the buffer.
    func flush() {
        guard failure == nil, !buffer.isEmpty else { return }
        let start = now()
        do throws(StoreError) {
            try active.file.write(buffer, at: active.end)
        } catch {
            guard error.code == .diskFull else { return fail(error) }
            return takeBack(error)
        }
        do throws(StoreError) {
            try active.file.sync()
        } catch {
            return fail(error)
        }
        let (bytes, batches, entries) = (
            buffer.count, current.unwritten.count, current.entriesUnwritten
        )
        let duration = now() - start
        count {
            $0.commits.record(duration)
            $0.bytesWritten += UInt64(bytes)
            $0.batches += UInt64(batches)
            $0.entries += UInt64(entries)
        }
        active.end += bytes
        active.syncedThrough = active.end
        contents.usage.setEnd(of: active.number, active.end)
        bytesOfLastCommit = bytes
        endsWithMark = false
        buffer.removeAll(keepingCapacity: bytes <= settings.commitBytes)
        current.finishUnwritten(nil)
        removeCollectedFiles()
    }

    /// Writes a mark after the last record, without a sync, if there is none yet. To be called when no batch
    /// waits.
    ///
    /// The next record says as well that those before it were synced. The mark says it for the last ones, so
    /// that damage to them is not taken for a torn write.
    package func markSynced() {
        guard failure == nil, buffer.isEmpty, !endsWithMark, fits(RecordHeader.size) else { return }
        append(.mark, payload: 0) { _ in }
        let mark = buffer
        buffer.removeAll(keepingCapacity: true)
        do throws(StoreError) {
            try active.file.write(mark, at: active.end)
        } catch {
            // The next record overwrites what a full disk took of the mark.
            nextSequence -= 1
            if error.code != .diskFull { fail(error) }
            return
        }
        active.end += mark.count
        contents.usage.setEnd(of: active.number, active.end)
        endsWithMark = true
    }

    /// Undoes a commit that found the disk full.
    private func takeBack(_ error: StoreError) {
        let unwritten = current.unwritten.count
        current.finishUnwritten(error)
        count { $0.refusedBatches += UInt64(unwritten) }
        buffer.removeAll()
        collectedFiles.removeAll()
        isFull = true
        refusedRound = latestRound ?? refusedRound
        do throws(StoreError) {
            try active.file.truncate(to: active.end)
            try load()
        } catch {
            fail(error)
        }
    }
}
