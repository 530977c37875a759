// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTestSupport

extension HeldCalls {
    static let method = TestMethod.named("Hold")

    /// Answers `Echo` at once and `Hold` when the test says so.
    func router() -> Router {
        var router = Router()
        router.register(TestMethod.echo) { request, call in
            call.reply.append(contentsOf: request)
            return .replied
        }
        router.register(Self.method) { _, call in
            self.hold(call.makeResponder())
            return .deferred
        }
        return router
    }
}

extension ClientTransport {
    /// Whether an echo comes back.
    func isServed(at address: String, expecting name: String = "n1") async -> Bool {
        await call(TestMethod.echo, [7], at: address, expecting: ExpectedPeer(name: name)).message
            == [7]
    }
}
