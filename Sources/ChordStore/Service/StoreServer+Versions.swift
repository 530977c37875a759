// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire

extension RaiseVersionsRequest: RoutedRequest {
    typealias Reply = RaiseVersionsReply
    static var method: RPCMethod { StoreMethods.raiseVersions }
    static var needsAdministrator: Bool { true }
    var isWrite: Bool { true }

    func position(in context: NodeContext) -> Identifier { position }

    func serve(
        at server: isolated StoreServer,
        _ node: StoreNode,
        caller: StoreCaller,
        _ completion: @escaping @Sendable (Result<RaiseVersionsReply, StoreObstacle>) -> Void
    ) {
        let floor = LogIndex(above)
        guard floor <= RangeState.highestFloor else {
            return completion(.failure(.failed(.impossibleVersion(above))))
        }
        let position = position
        // A confirmed read, so that a range whose versions are high enough gets no entry.
        server.read(at: node, position, isStale: false, { state, _ in state.version }) { result in
            switch result {
            case .failure(let obstacle): completion(.failure(obstacle))
            case .success(let read) where read.output >= floor:
                completion(.success(RaiseVersionsReply(read.view)))
            case .success:
                node.assumeIsolated { node in
                    node.raiseVersions(above: floor, at: position) { result in
                        completion(Self.reply(result, at: position))
                    }
                }
            }
        }
    }

    private static func reply(
        _ result: WriteResult,
        at position: Identifier
    ) -> Result<RaiseVersionsReply, StoreObstacle> {
        switch result {
        case .failed(let refusal): .failure(.refused(refusal))
        case .done(_, let view):
            // A split before the entry has moved the position: its new range is asked next.
            view.descriptor.bounds.contains(position)
                ? .success(RaiseVersionsReply(view)) : .failure(.refused(.notHere))
        }
    }
}

extension RaiseVersionsReply {
    fileprivate init(_ view: RangeView) {
        self.init(
            .answer(
                WireRangeAnswer(view, version: view.version),
                WireRangeDescriptor(view.descriptor)
            )
        )
    }
}
