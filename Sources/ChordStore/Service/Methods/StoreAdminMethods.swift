// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
package import ChordRPC
import ChordWire

/// The methods of `chord.v1.StoreAdminService`, by which administrators compare and recover replicas. Nodes do not call
/// them, and do not pass them on.
package enum StoreAdminMethods {
    package static let checksum = method("Checksum")
    package static let recover = method("Recover")

    package static let all = [checksum, recover]

    private static func method(_ name: String) -> RPCMethod {
        RPCMethod(
            service: "chord.v1.StoreAdminService",
            name: name,
            callers: .admins,
            rule: .permission(.administer),
            maximumMessageBytes: StoreMessageBytes.short,
            protoFile: "chord/v1/store_admin.proto"
        )
    }
}
