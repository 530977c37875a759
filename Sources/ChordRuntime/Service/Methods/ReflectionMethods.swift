// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
package import ChordRPC

/// The methods of reflection: version 1, and v1alpha, its former name, which has the same messages and which
/// many tools still ask.
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
