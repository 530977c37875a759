// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore
import ChordHash
import ChordIdentity
package import ChordRPC
import ChordWire

/// The calls to peers, with their verdicts: alive, a member, dead.
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
    /// - Parameter connectLimit: how long a connection may take to come about; nil stands for the limit
    ///   of maintenance.
    @discardableResult
    func call(
        _ method: RPCMethod,
        of node: NodeReference,
        message: [UInt8],
        deadline: MonotonicTime,
        floor: Duration,
        connectLimit: Duration? = nil,
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
            on: executor,
            completion: completion
        )
    }

    /// Calls the node that `target` describes.
    ///
    /// - Parameters:
    ///   - isSecondTry: dials anew, and allows for both the time of a peer that is not known yet.
    ///   - patience: the silence allowed, where the peer gives no sign before its answer.
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

    /// Calls and waits. For joining, leaving and clients; lookups under way use the callbacks. Cancelling
    /// the task ends the call, with the status `cancelled`.
    func call(
        _ method: RPCMethod,
        at target: PeerTarget,
        message: [UInt8],
        timeout: Duration,
        on executor: any NodeExecutor
    ) async -> ClientResult {
        await executor.answer(orWhenCancelled: .cancelled) { [self] completion in
            let call = call(
                method,
                at: target,
                message: message,
                deadline: executor.now + timeout,
                floor: limits.maintenanceFloor,
                on: executor,
                completion: completion
            )
            return { call.cancel() }
        }
    }
}

extension PeerTarget {
    /// The node that a reference means: its name where certificates prove names, its host elsewhere.
    package init(_ node: NodeReference) {
        self.init(
            address: node.address,
            expected: ExpectedPeer(name: node.name, host: NetworkAddress.host(of: node.address))
        )
    }

    /// Whatever node listens at an address, if its certificate holds for the address's host.
    package init(bootstrap address: String) {
        self.init(address: address, expected: ExpectedPeer(host: NetworkAddress.host(of: address)))
    }
}
