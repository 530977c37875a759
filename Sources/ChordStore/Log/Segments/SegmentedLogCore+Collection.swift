// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import ChordBase

extension SegmentedLogCore {
    /// Deletes the oldest segments that have nothing live, and rewrites some of what is live in the oldest one
    /// if there is too much garbage.
    ///
    /// The records go to the buffer. The files are removed when those are durable.
    func collectGarbage() throws(StoreError) {
        // As much as the load makes garbage, within what one commit may have.
        var budget = min(max(settings.rewriteBytes, 2 * bytesOfLastCommit), settings.commitBytes)
        let loadsBefore = loads
        var collected: [String] = []
        let size = RecordHeader.recordSize(payload: 8)
        while let oldest = contents.usage.first, oldest.number < active.number {
            if oldest.live > 0 {
                guard budget > 0, isRewritingDue(oldest), try rewrite(oldest, &budget) else {
                    break
                }
                guard contents.usage.first?.live == 0 else { break }
            }
            // The record of this must fit; a full disk has another chance with the next commit.
            guard bytesLeft >= size else { break }
            collected.append(LogFileName.segment(contents.usage.removeFirst().number))
        }
        // Contents that were read again since have the segments still.
        guard loads == loadsBefore else { return }
        guard let oldest = contents.usage.first, !collected.isEmpty else { return }
        append(.collected, payload: 8) { $0.append(littleEndian: oldest.number) }
        collectedFiles += collected
    }

    private func isRewritingDue(_ oldest: SegmentTable.Segment) -> Bool {
        if isFull {
            // Rewriting a little frees a whole segment, and the log can go on.
            return oldest.live <= bytesLeft / 4
        }
        let usage = contents.usage
        return usage.segments.count > settings.segmentsBeforeRewriting
            && usage.bytesStored / settings.garbageFactor > usage.bytesLive
    }

    /// Writes some live parts of a segment again.
    ///
    /// - Returns: whether it could.
    private func rewrite(
        _ segment: SegmentTable.Segment,
        _ budget: inout Int
    ) throws(StoreError) -> Bool {
        var updates: [GroupUpdate] = []
        // In order, so that a run of the simulator can be repeated.
        for range in segment.liveOfRange.keys.sorted() {
            guard budget > 0, let group = contents.groups[range] else { break }
            updates += group.liveParts(of: range, in: segment.number, &budget)
        }
        guard !updates.isEmpty else { return false }
        let payload = updates.encodedSize
        let size = RecordHeader.recordSize(payload: payload)
        if !fits(size) {
            let loadsBefore = loads
            do throws(StoreError) {
                try rotate(for: size)
            } catch {
                // What there is no room for now waits.
                if error.code == .diskFull { return false }
                throw error
            }
            // The updates are of contents that were read again since.
            guard loads == loadsBefore, fits(size) else { return false }
        }
        append(.rewrite, payload: payload) { updates.encode(into: &$0) }
        do throws(Contradiction) {
            try contents.restore(updates, in: active.number)
        } catch {
            preconditionFailure("rewriting contradicts the log: \(error.reason)")
        }
        count { $0.bytesRewritten += UInt64(size) }
        return true
    }

    /// Removes files of segments that are declared collected by durable records.
    func removeCollectedFiles() {
        defer { collectedFiles.removeAll() }
        do throws(StoreError) {
            // The directory need not be synced: a file that comes back is removed at the next start.
            for name in collectedFiles { try files.remove(name) }
        } catch {
            fail(error)
        }
    }
}
