// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordWire

/// What an import of rows came to.
public struct StoreImportCount: Hashable, Sendable {
    /// Rows that were written.
    public var written: Int
    /// Rows whose keys existed, and stayed as they were.
    public var skipped: Int

    /// Makes a count from its parts.
    public init(written: Int = 0, skipped: Int = 0) {
        self.written = written
        self.skipped = skipped
    }
}

extension StoreClient {
    /// Makes all later versions of the whole store higher than one, so that rows of another store can be written: no
    /// condition on a version of that store will hold for a row that was written after. It needs a certificate of role
    /// `admin`.
    ///
    /// If it throws, some ranges may have the higher versions: call it again. Every replica of the store must know it:
    /// update all nodes first.
    ///
    /// - Parameters:
    ///   - version: the highest version that was seen there, at most 2^61.
    ///   - timeout: the time for each range; nil stands for ``StoreClientLimits/deadline``.
    /// - Returns: the number of ranges.
    /// - Throws: `StoreClientError` as ``put(_:_:timeToLive:if:wantsPrevious:timeout:)``, with `refused` for other
    ///   certificates, and with `invalidArgument` for a version that is too high.
    @discardableResult
    public func raiseVersions(
        above version: UInt64,
        timeout: Duration? = nil
    ) async throws(StoreClientError) -> Int {
        guard version <= RangeState.highestFloor.number else {
            throw StoreBounds.refuse(
                "versions cannot be raised above \(version), at most above \(RangeState.highestFloor)"
            )
        }
        return try await core.run { () throws(StoreClientError) in
            var count = 0
            try await core.askAllRanges(timeout) {
                RaiseVersionsRequest(position: $0, above: version)
            } _: { descriptor throws(StoreClientError) in
                count += 1
                return descriptor.bounds
            }
            return count
        }
    }

    /// Writes rows of another store, with their times to live. Each gets a new version; see
    /// ``raiseVersions(above:timeout:)``. Neighbouring rows of one partition are written together.
    ///
    /// If it throws, some rows may have been written: call it again with the same rows.
    ///
    /// - Parameters:
    ///   - rows: no key twice.
    ///   - skippingExisting: whether keys that exist stay as they are.
    ///   - callsInFlight: writes that are under way at a time, 1 or more.
    ///   - timeout: the time for all attempts of each write; nil stands for ``StoreClientLimits/deadline``.
    /// - Throws: `StoreClientError` as ``put(_:_:timeToLive:if:wantsPrevious:timeout:)``: the first error of a write.
    public func importRows(
        _ rows: [StoreRow],
        skippingExisting: Bool = false,
        callsInFlight: Int = 32,
        timeout: Duration? = nil
    ) async throws(StoreClientError) -> StoreImportCount {
        let groups = Self.groups(of: rows)
        let result =
            await withTaskGroup(
                of: Result<StoreImportCount, StoreClientError>.self
            ) { tasks in
                var count = StoreImportCount()
                var failure: StoreClientError?
                var next = 0
                var underWay = 0
                while underWay > 0 || failure == nil && next < groups.count {
                    if failure == nil, next < groups.count, underWay < max(1, callsInFlight) {
                        let group = Array(rows[groups[next]])
                        tasks.addTask {
                            await self.importGroup(group, skippingExisting, timeout)
                        }
                        next += 1
                        underWay += 1
                        continue
                    }
                    guard let ended = await tasks.next() else { break }
                    underWay -= 1
                    switch ended {
                    case .success(let part):
                        count.written += part.written
                        count.skipped += part.skipped
                    // The writes that are under way go on to their ends.
                    case .failure(let error): failure = failure ?? error
                    }
                }
                return failure.map { .failure($0) } ?? .success(count)
            } as Result<StoreImportCount, StoreClientError>
        return try result.get()
    }

    /// Runs of rows that one call can write.
    private static func groups(of rows: [StoreRow]) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        var start = 0
        var bytes = 0
        for (index, row) in rows.enumerated() {
            let fits =
                row.key.partition == rows[start].key.partition && row.key.partition != nil
                && index - start < WireLimits.batchKeys.upperBound
                && bytes + row.value.bytes.count <= WireLimits.valuesBytes / 3
            if !fits, index > start {
                groups.append(start..<index)
                start = index
                bytes = 0
            }
            bytes += row.value.bytes.count
        }
        if start < rows.count { groups.append(start..<rows.count) }
        return groups
    }

    private func importGroup(
        _ rows: [StoreRow],
        _ skippingExisting: Bool,
        _ timeout: Duration?
    ) async -> Result<StoreImportCount, StoreClientError> {
        do throws(StoreClientError) {
            if rows.count > 1, let partition = rows[0].key.partition {
                let operations = rows.map { row in
                    StoreOperation.put(
                        row.key.name,
                        row.value.bytes,
                        timeToLive: row.value.timeToLive,
                        if: skippingExisting ? .absent : nil
                    )
                }
                let result = try await batch(operations, in: partition, timeout: timeout)
                if result.applied { return .success(StoreImportCount(written: rows.count)) }
            }
            // Some of the keys exist.
            var count = StoreImportCount()
            for row in rows {
                let result = try await put(
                    row.key,
                    row.value.bytes,
                    timeToLive: row.value.timeToLive,
                    if: skippingExisting ? .absent : nil,
                    timeout: timeout
                )
                if result.applied { count.written += 1 } else { count.skipped += 1 }
            }
            return .success(count)
        } catch {
            return .failure(error)
        }
    }
}
