// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
package import ChordRPC

/// The methods of `chord.v1.ChordService`: lookups and ring maintenance.
package enum ChordMethods {
    package static let findSuccessor = method(
        "FindSuccessor",
        callers: .everybody,
        rule: .permission(.lookup),
        maximumMessageBytes: 8 << 10
    )
    package static let getPredecessor = method(
        "GetPredecessor",
        callers: .everybody,
        rule: .permission(.walk),
        maximumMessageBytes: 8 << 10,
        .maintenance
    )
    /// Lookups begin with it, and walks consist of it.
    package static let getSuccessorList = method(
        "GetSuccessorList",
        callers: .everybody,
        rule: .oneOf([.lookup, .walk]),
        maximumMessageBytes: 4 << 10,
        .maintenance
    )
    package static let notify = method(
        "Notify",
        callers: .nodes,
        maximumMessageBytes: 4 << 10,
        .maintenance
    )
    package static let leave = method(
        "Leave",
        callers: .nodes,
        maximumMessageBytes: 64 << 10,
        .maintenance
    )
    package static let found = method(
        "Found",
        callers: .nodes,
        maximumMessageBytes: 64 << 10,
        .maintenance
    )
    package static let meet = method(
        "Meet",
        callers: .nodes,
        maximumMessageBytes: 4 << 10,
        .maintenance
    )
    package static let probe = method("Probe", callers: .nodes, maximumMessageBytes: 4 << 10)

    private static func method(
        _ name: String,
        callers: Roles,
        rule: MethodRule = .rolesOnly,
        maximumMessageBytes: Int,
        _ priority: RPCMethod.Priority = .ordinary
    ) -> RPCMethod {
        RPCMethod(
            service: "chord.v1.ChordService",
            name: name,
            callers: callers,
            rule: rule,
            maximumMessageBytes: maximumMessageBytes,
            priority: priority,
            protoFile: "chord/v1/chord.proto"
        )
    }
}
