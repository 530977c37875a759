// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
import ChordHash
public import ChordRPC
package import Logging

/// The node that a service belongs to.
public struct NodeContext: Sendable {
    let shell: NodeShell

    package init(_ shell: NodeShell) {
        self.shell = shell
    }

    /// The node's own reference.
    public var reference: NodeReference { shell.view.node }

    /// The parameters that all members of the ring share.
    public var parameters: RingParameters { shell.parameters }

    /// What this node and its neighbours can do, for services that neighbours have a part in.
    package var neighbourCapabilities: Capabilities { shell.neighbourCapabilities }

    /// The executor on which the service learns of changes. Actors of the service can use it as
    /// their own.
    public var unownedExecutor: UnownedSerialExecutor { shell.unownedExecutor }

    /// The identifier of a key in this ring.
    public func identifier(of key: [UInt8]) -> Identifier {
        shell.configuration.hash.identifier(of: key, in: parameters.space)
    }

    /// Looks up the owner of an identifier.
    ///
    /// - Parameter timeout: how long the lookup may take; nil stands for the configured deadline.
    /// - Throws: `ChordError` with `notMember`, `lookupFailed` or `deadlineExceeded`.
    public func lookup(
        _ id: Identifier,
        timeout: Duration? = nil
    ) async throws(ChordError) -> LookupResult {
        try await shell.lookup(id, timeout: timeout, wantsPath: false)
    }

    /// Calls a unary method of another node. That node's certificate must prove the name in its
    /// reference.
    ///
    /// - Throws: the ``Status`` of the call if it is not OK.
    public func call(
        _ method: RPCMethod,
        of node: NodeReference,
        _ request: [UInt8],
        timeout: Duration
    ) async throws(Status) -> [UInt8] {
        let result = await shell.peers.call(
            method,
            at: PeerTarget(node),
            message: request,
            timeout: timeout,
            on: shell.executor
        )
        guard result.status.isOK else { throw result.status }
        return result.message
    }
}

// MARK: - For services of this package

extension NodeContext {
    /// The executor of the node, its clock and its randomness.
    package var executor: any NodeExecutor { shell.executor }

    /// The transport of calls to peers, for services that judge silence by themselves.
    package var transport: any ClientTransport { shell.peers.transport }

    package var logger: Logger { shell.logger }

    /// Decides who may do what beyond roles; nil if roles decide alone.
    package var accessControl: AccessControl? { shell.configuration.accessControl }

    /// The ring's rule for the identifiers of keys.
    package var keyHash: RingClient.KeyHash {
        RingClient.KeyHash(shell.configuration.hash, in: parameters.space)
    }

    /// Calls of a client inside the node. They do not count for the ring's judgement of its members.
    package func makePeers() -> PeerCalls {
        PeerCalls(transport: transport, limits: shell.configuration.failureDetection)
    }

    /// Whether this node makes the first range of its ring's store. Set before the node is a member.
    package var givesBirthToStore: Bool { shell.assumeIsolated { $0.givesBirthToStore } }

    /// The node's place as last published. It can be read from any thread.
    package var view: RoutingView { shell.view }

    /// Asks a node for itself and its neighbours; nil without an answer of a member.
    package func state(of node: NodeReference, timeout: Duration) async -> RingState? {
        let shell = shell
        let executor = shell.executor
        let answer = await executor.answer(orWhenCancelled: StateAnswer.busy) { completion in
            let options = CallOptions(
                deadline: executor.now + timeout,
                floor: shell.configuration.failureDetection.maintenanceFloor
            )
            let request = shell.states.ask(
                node,
                options,
                isCertain: false,
                on: executor,
                completion: completion
            )
            return { request.cancel() }
        }
        guard case .state(let state) = answer else { return nil }
        return state
    }
}
