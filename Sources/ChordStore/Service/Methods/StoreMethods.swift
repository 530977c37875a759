// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
package import ChordRPC
import ChordWire

/// The methods of `chord.v1.StoreService`, by which clients read and write.
package enum StoreMethods {
    package static let get = method("Get", StoreMessageBytes.get)
    package static let put = method("Put", StoreMessageBytes.put)
    package static let delete = method("Delete", StoreMessageBytes.short)
    package static let touch = method("Touch", StoreMessageBytes.short)
    package static let batch = method("Batch", StoreMessageBytes.batch)
    package static let list = method("List", StoreMessageBytes.short)
    package static let count = method("Count", StoreMessageBytes.short)
    package static let watch = method(
        "Watch",
        kind: .serverStreaming,
        StoreMessageBytes.short
    )
    package static let scan = method(
        "Scan",
        callers: .admins,
        rule: .permission(.administer),
        StoreMessageBytes.short
    )
    package static let status = method("Status", rule: .permission(.walk), StoreMessageBytes.short)
    /// Of nodes only for administrators whose calls they pass on (``RoutedRequest/needsAdministrator``).
    package static let setReplicas = method(
        "SetReplicas",
        callers: [.nodes, .admins],
        rule: .permission(.administer),
        StoreMessageBytes.short
    )
    /// Of nodes for administrators, as ``setReplicas``.
    package static let raiseVersions = method(
        "RaiseVersions",
        callers: [.nodes, .admins],
        rule: .permission(.administer),
        StoreMessageBytes.short
    )
    /// Of nodes for administrators, as ``setReplicas``.
    package static let export = method(
        "Export",
        callers: [.nodes, .admins],
        rule: .permission(.administer),
        StoreMessageBytes.short
    )

    package static let all = [
        get, put, delete, touch, batch, list, count, watch, scan, status, setReplicas,
        raiseVersions,
        export,
    ]

    /// Those that are answered where their range is led.
    package static let routed = [
        get, put, delete, touch, batch, list, count, setReplicas, raiseVersions, export,
    ]

    // Nodes are among the callers: they forward the calls of others.
    private static func method(
        _ name: String,
        kind: RPCMethod.Kind = .unary,
        callers: Roles = .everybody,
        rule: MethodRule = .keys,
        _ maximumMessageBytes: Int
    ) -> RPCMethod {
        RPCMethod(
            service: "chord.v1.StoreService",
            name: name,
            kind: kind,
            callers: callers,
            rule: rule,
            maximumMessageBytes: maximumMessageBytes,
            protoFile: "chord/v1/store.proto"
        )
    }
}
