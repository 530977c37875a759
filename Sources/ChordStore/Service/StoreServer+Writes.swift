// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordIdentity
import ChordRPC
import ChordRuntime
import ChordWire

extension RoutedWrite {
    func serve(
        at server: isolated StoreServer,
        _ node: StoreNode,
        caller: StoreCaller,
        _ completion: @escaping @Sendable (Result<WriteReply, StoreObstacle>) -> Void
    ) {
        server.write(self, at: node, caller: caller, completion)
    }
}

extension StoreServer {
    fileprivate func write(
        _ request: some RoutedWrite,
        at node: StoreNode,
        caller: StoreCaller,
        _ completion: @escaping @Sendable (Result<WriteReply, StoreObstacle>) -> Void
    ) {
        let limit = setup.settings.valueBytes
        for operation in request.operations {
            guard case .put(let value, _) = operation.action, value.count > limit else { continue }
            return completion(.failure(.failed(.valueTooLong(bytes: value.count, limit: limit))))
        }
        let identity = caller.identity(request.route)
        let position = context.identifier(of: request.place)
        let id: WriteID
        if let given = request.id {
            id = WriteID(given)
        } else {
            // Proposed once and never repeated, so nobody asks for its answer again.
            let time = node.assumeIsolated { $0.time(at: position) } ?? .zero
            id = WriteID(unrepeated.next(of: identity, using: executor), preparedAt: time)
        }
        let command = WriteCommand(
            id: id,
            identity: identity,
            position: position,
            partition: request.place,
            operations: request.operations.map { WriteOperation($0) },
            wantsPrevious: request.wantsPrevious
        )
        node.assumeIsolated { node in
            node.write(command) { result in
                switch result {
                case .done(let outcome, let view):
                    completion(.success(WriteReply(outcome, view)))
                case .failed(let refusal): completion(.failure(.refused(refusal)))
                }
            }
        }
    }
}

extension StoreCaller {
    /// The caller whose writes count together: the first one of a forwarded call.
    func identity(_ route: WireRoute) -> String {
        if let first = route.caller {
            return "\(first.role) \(first.trustDomain)/\(first.name)"
        }
        return "\(peer.role) \(peer.trustDomain ?? "")/\(peer.name ?? "")"
    }
}

extension WriteID {
    fileprivate init(_ wire: WireWriteID) {
        self.init(
            client: ClientID(RandomBits(wire: wire.client)),
            number: wire.number,
            lowestUnanswered: wire.lowestUnanswered,
            preparedAt: RangeTime(milliseconds: wire.preparedMilliseconds)
        )
    }

    fileprivate init(_ number: WriteSessions.Number, preparedAt: RangeTime) {
        self.init(
            client: number.client,
            number: number.number,
            lowestUnanswered: number.number,
            preparedAt: preparedAt
        )
    }
}

extension WriteReply {
    fileprivate init(_ outcome: WriteOutcome, _ view: RangeView) {
        self.init(
            .answer(
                WireRangeAnswer(view, version: outcome.version),
                Content(
                    applied: outcome.applied,
                    results: outcome.operations.map { WireOperationResult($0) },
                    isReplayed: outcome.isRepeated
                )
            )
        )
    }
}
