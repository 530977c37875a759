// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordIdentity
import ChordRPC
import ChordRuntime

/// The network between whole nodes: its processes, and the messages in flight, held or lost.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class NodeNetwork: @unchecked Sendable {
    /// A message on a held link.
    private struct Held {
        let from: Int
        let to: Int
        let call: Call
        let arrival: @Sendable () -> Void
    }

    /// The caller and the receiver of a call.
    struct Call {
        let caller: Int
        let called: Int
    }

    let scheduler: SimulationScheduler
    var links = SimulatedNetwork()
    var settings: Scenario.Network
    /// The present incarnation of each node, by number; nil if the node never existed.
    private(set) var nodes: [SimulatedNode?] = []
    /// Whether a member's state was sent since this flag was last read.
    var hasNewAnswers = false
    var messages = 0
    var lost = 0
    /// The number of ended calls, for the trace.
    private(set) var callCount: UInt64 = 0
    private var generator: SeededGenerator
    private var held: [Held] = []

    init(scheduler: SimulationScheduler, settings: Scenario.Network, seed: UInt64) {
        self.scheduler = scheduler
        self.settings = settings
        generator = SeededGenerator(seed: seed ^ 0x6E65_7477_6F72_6B73)
    }

    // MARK: Nodes

    func node(_ number: Int) -> SimulatedNode? {
        nodes.indices.contains(number) ? nodes[number] : nil
    }

    func add(_ node: SimulatedNode) {
        while nodes.count <= node.number { nodes.append(nil) }
        nodes[node.number] = node
    }

    func nextCall() -> UInt64 {
        callCount += 1
        return callCount
    }

    // MARK: Messages

    /// Sends a message; `arrival` runs when it arrives, unless it is lost.
    ///
    /// - Parameter notBefore: the arrival time of the previous message on the same stream, whose
    ///   order is kept.
    /// - Returns: the arrival time; nil if the message is lost or held.
    @discardableResult
    func transmit(
        from: Int,
        to: Int,
        of call: Call,
        notBefore: Int64 = 0,
        _ arrival: @escaping @Sendable () -> Void
    ) -> Int64? {
        messages += 1
        if links.isBlocked(from: from, to: to)
            || links.isFirewalled(caller: call.caller, called: call.called)
            || settings.loss > 0 && generator.chance(settings.loss)
        {
            lost += 1
            return nil
        }
        if links.isHeld(from: from, to: to) {
            held.append(Held(from: from, to: to, call: call, arrival: arrival))
            return nil
        }
        return deliver(from: from, to: to, of: call, notBefore: notBefore, arrival)
    }

    private func deliver(
        from: Int,
        to: Int,
        of call: Call,
        notBefore: Int64,
        _ arrival: @escaping @Sendable () -> Void
    ) -> Int64 {
        let delay = settings.delay.sample(using: &generator)
        let due = max(scheduler.now + delay, notBefore)
        scheduler.hash.mix(UInt64(from) << 32 | UInt64(to))
        scheduler.hash.mix(due)
        scheduler.schedule(at: due, for: nil) { [self] in
            // A partition also drops messages in flight.
            if links.isBlocked(from: from, to: to)
                || links.isFirewalled(caller: call.caller, called: call.called)
            {
                lost += 1
            } else {
                arrival()
            }
        }
        return due
    }

    /// Delivers the messages of links that are no longer held.
    func releaseHeld() {
        let waiting = held
        held = []
        for message in waiting {
            if links.isHeld(from: message.from, to: message.to) {
                held.append(message)
            } else {
                _ = deliver(
                    from: message.from,
                    to: message.to,
                    of: message.call,
                    notBefore: 0,
                    message.arrival
                )
            }
        }
    }

    func removeAll() {
        held = []
        nodes = []
    }

    // MARK: Processes

    /// A process has ended. If its machine is still up, its connections break; otherwise nothing
    /// tells its peers.
    func ended(_ node: SimulatedNode) {
        guard settings.refusesWhenDown else { return }
        for case let peer? in nodes where peer.isUp && peer.connections[node.number] == node.life {
            let call = Call(caller: peer.number, called: node.number)
            transmit(from: node.number, to: peer.number, of: call) { [self] in
                connectionBroke(of: peer, to: node)
            }
        }
        for case let peer? in nodes where peer.isUp && node.connections[peer.number] == peer.life {
            let call = Call(caller: node.number, called: peer.number)
            let identity = node.identity
            transmit(from: node.number, to: peer.number, of: call) {
                peer.executor.execute {
                    guard peer.isUp else { return }
                    peer.shell.callerLost(identity)
                }
            }
        }
    }

    private func connectionBroke(of peer: SimulatedNode, to node: SimulatedNode) {
        guard peer.isUp, peer.connections[node.number] == node.life else { return }
        peer.connections[node.number] = nil
        peer.executor.execute {
            for key in peer.calls.keys.sorted() {
                peer.calls[key]?.connectionBroke(to: node.number, life: node.life)
            }
            peer.shell.connectionLost(to: SimulatedNode.address(node.number))
        }
    }
}

/// The transport of one incarnation of a node.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class SimulatedTransport: ClientTransport, @unchecked Sendable {
    private let network: NodeNetwork
    private let number: Int

    init(network: NodeNetwork, number: Int) {
        self.network = network
        self.number = number
    }

    /// The simulated network has no dial backoff.
    func resetBackoff(of address: String) {}

    func start(
        _ call: ClientCall,
        on executor: any NodeExecutor,
        observer: any ClientCallObserver
    ) -> any ClientCallHandle {
        guard let caller = network.node(number), caller.executor === executor else {
            preconditionFailure("n\(number) calls from an executor that is not its own")
        }
        let running = SimulatedCall(
            call,
            number: network.nextCall(),
            caller: caller,
            network: network,
            observer: observer
        )
        running.start()
        return running
    }
}
