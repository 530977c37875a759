// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
package import ChordRPC

/// The methods of `concord.ChordService`, the contract of Concord nodes.
package enum ConcordMethods {
    package static let findSuccessor = method("FindSuccessor", callers: .everybody, .ordinary)
    package static let getRing = method("GetRing", callers: .everybody, .maintenance)
    package static let notify = method("Notify", callers: .nodes, .maintenance)

    package static let all = [findSuccessor, getRing, notify]

    private static func method(
        _ name: String,
        callers: Roles,
        _ priority: RPCMethod.Priority
    ) -> RPCMethod {
        RPCMethod(
            service: "concord.ChordService",
            name: name,
            callers: callers,
            maximumMessageBytes: 4 << 10,
            priority: priority,
            protoFile: "interop/concord.proto"
        )
    }
}
