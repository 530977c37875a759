// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordWire

/// `grpc.reflection.v1`, for tools that have no .proto files, and `v1alpha`, its former name, which has the
/// same messages and which many of them still ask.
struct ReflectionService: Sendable {
    static let name = "grpc.reflection.v1.ServerReflection"
    static let names = [name, "grpc.reflection.v1alpha.ServerReflection"]

    let executor: any NodeExecutor
    let reflection: Reflection

    init(executor: any NodeExecutor, services: Set<String>) {
        self.executor = executor
        reflection = Reflection(services: Array(services))
    }

    func register(in router: inout Router) {
        for name in Self.names {
            register(RPCMethod(service: name, name: "ServerReflectionInfo"), in: &router)
        }
    }

    private func register(_ method: RPCMethod, in router: inout Router) {
        router.register(method, on: executor) { stream throws(Status) in
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
