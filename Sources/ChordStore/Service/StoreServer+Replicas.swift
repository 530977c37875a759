// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire

extension SetReplicasRequest: RoutedRequest {
    typealias Reply = SetReplicasReply
    static var method: RPCMethod { StoreMethods.setReplicas }
    static var needsAdministrator: Bool { true }
    var isWrite: Bool { true }

    func position(in context: NodeContext) -> Identifier { position }

    func serve(
        at server: isolated StoreServer,
        _ node: StoreNode,
        caller: StoreCaller,
        _ completion: @escaping @Sendable (Result<SetReplicasReply, StoreObstacle>) -> Void
    ) {
        // The members that the ring names for a range: the owner and its list.
        let most = server.context.parameters.successorCount + 1
        guard RangeDescriptor.replications.contains(replicas), replicas <= most else {
            return completion(
                .failure(.failed(.impossibleReplicas(replicas, mostOfRing: most)))
            )
        }
        let count = replicas
        let position = position
        // A confirmed read, so that a former leader does not judge by an old descriptor.
        server.read(at: node, position, isStale: false, { state, _ in state.descriptor }) {
            [weak server] result in
            server?.assumeIsolated { server in
                switch result {
                case .failure(let obstacle): completion(.failure(obstacle))
                case .success(let read):
                    server.setReplicas(count, of: read, at: position, node, completion)
                }
            }
        }
    }
}

extension StoreServer {
    /// Proposes the number for a range, unless the range wants it already.
    fileprivate func setReplicas(
        _ count: Int,
        of read: StoreRead<RangeDescriptor>,
        at position: Identifier,
        _ node: StoreNode,
        _ completion: @escaping @Sendable (Result<SetReplicasReply, StoreObstacle>) -> Void
    ) {
        let former = read.output.replication
        guard count != former else {
            return completion(.success(SetReplicasReply(former: former, read.view)))
        }
        if count > former {
            guard let members = wantedMembers(at: read.output.bounds.upperBound) else {
                return completion(.failure(.failed(.ringUnsure)))
            }
            guard members.count >= count else {
                return completion(
                    .failure(.failed(.fewMembers(wanted: count, members: members.count)))
                )
            }
        }
        node.assumeIsolated { node in
            node.setReplication(count, at: position) { result in
                switch result {
                case .failed(let refusal): completion(.failure(.refused(refusal)))
                case .done(_, let view):
                    // A split before the entry has moved the position: its new range is asked next.
                    guard view.descriptor.bounds.contains(position) else {
                        return completion(.failure(.refused(.notHere)))
                    }
                    completion(.success(SetReplicasReply(former: former, view)))
                }
            }
        }
    }
}

extension SetReplicasReply {
    fileprivate init(former: Int, _ view: RangeView) {
        self.init(
            .answer(
                WireRangeAnswer(view, version: view.version),
                Content(former: former, descriptor: WireRangeDescriptor(view.descriptor))
            )
        )
    }
}
