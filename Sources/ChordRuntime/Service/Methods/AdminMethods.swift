// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
package import ChordRPC

/// The methods of `chord.v1.AdminService`: operators inspect and control a node with them.
package enum AdminMethods {
    package static let describe = method("Describe", callers: .everybody)
    package static let watch = method("Watch", .serverStreaming, callers: .everybody)
    package static let leave = method("Leave", callers: .admins)
    package static let merge = method("Merge", callers: .admins)

    private static func method(
        _ name: String,
        _ kind: RPCMethod.Kind = .unary,
        callers: Roles
    ) -> RPCMethod {
        RPCMethod(
            service: "chord.v1.AdminService",
            name: name,
            kind: kind,
            callers: callers,
            maximumMessageBytes: 1 << 10,
            protoFile: "chord/v1/admin.proto"
        )
    }
}
