// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
package import ChordRPC
import ChordWire

/// The methods of `chord.v1.StorePeerService`, by which store nodes keep their replicas equal.
package enum StorePeerMethods {
    /// Carries heartbeats: to shed it under load would look like the failure of a leader.
    package static let raft = method("Raft", StoreMessageBytes.raft, .maintenance)
    package static let hint = method("Hint", StoreMessageBytes.hints)
    package static let locate = method("Locate", StoreMessageBytes.short)
    package static let describe = method("Describe", StoreMessageBytes.short)
    package static let offerSnapshot = method("OfferSnapshot", StoreMessageBytes.short)
    package static let sendChunk = method("SendChunk", StoreMessageBytes.chunk)
    package static let finishSnapshot = method("FinishSnapshot", StoreMessageBytes.short)

    package static let all = [
        raft, hint, locate, describe, offerSnapshot, sendChunk, finishSnapshot,
    ]

    private static func method(
        _ name: String,
        _ maximumMessageBytes: Int,
        _ priority: RPCMethod.Priority = .ordinary
    ) -> RPCMethod {
        RPCMethod(
            service: "chord.v1.StorePeerService",
            name: name,
            callers: .nodes,
            maximumMessageBytes: maximumMessageBytes,
            priority: priority,
            protoFile: "chord/v1/store_peer.proto"
        )
    }
}
