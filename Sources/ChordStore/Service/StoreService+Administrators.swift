// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordWire

// The handlers of `chord.v1.StoreAdminService`.

extension StoreService {
    var adminMethods: [ServiceMethod] {
        [
            method(StoreAdminMethods.checksum) {
                (server, request: ChecksumRequest, _, responder) in
                let space = server.space
                switch server.openNode {
                case .failure(let failure): responder.fail(failure.status)
                case .success(let node):
                    node.assumeIsolated { node in
                        node.checksum(request) { responder.succeed($0.encoded(in: space)) }
                    }
                }
            },
            method(StoreAdminMethods.recover) {
                (server, request: RecoverRequest, _, responder) in
                let space = server.space
                switch server.openNode {
                case .failure(let failure): responder.fail(failure.status)
                case .success(let node):
                    node.assumeIsolated { node in
                        node.recover(request) { responder.succeed($0.encoded(in: space)) }
                    }
                }
            },
        ]
    }
}
