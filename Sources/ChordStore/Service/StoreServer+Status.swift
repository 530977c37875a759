// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire

extension StoreServer {
    private static let rangesOfPage = 100

    func status(_ request: StoreStatusRequest, _ responder: Responder) {
        let space = space
        var after: RangeID?
        if !request.token.isEmpty {
            guard let token = try? PageToken(decoding: request.token, space: space) else {
                return responder.fail(StoreFailure.pageGone.status)
            }
            after = RangeID(RandomBits(wire: token.range))
        }
        var reply = StoreStatusReply(
            store: (record.store ?? context.parameters.store)?.bits.wire,
            disk: setup.engines.map { _ in setup.disk.bits.wire },
            node: name,
            state: passesCallsOn ? .serving : problem == nil ? .starting : .failed,
            reason: problem?.message
                ?? (passesCallsOn ? "" : "it is not a member of its ring yet, or reads its disk"),
            starts: record.starts,
            totals: .init(),
            ranges: []
        )
        if let node {
            node.assumeIsolated { node in
                reply.totals.freeBytes = setup.freeBytes()
                node.fill(&reply, after: after, limit: request.limit ?? Self.rangesOfPage, space)
            }
        }
        responder.succeed(reply.encoded(in: space))
    }

    /// The rows of this node's own replicas, as they are.
    func scan(_ request: ScanRequest, _ responder: Responder) {
        let node: StoreNode
        switch openNode {
        case .failure(let failure): return responder.fail(failure.status)
        case .success(let open): node = open
        }
        let space = space
        var token: PageToken?
        if !request.token.isEmpty {
            token = try? PageToken(decoding: request.token, space: space)
            guard token != nil else { return responder.fail(StoreFailure.pageGone.status) }
        }
        let limit = RowLimit(rows: request.limit ?? 1000, bytes: StoreReads.replyBytes)
        let keysOnly = request.keysOnly
        let hash = context.identifier(of:)
        let wanted = request.range.map { RangeID(RandomBits(wire: $0)) }
        node.assumeIsolated { node in
            node.scan(after: token, only: wanted, limit: limit, hash) { result in
                switch result {
                case .failure(let error):
                    responder.fail(StoreFailure(error, at: node.identity.member.node).status)
                case .success(nil):
                    responder.succeed(ScanReply(answer: nil, rows: []).encoded(in: space))
                case .success(let page?):
                    let rows = page.rows.map { element in
                        WireRow(
                            partition: element.key.partition,
                            key: element.key.key,
                            value: WireValue(
                                element.row,
                                at: page.view.time,
                                withBytes: !keysOnly
                            )
                        )
                    }
                    let answer = WireRangeAnswer(page.view, version: page.view.version)
                    let next = page.token?.encoded(in: space) ?? []
                    responder.succeed(
                        ScanReply(answer: answer, rows: rows, token: next).encoded(in: space)
                    )
                }
            }
        }
    }
}
