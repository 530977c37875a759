// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire

/// `grpc.health.v1`. All services are SERVING while the node is a member. They are NOT_SERVING
/// before it has joined and as soon as it begins to leave.
struct HealthService: NodeService {
    let shell: NodeShell
    /// The full names of the node's services.
    let services: Set<String>

    var methods: [ServiceMethod] {
        [
            ServiceMethod(HealthMethods.check) { check($0, &$1) },
            ServiceMethod(HealthMethods.watch, on: shell.executor) { stream throws(Status) in
                try await watch(stream)
                return []
            },
        ]
    }

    private var space: IdentifierSpace { shell.parameters.space }

    private func isKnown(_ service: String) -> Bool {
        service.isEmpty || services.contains(service)
    }

    private static func response(_ isMember: Bool) -> HealthCheckResponse {
        HealthCheckResponse(status: isMember ? .serving : .notServing)
    }

    private func check(
        _ bytes: UnsafeRawBufferPointer,
        _ call: inout ServerCall
    ) -> HandlerOutcome {
        do throws(WireError) {
            let request = try HealthCheckRequest(decoding: bytes, space: space)
            guard isKnown(request.service) else {
                return .failed(
                    Status(.notFound, "this node has no service \(request.service)")
                )
            }
            Self.response(shell.view.isMember).encode(appendingTo: &call.reply, space: space)
            return .replied
        } catch {
            return .failed(Status(.invalidArgument, "\(error)"))
        }
    }

    private func watch(_ stream: ServerStream) async throws(Status) {
        let request: HealthCheckRequest = try await stream.onlyRequest(in: space)
        guard isKnown(request.service) else {
            // The protocol requires that the call stays open, in case the service appears later.
            let unknown = HealthCheckResponse(status: .serviceUnknown)
            try await stream.send(unknown.encoded(in: space))
            for await _ in shell.membership.events() {}
            throw shell.hasEnded
        }
        // The subscription precedes the snapshot, so that no change between the two is missed.
        let changes = shell.membership.events()
        var last = shell.view.isMember
        try await stream.send(Self.response(last).encoded(in: space))
        for await isMember in changes where isMember != last {
            last = isMember
            try await stream.send(Self.response(isMember).encoded(in: space))
        }
        throw shell.hasEnded
    }
}
