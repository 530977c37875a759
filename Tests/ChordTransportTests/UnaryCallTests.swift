// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import Testing

@testable import ChordTransport

@Suite("Unary calls over the network", .timeLimit(.minutes(1)))
struct UnaryCallTests {
    static var echo: Router {
        var router = TestMethod.router(["Echo"])
        router.register(TestMethod.echo) { request, call in
            call.reply.append(contentsOf: request)
            return .replied
        }
        return router
    }

    @Test func aMessageGoesThereAndBack() async throws {
        let certificates = try Certificates.get()
        try await TestNode.serving(Self.echo, as: certificates.n1) { _, address in
            try await TestNode.calling(as: certificates.n2) { client in
                let result = await client.call(TestMethod.echo, [1, 2, 3], at: address)
                #expect(result.status == .ok)
                #expect(result.message == [1, 2, 3])
                #expect(result.peer?.name == "n1")
            }
        }
    }
}
