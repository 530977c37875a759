// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire

/// Reads the copy of a range from its leader, part by part, and then that of the next range.
struct RangeReader: Sendable {
    /// Rows of a block, and their bytes.
    private static let blockRows = 1_000
    private static let blockBytes = 1 << 20

    private let core: StoreClientCore
    private let timeout: Duration?
    private var copy: Copy?

    /// A copy that is being read.
    private struct Copy: Sendable {
        let name: UInt128
        let position: Identifier
        /// What the first part told of the range.
        var range: StoreExportedRange?
        var time = RangeTime.zero
        var totalBytes: UInt64 = 0
        var offset: UInt64 = 0
        var decoder = RowStreamDecoder(into: Slot(0))
        /// Rows that were read and are not delivered yet.
        var rows: [StoreRow] = []
        var isDelivered = false

        var isRead: Bool { range != nil && offset == totalBytes }
    }

    init(core: StoreClientCore, timeout: Duration?) {
        self.core = core
        self.timeout = timeout
    }

    /// The copy is of no use any more: the range is read from its beginning.
    mutating func beginAgain() { copy = nil }

    /// The next rows of the range after a place.
    ///
    /// - Throws: `pageGone` if the copy is lost, or its bytes were damaged on the way.
    mutating func next(
        after place: StoreExportPlace?
    ) async throws(StoreClientError) -> StoreExportBlock {
        var copy: Copy
        if let present = self.copy {
            copy = present
            // Its arrays are changed in place.
            self.copy = nil
        } else {
            copy = try await begin(after: place)
        }
        while !copy.isRead, !Self.isBlock(copy.rows) {
            try await readPart(of: &copy, after: place)
        }
        guard let range = copy.range else { throw Self.lost("nothing was read of it") }
        let count = Self.blockCount(copy.rows)
        let block = StoreExportBlock(
            range: range,
            rows: Array(copy.rows.prefix(count)),
            isFirst: !copy.isDelivered,
            isLast: copy.isRead && count == copy.rows.count
        )
        copy.rows.removeFirst(count)
        copy.isDelivered = true
        self.copy = block.isLast ? nil : copy
        return block
    }

    private func begin(
        after place: StoreExportPlace?
    ) async throws(StoreClientError) -> Copy {
        let space = try await core.keyHash().space
        let executor = core.network.executor
        return Copy(
            name: UInt128(executor.random()) << 64 | UInt128(executor.random()),
            position: place.map { space.adding($0.reached, Identifier(1)) } ?? .zero
        )
    }

    private func readPart(
        of copy: inout Copy,
        after place: StoreExportPlace?
    ) async throws(StoreClientError) {
        let request = ExportRequest(
            position: copy.position,
            copy: copy.name,
            offset: copy.offset
        )
        let position = copy.position
        let answered = try await core.run { () throws(StoreClientError) in
            let aim = StoreClientCore.Aim(
                position: position,
                space: try await core.keyHash().space,
                deadline: core.now + (timeout ?? core.limits.deadline)
            )
            return try await core.answer(to: request, aim)
        }
        let content = answered.content
        let range = StoreExportedRange(
            range: "\(RandomBits(wire: content.descriptor.range))",
            bounds: content.descriptor.bounds,
            version: content.version,
            rows: content.rows
        )
        if let known = copy.range {
            guard known == range, copy.totalBytes == content.totalBytes else {
                throw Self.lost("\(answered.address) has another one under its name")
            }
        } else {
            guard range.bounds.contains(position),
                place.map({ range.bounds.lowerBound == $0.reached }) ?? true
            else {
                throw StoreClientError(
                    .invalidAnswer,
                    "\(answered.address) answers with the range \(range.bounds), which does not begin where the one"
                        + " before ended"
                )
            }
            copy.range = range
            copy.time = RangeTime(milliseconds: content.timeMilliseconds)
            copy.totalBytes = content.totalBytes
        }
        copy.offset += UInt64(content.bytes.count)
        guard copy.offset <= copy.totalBytes else {
            throw Self.lost("\(answered.address) sent more than it has")
        }
        do throws(StoreError) {
            for item in try copy.decoder.append(content.bytes) {
                if case .rows(let rows) = item {
                    copy.rows += rows.map { $0.exported(at: copy.time) }
                }
            }
        } catch {
            throw Self.lost("\(answered.address) sent other bytes: \(error.message)")
        }
        guard !copy.isRead || copy.decoder.isComplete else {
            throw Self.lost("\(answered.address) did not send its end")
        }
    }

    private static func lost(_ why: String) -> StoreClientError {
        StoreClientError(.pageGone, "the copy of a range is of no use: \(why)")
    }

    private static func isBlock(_ rows: [StoreRow]) -> Bool {
        rows.count >= blockRows || blockCount(rows) < rows.count
    }

    /// How many of the rows make up a block: at least one, if there is one.
    private static func blockCount(_ rows: [StoreRow]) -> Int {
        var bytes = 0
        for (index, row) in rows.prefix(blockRows).enumerated() {
            bytes += row.value.bytes.count + row.key.name.count + (row.key.partition?.count ?? 0)
            if bytes > blockBytes { return max(1, index) }
        }
        return min(rows.count, blockRows)
    }
}

extension RowPage.Element {
    /// The row for its reader, with the time to live that is left. A key whose time is over lives until an entry
    /// deletes it.
    fileprivate func exported(at time: RangeTime) -> StoreRow {
        StoreRow(
            key: StoreKey(key.key, in: key.partition),
            value: StoreValue(
                row.value,
                version: row.version.number,
                timeToLive: row.expiry.map { max($0.since(time), .milliseconds(1)) }
            )
        )
    }
}
