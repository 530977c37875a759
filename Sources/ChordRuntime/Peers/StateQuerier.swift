// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire

/// Asks nodes for their states in any dialect. It keeps only the parts of the answers that pass
/// this node's checks.
struct StateQuerier: Sendable {
    let peers: PeerCalls
    /// The parameters of the ring. A joiner takes some of them over from the ring.
    private let ringParameters: @Sendable () -> RingParameters
    /// The ring's rule for places.
    let rule: PlaceRule
    /// The highest incarnation that is accepted for a node that others name.
    let latestIncarnation: @Sendable () -> UInt64
    /// Nodes that are already known and need not be hashed again.
    let known: @Sendable () -> [NodeReference]
    /// What the asked nodes can do.
    let capabilities = NeighbourCapabilities()
    private let places = PlacedNodes()
    /// Members that lookups go around at present.
    let silent: SilentPeers
    let hedges: HedgeBudget

    init(
        peers: PeerCalls,
        now: MonotonicTime,
        parameters: @escaping @Sendable () -> RingParameters,
        rule: PlaceRule,
        latestIncarnation: @escaping @Sendable () -> UInt64,
        known: @escaping @Sendable () -> [NodeReference]
    ) {
        self.peers = peers
        silent = SilentPeers(for: peers.limits.initial)
        hedges = HedgeBudget(at: now)
        ringParameters = parameters
        self.rule = rule
        self.latestIncarnation = latestIncarnation
        self.known = known
    }

    /// The parameters that all members of the ring share.
    var parameters: RingParameters { ringParameters() }

    /// Whether a node stands at one of the places that the ring's rule gives it: no node chooses its
    /// place freely.
    func isRightlyPlaced(_ node: NodeReference) -> Bool {
        places.contains(node) { rule.isPlaced(node, count: parameters.placements) }
    }

    /// A peer's list up to the first node at a wrong identifier, or with an incarnation too far in
    /// the future.
    func admissible(_ nodes: [NodeReference]) -> [NodeReference] {
        let latest = latestIncarnation()
        return Array(nodes.prefix { $0.incarnation <= latest && isRightlyPlaced($0) })
    }

    /// The nodes among those at their places that may be remembered: no incarnation too far in the future, and none
    /// of other implementations, which forward nothing.
    func learnable(_ nodes: [NodeReference]) -> [NodeReference] {
        let latest = latestIncarnation()
        return nodes.filter {
            $0.incarnation <= latest && !peers.dialects.isForeign($0.address)
        }
    }

    /// Asks a node for its state.
    ///
    /// - Parameter isCertain: asks a second time, over a new connection, before the verdict `dead`.
    ///   The first connection may have been idle for too long. Or the network failed for a moment,
    ///   and TCP then waits longer than the failure before it sends again.
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

    /// The same, also with the status of the call, which tells why a node did not answer.
    @discardableResult
    func ask(
        _ node: NodeReference,
        _ options: CallOptions,
        isCertain: Bool,
        on executor: any NodeExecutor,
        completion: @escaping @Sendable (StateAnswer, Status) -> Void
    ) -> PeerRequest {
        let question = options.claim.map { PeerOperation.claiming($0, .state) } ?? .state
        return peers.say(question, to: PeerTarget(node), in: parameters, options, on: executor) {
            said in
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
        silent.remove(node.id)
        do throws(WireError) {
            let parameters = parameters
            let answer = try said.dialect.state(of: node, from: said.answers, in: parameters)
            guard var state = answer?.state, isRightlyPlaced(state.node),
                isRightlyPlaced(state.predecessor),
                max(state.node.incarnation, state.predecessor.incarnation) <= latestIncarnation()
            else { return .notMember }
            if let said = answer?.capabilities {
                capabilities.record(said, of: state.node, known: known)
            }
            state.successors = admissible(state.successors)
            guard said.dialect.name != .native else { return .state(state) }
            // The certificate proves no name, so another program may answer at this address now. A
            // node in a changing ring can look like that for a moment, so the next query decides.
            guard said.result.peer?.proof != .host || state.isPlausible else { return .busy }
            return .state(recognised(state))
        } catch {
            return .notMember
        }
    }

    /// The state with known incarnations filled in. Other dialects have no incarnations, and a node
    /// must not have two different references in turn.
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
    /// Whether the answer can come from the intended node, in dialects that do not name the
    /// answering node. A node lies between the predecessor and the first successor in its answer;
    /// another program at the same address lies elsewhere.
    fileprivate var isPlausible: Bool {
        guard let head = successors.first, head.id != predecessor.id, head.id != node.id,
            predecessor.id != node.id
        else { return true }
        return node.id.isBetween(predecessor.id, and: head.id)
    }
}
