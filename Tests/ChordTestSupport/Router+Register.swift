// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordIdentity
package import ChordRPC

// Routers of tests grow method by method, and many of their methods are nothing but a name.

extension Router {
    /// Adds a unary method.
    package mutating func register(_ method: RPCMethod, _ handler: @escaping UnaryHandler) {
        add(ServiceMethod(method, handler))
    }

    /// Adds a method of streams.
    package mutating func register(
        _ method: RPCMethod,
        on executor: (any NodeExecutor)?,
        stream handler: @escaping StreamHandler
    ) {
        add(ServiceMethod(method, on: executor, stream: handler))
    }

    /// Adds a unary method that a task answers.
    package mutating func register(
        _ method: RPCMethod,
        on executor: any NodeExecutor,
        task handler:
            @escaping @Sendable ([UInt8], PeerIdentity) async throws(Status) -> [UInt8]
    ) {
        add(ServiceMethod(method, on: executor, task: handler))
    }
}

extension RPCMethod {
    /// A method of a test's service, of which only the name matters: everybody may call it, with long
    /// messages.
    package init(
        test name: String,
        of service: String,
        callers: Roles = .everybody,
        maximumMessageBytes: Int = 4 << 20,
        priority: Priority = .ordinary
    ) {
        self.init(
            service: service,
            name: name,
            kind: .bidirectional,
            callers: callers,
            maximumMessageBytes: maximumMessageBytes,
            priority: priority
        )
    }
}
