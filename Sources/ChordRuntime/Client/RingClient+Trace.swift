// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
import ChordRPC
import ChordWire

/// One step of an iterative lookup.
public struct LookupStep: Hashable, Sendable {
    /// The node that was asked.
    public var node: NodeReference
    /// How long its answer took, on a connection that was open already.
    public var roundTrip: Duration
    /// Why it gave no answer; nil when it did.
    public var failure: String?
}

/// An iterative lookup: the answer, and every node that was asked for it.
public struct LookupTrace: Hashable, Sendable {
    /// The answer.
    public var result: LookupResult
    /// The nodes asked, first to last, those included that gave no answer.
    public var steps: [LookupStep]
}

extension RingClient {
    /// Looks up an owner step by step from here: each node says whom to ask next.
    package func trace(_ subject: Subject) async throws(ChordError) -> LookupTrace {
        let contact = try await contact()
        let space = contact.parameters.space
        let id = try identifier(of: subject, in: contact.parameters)
        let deadline = executor.now + lookups.deadline
        let budget = LookupMachine.defaultHopBudget(width: space.width)
        var candidates = [contact.state.node]
        var steps: [LookupStep] = []
        var excluded: [Identifier] = []
        while let node = candidates.first, steps.count < budget, executor.now < deadline {
            candidates.removeFirst()
            let request = FindSuccessorRequest(
                id: id,
                hops: steps.count,
                iterative: true,
                excluded: excluded
            )
            // The connection is opened by a call of its own, so that one round trip is what is timed.
            var started = executor.now
            var result = await contact.peers.call(
                ChordMethods.getPredecessor,
                at: PeerTarget(node),
                message: GetPredecessorRequest().encoded(in: space),
                timeout: silence.cap,
                on: executor
            )
            if result.status.isOK {
                started = executor.now
                result = await contact.peers.call(
                    ChordMethods.findSuccessor,
                    at: PeerTarget(node),
                    message: request.encoded(in: space),
                    timeout: deadline - started,
                    on: executor
                )
            }
            var step = LookupStep(node: node, roundTrip: executor.now - started)
            let reply = Result {
                guard result.status.isOK else { throw result.status }
                return try FindSuccessorReply(decoding: result.message, space: space)
            }
            switch reply {
            case .failure(let error):
                step.failure = "\(error)"
                steps.append(step)
                excluded.append(node.id)
            case .success(let reply):
                steps.append(step)
                if let owner = reply.owner {
                    let answered = steps.filter { $0.failure == nil }.map(\.node)
                    return LookupTrace(
                        result: LookupResult(
                            id: id,
                            owner: owner,
                            successors: reply.successors,
                            answering: reply.answering,
                            hops: answered.count - 1,
                            path: answered
                        ),
                        steps: steps
                    )
                }
                // Nearer ones first; what is left of the former step stays as a way around.
                let closer = reply.closer.filter { next in
                    !excluded.contains(next.id) && !steps.contains { $0.node.id == next.id }
                }
                candidates =
                    closer
                    + candidates.filter { old in
                        !closer.contains { $0.id == old.id }
                    }
            }
        }
        let asked = steps.map { "\($0.node.name)\($0.failure.map { " (\($0))" } ?? "")" }
        throw ChordError(
            .lookupFailed,
            "no owner found; asked \(asked.joined(separator: ", "))"
        )
    }
}
