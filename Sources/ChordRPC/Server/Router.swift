// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity

/// Finds the handler of a call, and the roles that may make it. It is made from the methods of a
/// server's services; everything that a call needs is prepared when the router is made.
package struct Router: Sendable {
    /// A method with its handler. A class, because every call carries one.
    package final class Route: Sendable {
        package let method: RPCMethod
        package let handler: ServiceMethod.Handler
        /// Its place among the router's methods.
        package let number: Int
        /// Asked of every call, and cheaper than looking into `handler`.
        package let isStream: Bool
        /// Whether an authority is asked about every call.
        fileprivate let needsPermission: Bool
        /// The handler of a unary call, without an enumeration and without reference counting.
        fileprivate let answer: UnaryHandler
        let path: [UInt8]

        init(_ served: ServiceMethod, number: Int) {
            method = served.method
            handler = served.handler
            self.number = number
            path = Array(method.path.utf8)
            needsPermission = !method.rule.permissions.isEmpty
            switch served.handler {
            case .unary(let handler):
                isStream = false
                answer = handler
            case .stream:
                isStream = true
                let status = Status(
                    .unimplemented,
                    "\(method) takes streams, which do not come this way"
                )
                answer = { _, _ in .failed(status) }
            }
        }
    }

    private var routes: [Route] = []
    /// Decides beyond roles; nil if roles decide alone.
    private let authority: (any CallAuthority)?

    /// A router of these methods. Of two with one path the first is called.
    package init(_ methods: [ServiceMethod] = [], authority: (any CallAuthority)? = nil) {
        self.authority = authority
        for method in methods { add(method) }
    }

    /// The methods, in the order in which they were given.
    package var methods: [RPCMethod] { routes.map(\.method) }

    /// Adds a method behind the others.
    package mutating func add(_ method: ServiceMethod) {
        routes.append(Route(method, number: routes.count))
    }

    /// The route of the method with the bytes of `path`; nil if there is none.
    package func route(path: UnsafeRawBufferPointer) -> Route? {
        // A node has a dozen methods: comparing lengths first is cheaper than hashing the path.
        for route in routes where route.path.count == path.count {
            if route.path.withUnsafeBytes({ $0.isEqual(to: path) }) { return route }
        }
        return nil
    }

    /// Answers a unary call whose route was found, if its caller may make it.
    package func dispatch(
        _ route: Route,
        request: UnsafeRawBufferPointer,
        call: inout ServerCall
    ) -> HandlerOutcome {
        if authority != nil && route.needsPermission
            || !route.method.callers.contains(call.context.role)
        {
            if let refusal = refusal(of: route, to: call.peer) { return .failed(refusal) }
        }
        return route.answer(request, &call)
    }

    /// The reason why `peer` may not make calls of `route`; nil if it may.
    package func refusal(of route: Route, to peer: PeerIdentity) -> Status? {
        guard !route.method.callers.contains(peer.role) else {
            return route.needsPermission ? authority?.refusal(of: route.method, to: peer) : nil
        }
        authority?.refusedByRole(route.method, peer)
        return Status(
            .permissionDenied,
            "\(route.method) is not open to \(peer): its role is \(peer.role)"
        )
    }

    /// The status of a call to a method without a handler.
    package static func unimplemented(path: UnsafeRawBufferPointer) -> Status {
        let shown = String(decoding: path.prefix(200), as: UTF8.self)
        return Status(.unimplemented, "this node has no method \(shown)")
    }
}
