// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
package import ChordRPC

/// The methods of `chord.v1.AdminService`: operators inspect and control a node with them.
package enum AdminMethods {
    /// Open to everybody: clients learn the ring's parameters from it.
    package static let describe = method("Describe", callers: .everybody)
    package static let watch = method(
        "Watch",
        .serverStreaming,
        callers: .everybody,
        .permission(.walk)
    )
    package static let leave = method("Leave", callers: .admins, .permission(.administer))
    package static let merge = method("Merge", callers: .admins, .permission(.administer))

    private static func method(
        _ name: String,
        _ kind: RPCMethod.Kind = .unary,
        callers: Roles,
        _ rule: MethodRule = .rolesOnly
    ) -> RPCMethod {
        RPCMethod(
            service: "chord.v1.AdminService",
            name: name,
            kind: kind,
            callers: callers,
            rule: rule,
            maximumMessageBytes: 1 << 10,
            protoFile: "chord/v1/admin.proto"
        )
    }
}
