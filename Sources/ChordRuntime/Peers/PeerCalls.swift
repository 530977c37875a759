// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordHash
import ChordIdentity
package import ChordRPC
import ChordWire

/// Calls to peers, and the verdicts about them: alive, member, dead.
package final class PeerCalls: Sendable {
    let transport: any ClientTransport
    let limits: FailureDetection
    let times: RoundTripTimes
    let dialects: PeerDialects
    /// Why peers were found dead.
    let failures = PeerFailures()

    package init(
        transport: any ClientTransport,
        limits: FailureDetection,
        dialects: Set<DialectName> = []
    ) {
        self.transport = transport
        self.limits = limits
        self.dialects = PeerDialects(dialects)
        times = RoundTripTimes(limits: limits)
    }

    /// Calls a node that is known by name.
    ///
    /// - Parameter connectLimit: how long connecting may take; nil stands for the limit of
    ///   maintenance.
    @discardableResult
    func call(
        _ method: RPCMethod,
        of node: NodeReference,
        message: [UInt8],
        deadline: MonotonicTime,
        floor: Duration,
        connectLimit: Duration? = nil,
        hedge: (@Sendable () -> Void)? = nil,
        on executor: any NodeExecutor,
        completion: @escaping @Sendable (ClientResult) -> Void
    ) -> WatchedCall {
        call(
            method,
            at: PeerTarget(node),
            message: message,
            deadline: deadline,
            floor: floor,
            connectLimit: connectLimit,
            hedge: hedge,
            on: executor,
            completion: completion
        )
    }

    /// Calls the node that `target` describes.
    ///
    /// - Parameters:
    ///   - isSecondTry: opens a new connection. Connecting and calling get the timeout of an
    ///     unknown peer.
    ///   - patience: the peer timeout for peers that give no sign before their answer.
    ///   - hedge: called once if the peer is silent for longer than usual, and not yet for too long.
    @discardableResult
    func call(
        _ method: RPCMethod,
        at target: PeerTarget,
        message: [UInt8],
        deadline: MonotonicTime,
        floor: Duration,
        connectLimit: Duration? = nil,
        isSecondTry: Bool = false,
        patience: Duration? = nil,
        hedge: (@Sendable () -> Void)? = nil,
        on executor: any NodeExecutor,
        completion: @escaping @Sendable (ClientResult) -> Void
    ) -> WatchedCall {
        let call = WatchedCall(
            peers: self,
            executor: executor,
            address: target.address,
            floor: isSecondTry ? limits.initial : floor,
            connectLimit: isSecondTry ? limits.initial : connectLimit ?? limits.connect,
            patience: patience,
            hedge: hedge,
            completion: completion
        )
        call.start(
            ClientCall(
                target: target,
                method: method,
                message: message,
                deadline: deadline,
                wantsNewConnection: isSecondTry
            )
        )
        return call
    }

    /// Makes a call and waits for its result. It serves joining, leaving and clients; lookups use
    /// the callbacks. Cancelling the task ends the call with the status `cancelled`.
    package func call(
        _ method: RPCMethod,
        at target: PeerTarget,
        message: [UInt8],
        timeout: Duration,
        floor: Duration? = nil,
        connectLimit: Duration? = nil,
        on executor: any NodeExecutor
    ) async -> ClientResult {
        await executor.answer(orWhenCancelled: .cancelled) { [self] completion in
            let call = call(
                method,
                at: target,
                message: message,
                deadline: executor.now + timeout,
                floor: floor ?? limits.maintenanceFloor,
                connectLimit: connectLimit,
                on: executor,
                completion: completion
            )
            return { call.cancel() }
        }
    }
}

extension PeerTarget {
    /// The target of a reference: the node's name if certificates prove names, else its host.
    package init(_ node: NodeReference) {
        self.init(
            address: node.address,
            expected: ExpectedPeer(name: node.name, host: NetworkAddress.host(of: node.address))
        )
    }

    /// Any node at an address, if its certificate is valid for the address's host.
    package init(bootstrap address: String) {
        self.init(address: address, expected: ExpectedPeer(host: NetworkAddress.host(of: address)))
    }
}
