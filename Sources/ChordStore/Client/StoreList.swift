// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordWire

/// Pages of rows, which are read from the store one after the other as they are consumed.
///
/// Every iterator begins with the first page. A cancelled task ends the sequence with an error of code `cancelled`.
public struct StorePages: AsyncSequence, Sendable {
    /// Rows that came together.
    public typealias Element = StorePage
    /// The error that ends the sequence.
    public typealias Failure = StoreClientError

    /// Reads the page that a token names; an empty token names the first one. Returns the token of the next page,
    /// empty after the last one.
    typealias Read =
        @Sendable (_ token: [UInt8]) async throws(StoreClientError) -> (StorePage, next: [UInt8])

    let read: Read

    /// Makes an iterator, which reads with its first `next()`.
    public func makeAsyncIterator() -> Iterator { Iterator(read: read) }

    /// One pass over the pages.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let read: Read
        /// Nil after the last page and after an error.
        private var token: [UInt8]? = []
        private var restarts = ListRestarts()

        fileprivate init(read: @escaping Read) {
            self.read = read
        }

        /// Reads the next page; nil after the last one.
        ///
        /// - Throws: `StoreClientError` as ``StoreClient/get(_:level:timeout:)``, or with `pageGone`.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(StoreClientError) -> StorePage? {
            guard let place = token else { return nil }
            token = nil
            do throws(StoreClientError) {
                let (page, next) = try await read(place)
                token = next.isEmpty ? nil : next
                if !page.rows.isEmpty { restarts.end() }
                return page
            } catch {
                // Nobody has seen a row of the former version: the list begins again.
                guard error.code == .pageGone, restarts.mayBegin() else { throw error }
                token = []
                return try await self.next(isolation: actor)
            }
        }
    }
}

/// Whether a list may begin again by itself: while nothing of it was delivered, and not for ever.
struct ListRestarts: Sendable {
    private static let most = 5
    private var left = Self.most

    /// Rows were delivered: from now on the reader decides.
    mutating func end() { left = 0 }

    /// Counts another beginning; false if the list must fail.
    mutating func mayBegin() -> Bool {
        guard left > 0 else { return false }
        left -= 1
        return true
    }
}

/// Rows of the store, which are read in pages as they are consumed.
public struct StoreRows: AsyncSequence, Sendable {
    /// A key with its value.
    public typealias Element = StoreRow
    /// The error that ends the sequence.
    public typealias Failure = StoreClientError

    /// The pages in which the rows come.
    public let pages: StorePages

    /// Makes an iterator, which reads with its first `next()`.
    public func makeAsyncIterator() -> Iterator { Iterator(pages: pages.makeAsyncIterator()) }

    /// One pass over the rows.
    public struct Iterator: AsyncIteratorProtocol {
        private var pages: StorePages.Iterator
        private var page: [StoreRow] = []
        private var place = 0

        fileprivate init(pages: StorePages.Iterator) {
            self.pages = pages
        }

        /// The next row; nil after the last one.
        ///
        /// - Throws: `StoreClientError` as ``StorePages/Iterator/next(isolation:)``.
        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(StoreClientError) -> StoreRow? {
            while place == page.count {
                guard let next = try await pages.next(isolation: actor) else { return nil }
                page = next.rows
                place = 0
            }
            defer { place += 1 }
            return page[place]
        }
    }
}

extension StoreClient {
    /// Lists the rows of a partition whose keys begin with a prefix, in the order of their bytes.
    ///
    /// All rows are of one version of the partition, also where its range is split or gets another leader meanwhile.
    /// If rows that were not read yet are written or deleted, the store cannot show that version any more. The list
    /// begins again by itself as long as it has delivered nothing; after that the sequence throws `pageGone`: list
    /// again, in larger pages or faster.
    ///
    /// - Parameters:
    ///   - partition: the partition, 1 to 1,024 bytes.
    ///   - prefix: the first bytes of the keys' names; empty for all keys.
    ///   - keysOnly: whether to leave the values out.
    ///   - level: how strict the reads are.
    ///   - pageRows: rows per page, 1 to 10,000; nil for the store's choice. A page also ends at 3 MiB.
    ///   - timeout: the time for all attempts to read a page; nil stands for ``StoreClientLimits/deadline``.
    public func list(
        in partition: [UInt8],
        prefix: [UInt8] = [],
        keysOnly: Bool = false,
        level: StoreReadLevel = .linearizable,
        pageRows: Int? = nil,
        timeout: Duration? = nil
    ) -> StoreRows {
        let core = core
        return StoreRows(
            pages: StorePages { token throws(StoreClientError) in
                let request = ListRequest(
                    partition: partition,
                    prefix: prefix,
                    level: WireReadLevel(level),
                    limit: pageRows,
                    token: token,
                    keysOnly: keysOnly
                )
                return try await core.page(request, timeout)
            }
        )
    }

    /// Counts the rows of a partition whose keys begin with a prefix.
    ///
    /// - Parameters:
    ///   - partition: the partition, 1 to 1,024 bytes.
    ///   - prefix: the first bytes of the keys' names; empty for all keys.
    ///   - level: how strict the reads are.
    ///   - timeout: the time for all attempts to count a page; nil stands for ``StoreClientLimits/deadline``.
    /// - Throws: `StoreClientError` as ``get(_:level:timeout:)``, or with `pageGone`.
    public func count(
        in partition: [UInt8],
        prefix: [UInt8] = [],
        level: StoreReadLevel = .linearizable,
        timeout: Duration? = nil
    ) async throws(StoreClientError) -> Int {
        try StoreBounds.check(partition: partition)
        try StoreBounds.check(name: prefix, "the prefix")
        var rows: UInt64 = 0
        var token: [UInt8] = []
        var restarts = ListRestarts()
        while true {
            let request = CountRequest(
                partition: partition,
                prefix: prefix,
                level: WireReadLevel(level),
                token: token
            )
            do throws(StoreClientError) {
                let content = try await core.count(request, timeout)
                rows = rows.addingReportingOverflow(content.rows).partialValue
                token = content.token
            } catch {
                guard error.code == .pageGone, restarts.mayBegin() else { throw error }
                (rows, token) = (0, [])
                continue
            }
            if token.isEmpty { return Int(clamping: rows) }
        }
    }
}

extension StoreClientCore {
    fileprivate func page(
        _ request: ListRequest,
        _ timeout: Duration?
    ) async throws(StoreClientError) -> (StorePage, next: [UInt8]) {
        try StoreBounds.check(partition: request.partition)
        try StoreBounds.check(name: request.prefix, "the prefix")
        try StoreBounds.check(pageRows: request.limit)
        return try await run { () throws(StoreClientError) in
            let listed = try await answer(to: request, aim(at: request.partition, timeout))
            let page = StorePage(
                rows: listed.content.rows.map { row in
                    StoreRow(
                        key: StoreKey(row.key, in: request.partition),
                        value: StoreValue(row.value)
                    )
                },
                version: listed.answer.version,
                lag: listed.content.lag.map(StoreLag.init)
            )
            return (page, listed.content.token)
        }
    }

    fileprivate func count(
        _ request: CountRequest,
        _ timeout: Duration?
    ) async throws(StoreClientError) -> CountReply.Content {
        try await run { () throws(StoreClientError) in
            try await answer(to: request, aim(at: request.partition, timeout)).content
        }
    }
}
