// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordRPC
import ChordTestSupport
import Foundation

/// The test service on a server of ours: what it is asked to do is in the call, so that one server
/// serves every case. Tests/Interop/server.py is its like on the other side.
///
/// - `Echo` answers with the message, and with all metadata that begins with `echo-` as trailers.
/// - `Fail` ends as the message, a `FailOrder`, says.
/// - `Wait` never answers.
///
/// A method more is a case of `TestMethod` and a handler in `router`.
final class TestService: Sendable {
    /// How the server is to fail.
    struct FailOrder: Codable, Sendable {
        var code: Int
        var message: String
        /// Whether it sends response headers first. Without, the answer is trailers only.
        var headers: Bool
        /// The content of the trailer `reason-bin`.
        var reason = Data([0, 255])
    }

    /// A call of `Wait`.
    struct Wait: Sendable {
        var hasDeadline: Bool
        /// Its caller has given it up, or its deadline has passed.
        var isCancelled = false
        /// Kept, because a dropped responder answers by itself.
        fileprivate var responder: Responder
    }

    private let waiting = Watched<[Wait]>([])

    /// The calls of `Wait` so far, in their order.
    var waits: [Wait] { waiting.withLockedValue { $0 } }

    /// Waits until every call of `Wait` was given up.
    func untilWaitsAreCancelled() async throws {
        try await waiting.until { $0.allSatisfy(\.isCancelled) }
    }

    /// Serves everybody with a certificate.
    var router: Router {
        var router = Router()
        router.register(TestMethod.echo) { request, call in
            let echoed = call.metadata.entries.filter { $0.name.hasPrefix("echo-") }
            call.makeResponder().succeed([UInt8](request), trailers: Metadata(echoed))
            return .deferred
        }
        router.register(TestMethod.fail) { request, call in
            guard let order = try? JSONDecoder().decode(FailOrder.self, from: Data(request)) else {
                return .failed(Status(.invalidArgument, "no order to fail"))
            }
            let responder = call.makeResponder()
            if order.headers { responder.accept() }
            responder.fail(
                Status(StatusCode(wire: order.code), order.message),
                trailers: [.init(name: "reason-bin", value: [UInt8](order.reason))]
            )
            return .deferred
        }
        router.register(TestMethod.wait) { [waiting] _, call in
            let responder = call.makeResponder()
            let wait = Wait(hasDeadline: call.deadline != nil, responder: responder)
            let index = waiting.withLockedValue { waits in
                waits.append(wait)
                return waits.count - 1
            }
            responder.onCancel { waiting.withLockedValue { $0[index].isCancelled = true } }
            return .deferred
        }
        return router
    }
}
