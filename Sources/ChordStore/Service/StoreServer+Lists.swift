// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire

extension ListRequest {
    func serve(
        at server: isolated StoreServer,
        _ node: StoreNode,
        caller: StoreCaller,
        _ completion: @escaping @Sendable (Result<ListReply, StoreObstacle>) -> Void
    ) {
        let scan: PartitionScan
        do throws(StoreFailure) {
            scan = try PartitionScan(
                partition: partition,
                prefix: prefix,
                token: token,
                limit: RowLimit(rows: limit ?? 1000, bytes: StoreReads.replyBytes),
                at: server
            )
        } catch {
            return completion(.failure(.failed(error)))
        }
        let keysOnly = keysOnly
        server.read(at: node, scan.position, isStale: isStale, scan.run) { result in
            completion(
                result.flatMap { read in
                    guard let page = read.output else { return .failure(.failed(.pageGone)) }
                    let rows = page.rows.map { element in
                        WireRow(
                            key: element.key.key,
                            value: WireValue(element.row, at: read.view.time, withBytes: !keysOnly)
                        )
                    }
                    return .success(
                        ListReply(
                            .answer(
                                WireRangeAnswer(read.view, version: scan.version(in: read.view)),
                                .init(
                                    rows: rows,
                                    lag: read.lag,
                                    token: scan.token(after: page, in: read.view)
                                )
                            )
                        )
                    )
                }
            )
        }
    }
}

extension CountRequest {
    /// Rows that one page counts at most, so that a work of the rows stays short.
    private static let most = 10_000

    func serve(
        at server: isolated StoreServer,
        _ node: StoreNode,
        caller: StoreCaller,
        _ completion: @escaping @Sendable (Result<CountReply, StoreObstacle>) -> Void
    ) {
        let scan: PartitionScan
        do throws(StoreFailure) {
            scan = try PartitionScan(
                partition: partition,
                prefix: prefix,
                token: token,
                limit: RowLimit(rows: Self.most, bytes: 16 << 20),
                at: server
            )
        } catch {
            return completion(.failure(.failed(error)))
        }
        server.read(at: node, scan.position, isStale: isStale, scan.run) { result in
            completion(
                result.flatMap { read in
                    guard let page = read.output else { return .failure(.failed(.pageGone)) }
                    return .success(
                        CountReply(
                            .answer(
                                WireRangeAnswer(read.view, version: scan.version(in: read.view)),
                                .init(
                                    rows: UInt64(page.rows.count),
                                    lag: read.lag,
                                    token: scan.token(after: page, in: read.view)
                                )
                            )
                        )
                    )
                }
            )
        }
    }
}

/// A page of a partition's rows. All pages show the version of the first one.
///
/// The rows after a page are those of that version if none of them was written or deleted since. A written row has
/// a higher version; of deletes the replica knows (``RecentDeletions``). A partition lies in one range, and ranges
/// only split, so whatever range has it now has it from the range of the first page: versions go on to grow.
struct PartitionScan: Sendable {
    let position: Identifier
    private let partition: [UInt8]
    private let prefix: [UInt8]
    private let limit: RowLimit
    private let former: PageToken?
    private let space: IdentifierSpace

    init(
        partition: [UInt8],
        prefix: [UInt8],
        token: [UInt8],
        limit: RowLimit,
        at server: isolated StoreServer
    ) throws(StoreFailure) {
        self.partition = partition
        self.prefix = prefix
        self.limit = limit
        space = server.space
        position = server.context.identifier(of: partition)
        guard !token.isEmpty else {
            former = nil
            return
        }
        guard let former = try? PageToken(decoding: token, space: space) else { throw .pageGone }
        self.former = former
    }

    /// The rows; nil if the version of the first page cannot be shown any more.
    var run: @Sendable (RangeState, inout any RowEngineTransaction) throws(StoreError) -> RowPage? {
        { state, rows throws(StoreError) in
            if let former {
                // A replica that lags behind has not come to that version yet.
                let version = LogIndex(former.version)
                guard state.version >= version,
                    state.deletions.none(in: partition, after: version)
                else { return nil }
            }
            let interval = RowInterval(
                slot: state.slot,
                position: space.bytes(of: position),
                partition: partition,
                prefix: prefix,
                from: former.map { $0.key + [0] }
            )
            let page = try rows.scan(interval, limit: limit)
            guard let former else { return page }
            let isUnchanged = page.rows.allSatisfy { $0.row.version.number <= former.version }
            return isUnchanged ? page : nil
        }
    }

    func version(in view: RangeView) -> LogIndex {
        former.map { LogIndex($0.version) } ?? view.version
    }

    /// The token of the next page; empty on the last one.
    func token(after page: RowPage, in view: RangeView) -> [UInt8] {
        guard page.next != nil, let last = page.rows.last else { return [] }
        return PageToken(
            range: view.descriptor.id.bits.wire,
            version: version(in: view).number,
            key: last.key.key
        ).encoded(in: space)
    }
}
