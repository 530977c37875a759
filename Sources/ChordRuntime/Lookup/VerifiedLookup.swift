// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire

/// A ``VerifiedSearch`` with its calls. Verified lookups are rare, so it makes one call after the
/// other.
struct VerifiedLookup: Sendable {
    let peers: PeerCalls
    let parameters: RingParameters
    let executor: any NodeExecutor
    let limits: LookupLimits

    /// Follows the paths, then asks the named owners.
    ///
    /// - Throws: `lookupFailed` if no node confirmed that it owns the identifier.
    func run(
        _ search: VerifiedSearch,
        _ id: Identifier,
        timeout: Duration? = nil
    ) async throws(ChordError) -> LookupResult {
        var search = search
        let duration = timeout ?? limits.deadline
        let deadline = executor.now + duration
        // Paths with silent nodes must leave time to ask the owners.
        let endOfWays = executor.now + duration * limits.boundedAnswerShare
        var failures: [String] = []
        while executor.now < deadline, !Task.isCancelled {
            if executor.now >= endOfWays { search.endWays() }
            switch search.step() {
            case .ask(let node, let excluded):
                switch await ask(node, for: id, excluding: excluded, until: endOfWays) {
                case .success(let reply):
                    search.answered(
                        node,
                        owner: reply.owner,
                        answering: reply.answering,
                        closer: reply.closer
                    )
                case .failure(let status):
                    failures.append(status.told(by: "\(node)"))
                    search.failed(node)
                }
            case .confirm(let node):
                switch await state(of: node, until: deadline) {
                case .success(let state):
                    if let outcome = search.confirmed(node, state) { return result(id, outcome) }
                    failures.append("\(node) answers that it is not the owner")
                case .failure(let status):
                    failures.append(status.told(by: "\(node)"))
                    search.denied(node)
                }
            case .fail:
                throw ChordError(
                    .lookupFailed,
                    "no node confirmed that it owns the identifier"
                        + (failures.isEmpty ? "" : ": \(failures.joined(separator: "; "))")
                )
            }
        }
        throw ChordError(
            .deadlineExceeded,
            "no node confirmed in time that it owns the identifier"
                + (failures.isEmpty ? "" : ": \(failures.joined(separator: "; "))")
        )
    }

    /// The timeout of one call. Honest nodes answer at once, from their own state.
    private func timeout(until deadline: MonotonicTime) -> Duration {
        min(peers.limits.connect + peers.limits.maintenanceFloor, deadline - executor.now)
    }

    private func ask(
        _ node: NodeReference,
        for id: Identifier,
        excluding excluded: [Identifier],
        until deadline: MonotonicTime
    ) async -> Result<FindSuccessorReply, Status> {
        let space = parameters.space
        let request = FindSuccessorRequest(id: id, iterative: true, excluded: excluded)
        let result = await peers.call(
            ChordMethods.findSuccessor,
            at: PeerTarget(node),
            message: request.encoded(in: space),
            timeout: timeout(until: deadline),
            on: executor
        )
        let status = result.status
        if status.origin == .peer, status.code == .unimplemented, peers.dialects.hasForeign {
            // A node of another implementation has no step call. Its list names the owner, or
            // nearer nodes.
            return await state(of: node, until: deadline).map {
                FindSuccessorReply(stepFor: id, of: $0)
            }
        }
        guard status.isOK else { return .failure(status) }
        do throws(WireError) {
            return .success(try FindSuccessorReply(decoding: result.message, space: space))
        } catch {
            return .failure(Status(.internalError, "\(error)"))
        }
    }

    /// A node's state, from its own answer.
    private func state(
        of node: NodeReference,
        until deadline: MonotonicTime
    ) async -> Result<RingState, Status> {
        let said = await peers.say(
            .state,
            to: PeerTarget(node),
            in: parameters,
            timeout: timeout(until: deadline),
            on: executor
        )
        guard said.result.status.isOK else { return .failure(said.result.status) }
        let state: RingState?
        do throws(WireError) {
            state = try said.dialect.state(of: node, from: said.answers, in: parameters)?
                .state
        } catch {
            return .failure(Status(.internalError, "\(error)"))
        }
        return state.map { .success($0) }
            ?? .failure(Status(.failedPrecondition, "\(node.name) is not a member of the ring"))
    }

    private func result(_ id: Identifier, _ outcome: VerifiedSearch.Outcome) -> LookupResult {
        let owner = outcome.owner
        let following = owner.successors.filter { $0.id != owner.node.id }
        var result = LookupResult(
            id: id,
            owner: owner.node,
            successors: Array(following.prefix(parameters.successorCount - 1)),
            answering: owner.node,
            hops: outcome.path.count,
            path: outcome.path + (outcome.path.last?.id == owner.node.id ? [] : [owner.node])
        )
        result.verification = LookupVerification(
            ways: outcome.ways,
            agreeing: outcome.agreeing,
            refuted: outcome.refuted
        )
        return result
    }
}

extension FindSuccessorReply {
    /// The step of a node of another implementation, made from its state.
    init(stepFor id: Identifier, of state: RingState) {
        let node = state.node
        self.init(owner: nil, answering: node)
        if id == node.id || id.isIn(after: state.predecessor.id, through: node.id) {
            owner = node
            successors = state.successors
        } else if let next = state.successors.first(where: {
            id.isIn(after: node.id, through: $0.id)
        }) {
            owner = next
            successors = Array(state.successors.drop { $0.id != next.id }.dropFirst())
        } else {
            closer = state.successors.reversed()
        }
    }
}
