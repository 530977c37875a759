// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "Does this service serve?" of `grpc.health.v1`.
package struct HealthCheckRequest: WireMessage, Hashable {
    /// The service's full name; empty stands for the whole server.
    package var service: String

    /// A request from its part.
    package init(service: String) {
        self.service = service
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "HealthCheckRequest"
        self = try withUnpacked(name, bytes, grpc__health__v1__health_check_request__unpack) {
            message throws(WireError) in
            HealthCheckRequest(
                service: try message.service.text(
                    WireLimits.serviceNameBytes,
                    FieldPath(message: name, field: "service")
                )
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Grpc__Health__V1__HealthCheckRequest()
        grpc__health__v1__health_check_request__init(&message)
        message.service = arena.text(service)
        arena.pack(&message, appendingTo: &output)
    }
}

/// The answer of Check, and each of Watch.
package struct HealthCheckResponse: WireMessage, Hashable {
    /// Whether a service serves.
    package enum Serving: Hashable, Sendable, CaseIterable {
        case unknown, serving, notServing
        /// Of Watch only: there is no such service, so far.
        case serviceUnknown
    }

    package var status: Serving

    /// A response from its part.
    package init(status: Serving) {
        self.status = status
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        self = try withUnpacked(
            "HealthCheckResponse",
            bytes,
            grpc__health__v1__health_check_response__unpack
        ) { message throws(WireError) in
            HealthCheckResponse(
                status: Serving.allCases.first { $0.number == message.status } ?? .unknown
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Grpc__Health__V1__HealthCheckResponse()
        grpc__health__v1__health_check_response__init(&message)
        message.status = status.number
        arena.pack(&message, appendingTo: &output)
    }
}

extension HealthCheckResponse.Serving {
    fileprivate var number: Grpc__Health__V1__HealthCheckResponse__ServingStatus {
        switch self {
        case .unknown: GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__UNKNOWN
        case .serving: GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
        case .notServing: GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING
        case .serviceUnknown:
            GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN
        }
    }
}
