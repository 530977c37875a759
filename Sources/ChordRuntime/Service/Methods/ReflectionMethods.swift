// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
package import ChordRPC

/// The methods of reflection, in version v1 and its predecessor v1alpha. Both have the same
/// messages, and many tools still use v1alpha.
package enum ReflectionMethods {
    package static let v1 = method(version: "v1")
    package static let v1alpha = method(version: "v1alpha")

    private static func method(version: String) -> RPCMethod {
        RPCMethod(
            service: "grpc.reflection.\(version).ServerReflection",
            name: "ServerReflectionInfo",
            kind: .bidirectional,
            callers: .everybody,
            maximumMessageBytes: 8 << 10,
            protoFile: "grpc/reflection/\(version)/reflection.proto"
        )
    }
}
