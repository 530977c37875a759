// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRuntime
import ChordWire

extension GetRequest {
    func serve(
        at server: isolated StoreServer,
        _ node: StoreNode,
        caller: StoreCaller,
        _ completion: @escaping @Sendable (Result<GetReply, StoreObstacle>) -> Void
    ) {
        let position = server.context.identifier(of: place)
        let partition = place
        let keys = keys
        server.read(at: node, position, isStale: isStale, byLease: level == .lease) {
            state,
            rows throws(StoreError) -> [WireValue?]? in
            var bytes = 0
            var values: [WireValue?] = []
            for key in keys {
                let row = try state.row(
                    at: position,
                    partition: partition,
                    key: key,
                    in: &rows
                )
                bytes += row?.value.count ?? 0
                if bytes > StoreReads.replyBytes { return nil }
                values.append(row.map { WireValue($0, at: state.time) })
            }
            return values
        } _: { result in
            completion(
                result.flatMap { read in
                    guard let values = read.output else {
                        return .failure(.failed(.replyTooLong(limit: StoreReads.replyBytes)))
                    }
                    return .success(
                        GetReply(
                            .answer(
                                WireRangeAnswer(read.view, version: read.view.version),
                                .init(values: values, lag: read.lag)
                            )
                        )
                    )
                }
            )
        }
    }
}

/// What a read at a replica gave.
struct StoreRead<Output: Sendable>: Sendable {
    var output: Output
    var view: RangeView
    /// Of a stale read.
    var lag: WireReplicaLag?
}

enum StoreReads {
    /// Bytes of values, or of rows, in one reply.
    static let replyBytes = 3 << 20
}

extension StoreServer {
    /// Reads at this node's replica: confirmed by a majority or by a lease, or as it is.
    func read<Output: Sendable>(
        at node: StoreNode,
        _ position: Identifier,
        isStale: Bool,
        byLease: Bool = false,
        _ body:
            @escaping @Sendable (RangeState, inout any RowEngineTransaction) throws(StoreError) ->
            Output,
        _ completion: @escaping @Sendable (Result<StoreRead<Output>, StoreObstacle>) -> Void
    ) {
        node.assumeIsolated { node in
            if isStale {
                let lag = node.lag(at: position)
                return node.readStale(at: position, body) { result in
                    completion(
                        result.map { StoreRead(output: $0.0, view: $0.1, lag: lag) }
                            .mapError { .refused($0) }
                    )
                }
            }
            let answer: @Sendable (Result<(Output, RangeView), StoreRefusal>) -> Void = { result in
                completion(
                    result.map { StoreRead(output: $0.0, view: $0.1) }.mapError { .refused($0) }
                )
            }
            if byLease {
                node.readByLease(at: position, body, answer)
            } else {
                node.read(at: position, body, answer)
            }
        }
    }
}
