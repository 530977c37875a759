// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore

/// A range of the store, as an export copied it at one moment.
public struct StoreExportedRange: Hashable, Sendable {
    /// The range's identifier, 32 hexadecimal digits.
    public var range: String
    /// The positions of the rows.
    public var bounds: IdentifierRange
    /// The version of all rows. Every write that was answered before the range was asked for is among them.
    public var version: UInt64
    /// The number of rows.
    public var rows: UInt64

    /// Makes a range from its parts.
    public init(range: String, bounds: IdentifierRange, version: UInt64, rows: UInt64) {
        self.range = range
        self.bounds = bounds
        self.version = version
        self.rows = rows
    }
}

/// Rows of one range that an export delivers together.
public struct StoreExportBlock: Hashable, Sendable {
    /// The range of the rows.
    public var range: StoreExportedRange
    /// At most 1,000 rows with about 1 MiB, in the order of their positions and keys. Each has the time to live that
    /// was left when the range was copied.
    public var rows: [StoreRow]
    /// Whether a range begins. If the range before has not ended, all its blocks are void: its copy was lost, and it is
    /// delivered again.
    public var isFirst: Bool
    /// Whether the range ends.
    public var isLast: Bool

    /// Makes a block from its parts.
    public init(range: StoreExportedRange, rows: [StoreRow], isFirst: Bool, isLast: Bool) {
        self.range = range
        self.rows = rows
        self.isFirst = isFirst
        self.isLast = isLast
    }
}

/// How far an export has come: the positions after one bound, up to and with the other, are exported.
public struct StoreExportPlace: Hashable, Sendable {
    /// The lower bound of the first range.
    public var beginning: Identifier
    /// The upper bound of the last whole range.
    public var reached: Identifier

    /// Makes a place from its bounds.
    public init(beginning: Identifier, reached: Identifier) {
        self.beginning = beginning
        self.reached = reached
    }
}

/// All rows of the store, range by range around the ring.
///
/// The rows of a range are of one version; ranges are of different moments. Where a range is split, moves or gets
/// another leader meanwhile, it is delivered again from its beginning, as ``StoreExportBlock/isFirst`` tells. At the end
/// every position was delivered once.
public struct StoreExport: AsyncSequence, Sendable {
    /// Rows of one range.
    public typealias Element = StoreExportBlock
    /// The error that ends the sequence.
    public typealias Failure = StoreClientError

    let core: StoreClientCore
    let place: StoreExportPlace?
    let timeout: Duration?

    /// Makes an iterator, which asks with its first `next()`.
    public func makeAsyncIterator() -> Iterator {
        Iterator(reader: RangeReader(core: core, timeout: timeout), place: place)
    }

    /// One pass over the store.
    public struct Iterator: AsyncIteratorProtocol {
        /// Copies of one range that may be lost in a row. Elections and splits end.
        private static let mostRestarts = 20

        private var reader: RangeReader
        private var place: StoreExportPlace?
        private var isOver = false
        private var restarts = 0

        fileprivate init(reader: RangeReader, place: StoreExportPlace?) {
            self.reader = reader
            self.place = place
        }

        /// The next block; nil after the last one.
        ///
        /// - Throws: `StoreClientError` as ``StoreClient/get(_:level:timeout:)``, with `refused` for other certificates
        ///   than those of administrators, or with `pageGone` if a range was lost too often.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(StoreClientError) -> StoreExportBlock? {
            guard !isOver else { return nil }
            do throws(StoreClientError) {
                let block = try await reader.next(after: place)
                if block.isLast { passed(block.range.bounds) }
                return block
            } catch {
                guard error.code == .pageGone, restarts < Self.mostRestarts else {
                    isOver = true
                    throw error
                }
                restarts += 1
                reader.beginAgain()
                return try await next(isolation: actor)
            }
        }

        private mutating func passed(_ bounds: IdentifierRange) {
            restarts = 0
            let beginning = place?.beginning ?? bounds.lowerBound
            place = StoreExportPlace(beginning: beginning, reached: bounds.upperBound)
            isOver = bounds.upperBound == beginning
        }
    }
}

extension StoreClient {
    /// Reads all rows of the store, range by range. It needs a certificate of role `admin`.
    ///
    /// - Parameters:
    ///   - place: what was exported before; nil for the whole store.
    ///   - timeout: the time for all attempts to read a part of a range; nil stands for
    ///     ``StoreClientLimits/deadline``.
    public func export(
        after place: StoreExportPlace? = nil,
        timeout: Duration? = nil
    ) -> StoreExport {
        StoreExport(core: core, place: place, timeout: timeout)
    }
}
