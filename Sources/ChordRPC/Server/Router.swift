// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity

/// Answers a unary call on the connection's executor, or takes a responder and answers later. The
/// request is valid during the run only.
package typealias UnaryHandler =
    @Sendable (_ request: UnsafeRawBufferPointer, _ call: inout ServerCall) -> HandlerOutcome

/// Answers a unary call from a task on the node's executor: for rare calls.
package typealias AsyncHandler =
    @Sendable (_ request: [UInt8], _ peer: PeerIdentity) async throws(Status) -> [UInt8]

/// Which handler answers which method, and who may call it. Immutable once a server runs.
package struct Router: Sendable {
    /// A method with its handler. A class, because every call carries one.
    package final class Route: Sendable {
        /// How the method's messages travel, and what answers them.
        package enum Kind: Sendable {
            /// One request, one answer.
            case unary(UnaryHandler)
            /// Messages both ways, one after the other, and a task that takes and gives them: on the
            /// executor, or on the connection's where there is none.
            case stream(StreamHandler, on: (any NodeExecutor)?)
        }

        package let method: RPCMethod
        /// The longest message that a caller may send, in bytes, decompressed; nil for what the server's
        /// configuration says.
        package let maximumMessageSize: Int?
        package let kind: Kind
        /// Asked of every call, and cheaper than looking into `kind`.
        package let isStream: Bool
        /// What answers a unary call: the handler, without a look into `kind` and a reference counted.
        fileprivate let answer: UnaryHandler
        let path: [UInt8]
        /// Who may call it, asked of the table once and not per call; nil where the table does not
        /// know the method, which then counts as not there.
        let admittedRoles: Set<Role>?
        private let nodes: Bool
        private let clients: Bool
        private let admins: Bool

        init(
            _ method: RPCMethod,
            _ kind: Kind,
            maximumMessageSize: Int?,
            admitting roles: Set<Role>?
        ) {
            self.method = method
            self.maximumMessageSize = maximumMessageSize
            self.kind = kind
            switch kind {
            case .unary(let handler):
                isStream = false
                answer = handler
            case .stream:
                isStream = true
                answer = { _, _ in
                    .failed(
                        Status(
                            .unimplemented,
                            "\(method) takes streams, which do not come this way"
                        )
                    )
                }
            }
            path = Array(method.path.utf8)
            admittedRoles = roles
            nodes = roles?.contains(.node) ?? false
            clients = roles?.contains(.client) ?? false
            admins = roles?.contains(.admin) ?? false
        }

        /// Whether a peer of this role may call; a method that the table does not know admits nobody.
        func admits(_ role: Role) -> Bool {
            switch role {
            case .node: nodes
            case .client: clients
            case .admin: admins
            }
        }
    }

    private var routes: [Route] = []
    private let authorization: AuthorizationTable
    private let maximumMessageSize: Int?

    /// - Parameter maximumMessageSize: The longest message, in bytes, that methods take which are
    ///   registered without a limit of their own; nil for what the server's configuration says.
    package init(
        authorization: AuthorizationTable = .standard,
        maximumMessageSize: Int? = nil
    ) {
        self.authorization = authorization
        self.maximumMessageSize = maximumMessageSize
    }

    /// The methods that have a handler, in the order of their registration.
    package var methods: [RPCMethod] { routes.map(\.method) }

    /// Registers `handler` for `method`. A later one for the same method replaces the former.
    ///
    /// - Parameter maximumMessageSize: The longest request, in bytes; nil for the router's limit.
    package mutating func register(
        _ method: RPCMethod,
        maximumMessageSize: Int? = nil,
        _ handler: @escaping UnaryHandler
    ) {
        add(method, .unary(handler), maximumMessageSize)
    }

    private mutating func add(_ method: RPCMethod, _ kind: Route.Kind, _ maximumMessageSize: Int?) {
        routes.removeAll { $0.method == method }
        let roles = authorization.roles(admittedTo: method.path)
        routes.append(
            Route(
                method,
                kind,
                maximumMessageSize: maximumMessageSize ?? self.maximumMessageSize,
                admitting: roles
            )
        )
    }

    /// Registers a handler for calls with streams of messages, of the client, the server or both. It
    /// runs as a task on `executor`; without one, on that of the call's connection, which spares a hop
    /// for each message.
    package mutating func register(
        _ method: RPCMethod,
        on executor: (any NodeExecutor)?,
        maximumMessageSize: Int? = nil,
        stream handler: @escaping StreamHandler
    ) {
        add(method, .stream(handler, on: executor), maximumMessageSize)
    }

    /// Registers a handler that runs as a task on `executor`. Its calls are accepted before it runs.
    package mutating func register(
        _ method: RPCMethod,
        on executor: any NodeExecutor,
        maximumMessageSize: Int? = nil,
        async handler: @escaping AsyncHandler
    ) {
        register(method, maximumMessageSize: maximumMessageSize) { request, call in
            let bytes = [UInt8](request)
            let peer = call.peer
            let responder = call.makeResponder()
            // Who waits for an answer that takes its time need not fear for the node.
            responder.accept()
            let task = Task(executorPreference: executor) {
                do throws(Status) {
                    responder.succeed(try await handler(bytes, peer))
                } catch {
                    responder.fail(error)
                }
            }
            responder.onCancel { task.cancel() }
            return .deferred
        }
    }

    /// The route whose method has the bytes of `path`; nil where there is none.
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
        guard route.admits(call.context.role) else {
            return .failed(refusal(of: route, to: call.peer) ?? Status(.permissionDenied))
        }
        return route.answer(request, &call)
    }

    /// Why `peer` may not make calls of `route`; nil where it may.
    package func refusal(of route: Route, to peer: PeerIdentity) -> Status? {
        guard let roles = route.admittedRoles else {
            return route.path.withUnsafeBytes { Self.unimplemented(path: $0) }
        }
        guard roles.contains(peer.role) else {
            return Status(
                .permissionDenied,
                "\(route.method) is not open to \(peer): its role is \(peer.role)"
            )
        }
        return nil
    }

    /// What a call to a method without a handler is answered with.
    package static func unimplemented(path: UnsafeRawBufferPointer) -> Status {
        let shown = String(decoding: path.prefix(200), as: UTF8.self)
        return Status(.unimplemented, "this node has no method \(shown)")
    }
}
