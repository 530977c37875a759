// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
package import ChordRPC

/// The methods of `grpc.health.v1.Health`.
package enum HealthMethods {
    package static let check = method("Check", .unary)
    package static let watch = method("Watch", .serverStreaming)

    private static func method(_ name: String, _ kind: RPCMethod.Kind) -> RPCMethod {
        RPCMethod(
            service: "grpc.health.v1.Health",
            name: name,
            kind: kind,
            callers: .everybody,
            maximumMessageBytes: 1 << 10,
            protoFile: "grpc/health/v1/health.proto"
        )
    }
}
