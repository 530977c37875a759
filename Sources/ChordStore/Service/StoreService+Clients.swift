// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import ChordRuntime
import ChordWire

// The handlers of `chord.v1.StoreService`.

extension StoreService {
    var clientMethods: [ServiceMethod] {
        [
            routed(GetRequest.self), routed(PutRequest.self), routed(DeleteRequest.self),
            routed(TouchRequest.self), routed(BatchRequest.self), routed(ListRequest.self),
            routed(CountRequest.self), routed(SetReplicasRequest.self),
            routed(RaiseVersionsRequest.self), routed(ExportRequest.self),
            ServiceMethod(StoreMethods.watch, on: nil) { [self] stream throws(Status) in
                try await watch(stream)
                return []
            },
            method(StoreMethods.scan) { (server, request: ScanRequest, _, responder) in
                server.scan(request, responder)
            },
            method(StoreMethods.status) { (server, request: StoreStatusRequest, _, responder) in
                server.status(request, responder)
            },
        ]
    }

    private func watch(_ stream: ServerStream) async throws(Status) {
        guard let server = current else {
            throw Status(.unavailable, "the node has not started yet")
        }
        let request: StoreWatchRequest = try await stream.onlyRequest(in: server.space)
        let source = try await server.watch(request, by: stream.peer)
        while let message = try await source.nextMessage() { try await stream.send(message) }
    }

    private func routed<Request: RoutedRequest>(_: Request.Type) -> ServiceMethod {
        method(Request.method) { (server, request: Request, caller, responder) in
            RoutedCall(request, caller: caller, responder: responder, at: server).begin()
        }
    }
}
