// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
package import ChordRPC

/// The methods of `concord.ChordService`, the contract of Concord nodes.
package enum ConcordMethods {
    package static let findSuccessor = method(
        "FindSuccessor",
        callers: .everybody,
        .permission(.lookup),
        .ordinary
    )
    package static let getRing = method(
        "GetRing",
        callers: .everybody,
        .permission(.walk),
        .maintenance
    )
    package static let notify = method("Notify", callers: .nodes, .rolesOnly, .maintenance)

    package static let all = [findSuccessor, getRing, notify]

    private static func method(
        _ name: String,
        callers: Roles,
        _ rule: MethodRule,
        _ priority: RPCMethod.Priority
    ) -> RPCMethod {
        RPCMethod(
            service: "concord.ChordService",
            name: name,
            callers: callers,
            rule: rule,
            maximumMessageBytes: 4 << 10,
            priority: priority,
            protoFile: "interop/concord.proto"
        )
    }
}
