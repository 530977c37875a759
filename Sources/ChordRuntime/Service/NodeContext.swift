// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
import ChordHash
public import ChordRPC

/// The node that a service belongs to.
public struct NodeContext: Sendable {
    let shell: NodeShell

    init(_ shell: NodeShell) {
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
