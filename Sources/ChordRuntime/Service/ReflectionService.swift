// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordWire

/// `grpc.reflection.v1`, for tools that have no .proto files.
struct ReflectionService: Sendable {
    static let name = "grpc.reflection.v1.ServerReflection"

    let executor: any NodeExecutor
    let reflection: Reflection

    init(executor: any NodeExecutor, services: Set<String>) {
        self.executor = executor
        reflection = Reflection(services: Array(services))
    }

    private static let method = RPCMethod(service: name, name: "ServerReflectionInfo")

    func register(in router: inout Router) {
        router.register(Self.method, on: executor) { stream throws(Status) in
            for try await request in stream.requests {
                let response: [UInt8]
                do throws(WireError) {
                    response = try reflection.answer(request)
                } catch {
                    throw Status(.invalidArgument, "\(error)")
                }
                try await stream.send(response)
            }
            return []
        }
    }
}
