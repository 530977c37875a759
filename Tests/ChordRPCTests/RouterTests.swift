// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordIdentity
import ChordTestSupport
import Testing

@testable import ChordRPC

@Suite("Routing", .tags(.unit))
struct RouterTests {
    private let executor = ManualExecutor()

    private static func method(_ name: String, callers: Roles = [.nodes, .clients]) -> RPCMethod {
        RPCMethod(service: "test.Service", name: name, callers: callers)
    }

    private func find(_ router: Router, _ path: String) -> Router.Route? {
        Array(path.utf8).withUnsafeBytes { router.route(path: $0) }
    }

    private func dispatch(
        _ router: Router,
        _ path: String,
        as role: Role
    ) throws -> (HandlerOutcome, [UInt8]) {
        let route = try #require(find(router, path))
        var call = ServerCall(
            deadline: nil,
            metadata: [],
            reply: [1],
            context: ServerCallContext(
                peer: .member("n2", role),
                executor: executor,
                sink: RecordingSink()
            ),
            stream: 1
        )
        let outcome = [UInt8]([9]).withUnsafeBytes {
            router.dispatch(route, request: $0, call: &call)
        }
        return (outcome, call.reply)
    }

    @Test func onlyTheExactPathFindsTheHandler() throws {
        let router = Router(
            ["One", "Two"].map { name in
                ServiceMethod(Self.method(name)) { request, call in
                    call.reply.append(contentsOf: Array(name.utf8) + request)
                    return .replied
                }
            }
        )
        #expect(router.methods.map(\.name) == ["One", "Two"])
        for path in [
            "", "/", "/test.Service/Three", "/test.Service/one", "/test.Service/One/", "One",
        ] {
            #expect(find(router, path) == nil)
        }
        // Earlier bytes of the reply belong to the transport and stay.
        let (outcome, reply) = try dispatch(router, "/test.Service/Two", as: .client)
        #expect(reply == [1] + Array("Two".utf8) + [9])
        guard case .replied = outcome else {
            Issue.record("the outcome is \(outcome)")
            return
        }
    }

    @Test func authorizationIsCheckedBeforeTheHandlerRuns() throws {
        let router = Router([
            ServiceMethod(Self.method("One")) { _, _ in
                Issue.record("the handler ran")
                return .replied
            }
        ])
        guard case .failed(let denied) = try dispatch(router, "/test.Service/One", as: .admin).0
        else {
            Issue.record("a call was let through")
            return
        }
        #expect(denied.code == .permissionDenied)
        #expect(denied.message.contains("its role is admin"))
    }

    @Test func longPathIsShortenedInTheMessage() {
        let path = [UInt8](repeating: 0x61, count: 10_000)
        let status = path.withUnsafeBytes { Router.unimplemented(path: $0) }
        #expect(status.code == .unimplemented)
        #expect(status.message.utf8.count < 300)
    }
}
