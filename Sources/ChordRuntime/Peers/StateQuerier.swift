// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire

/// Asks nodes for their states, in whatever dialect they speak, and takes from the answers only what
/// passes this node's own checks.
struct StateQuerier: Sendable {
    let peers: PeerCalls
    let parameters: RingParameters
    /// Where the ring's rule puts a node.
    let place: @Sendable (_ name: String, _ address: String) -> Identifier
    /// The highest incarnation that is believed of a node that others name.
    let latestIncarnation: @Sendable () -> UInt64
    /// The nodes that are known already: they are not hashed again.
    let known: @Sendable () -> [NodeReference]
    private let places = PlacedNodes()

    init(
        peers: PeerCalls,
        parameters: RingParameters,
        place: @escaping @Sendable (_ name: String, _ address: String) -> Identifier,
        latestIncarnation: @escaping @Sendable () -> UInt64,
        known: @escaping @Sendable () -> [NodeReference]
    ) {
        self.peers = peers
        self.parameters = parameters
        self.place = place
        self.latestIncarnation = latestIncarnation
        self.known = known
    }

    /// Whether a node stands where the ring's rule puts it: no node chooses its place.
    func isRightlyPlaced(_ node: NodeReference) -> Bool {
        places.contains(node) { place(node.name, node.address) == node.id }
    }

    /// The beginning of a peer's list up to the first node that does not stand where it must, or whose
    /// incarnation lies too far in the future.
    func admissible(_ nodes: [NodeReference]) -> [NodeReference] {
        let latest = latestIncarnation()
        return Array(nodes.prefix { $0.incarnation <= latest && isRightlyPlaced($0) })
    }

    /// Asks a node for its state.
    ///
    /// - Parameter isCertain: asks a second time, over a new connection, before the verdict of death. The
    ///   old one may have been idle too long; or the network was away for a moment, and TCP waits for
    ///   longer than it was away before it sends again.
    @discardableResult
    func ask(
        _ node: NodeReference,
        _ options: CallOptions,
        isCertain: Bool,
        on executor: any NodeExecutor,
        completion: @escaping @Sendable (StateAnswer) -> Void
    ) -> PeerRequest {
        ask(node, options, isCertain: isCertain, on: executor) { answer, _ in completion(answer) }
    }

    /// The same, with how the call ended: why a node did not answer.
    @discardableResult
    func ask(
        _ node: NodeReference,
        _ options: CallOptions,
        isCertain: Bool,
        on executor: any NodeExecutor,
        completion: @escaping @Sendable (StateAnswer, Status) -> Void
    ) -> PeerRequest {
        peers.say(.state, to: PeerTarget(node), in: parameters, options, on: executor) { said in
            let answer = answer(of: node, said)
            let status = said.result.status
            let isBroken = status.origin == .transport && said.result.peer != nil
            if case .dead = answer, isCertain, !options.isSecondTry,
                isBroken || status.origin == .silence
            {
                var again = options
                again.isSecondTry = true
                again.deadline = max(options.deadline, executor.now + peers.limits.initial * 2)
                ask(node, again, isCertain: false, on: executor, completion: completion)
                return
            }
            completion(answer, status)
        }
    }

    private func answer(of node: NodeReference, _ said: PeerResponse) -> StateAnswer {
        let status = said.result.status
        guard status.isOK else {
            switch PeerLiveness(status) {
            case .dead:
                peers.failures.record(status, of: node.address)
                return .dead
            case .notMember: return .notMember
            case .alive, .unknown: return .busy
            }
        }
        do throws(WireError) {
            guard
                var state = try said.dialect.state(of: node, from: said.answers, in: parameters),
                isRightlyPlaced(state.node), isRightlyPlaced(state.predecessor),
                max(state.node.incarnation, state.predecessor.incarnation) <= latestIncarnation()
            else { return .notMember }
            state.successors = admissible(state.successors)
            guard said.dialect.name != .native else { return .state(state) }
            // Where the certificate has no name, another program may listen there by now. The next question
            // tells: in a ring that moves a node may look like that for a moment.
            guard said.result.peer?.proof != .host || state.isPlausible else { return .busy }
            return .state(recognised(state))
        } catch {
            return .notMember
        }
    }

    /// Other dialects do not name incarnations. A known incarnation is kept, so that one node does not go by
    /// two references in turn.
    private func recognised(_ state: RingState) -> RingState {
        let known = known()
        func better(_ node: NodeReference) -> NodeReference {
            known.first {
                $0.id == node.id && $0.name == node.name && $0.address == node.address
            } ?? node
        }
        return RingState(
            node: better(state.node),
            predecessor: better(state.predecessor),
            successors: state.successors.map(better)
        )
    }
}

extension RingState {
    /// Whether a node that does not say who it is can be the one that was asked: a node stands between the
    /// predecessor and the first successor that it names. Another program that listens at its address by
    /// now stands between others.
    fileprivate var isPlausible: Bool {
        guard let head = successors.first, head.id != predecessor.id, head.id != node.id,
            predecessor.id != node.id
        else { return true }
        return node.id.isBetween(predecessor.id, and: head.id)
    }
}
