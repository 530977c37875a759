// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordWire

/// gRPC server reflection, for tools that have no .proto files.
struct ReflectionService: NodeService {
    let executor: any NodeExecutor
    let reflection: Reflection

    var methods: [ServiceMethod] {
        [ReflectionMethods.v1, ReflectionMethods.v1alpha].map { method in
            ServiceMethod(method, on: executor) { stream throws(Status) in
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
}
