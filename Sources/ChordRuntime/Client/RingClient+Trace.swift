// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
import ChordRPC
import ChordWire

/// One step of an iterative lookup.
public struct LookupStep: Hashable, Sendable {
    /// The node of this step.
    public var node: NodeReference
    /// The round-trip time of its answer, on a connection that was already open.
    public var roundTrip: Duration
    /// Why the node gave no answer; nil if it did.
    public var failure: String?
}

/// An iterative lookup: its result and every node that was asked.
public struct LookupTrace: Hashable, Sendable {
    /// The result of the lookup.
    public var result: LookupResult
    /// The nodes in the order in which they were asked, including those without an answer.
    public var steps: [LookupStep]
}

extension RingClient {
    /// Looks up an owner iteratively: each node names the next one to ask.
    ///
    /// - Parameter most: the most nodes to ask; nil for what a ring of this width can need.
    package func trace(
        _ subject: Subject,
        asking most: Int? = nil
    ) async throws(ChordError) -> LookupTrace {
        if let contact = kept.preferred {
            do throws(ChordError) {
                return try await trace(subject, from: contact, asking: most)
            } catch {
                // The node may have left the ring since.
                guard error.code == .lookupFailed else { throw error }
                kept.forget(contact.target.address)
            }
        }
        let contact = try await contact()
        kept.keep(contact)
        return try await trace(subject, from: contact, asking: most)
    }

    private func trace(
        _ subject: Subject,
        from contact: Contact,
        asking most: Int?
    ) async throws(ChordError) -> LookupTrace {
        let space = contact.parameters.space
        let id = try identifier(of: subject, in: contact.parameters)
        let check = placement(in: contact.parameters).map { AnswerCheck(of: id, isPlaced: $0) }
        let deadline = executor.now + lookups.deadline
        let budget = most ?? LookupMachine.defaultHopBudget(width: space.width)
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
            // A call of its own opens the connection, so that the measured time is one round trip.
            // The same call shows the node's dialect.
            var started = executor.now
            let opened = await contact.peers.say(
                .state,
                to: PeerTarget(node),
                in: contact.parameters,
                timeout: failureDetection.cap,
                on: executor
            )
            var result = opened.result
            if result.status.isOK {
                started = executor.now
                if opened.dialect.name == .native {
                    result = await contact.peers.call(
                        ChordMethods.findSuccessor,
                        at: PeerTarget(node),
                        message: request.encoded(in: space),
                        timeout: deadline - started,
                        on: executor
                    )
                } else {
                    result = await step(at: node, for: id, contact)
                }
            }
            var step = LookupStep(node: node, roundTrip: executor.now - started)
            let reply = Result {
                guard result.status.isOK else { throw result.status }
                let reply = try FindSuccessorReply(decoding: result.message, space: space)
                let objection = reply.owner.flatMap {
                    check?.objection(owner: $0, answering: reply.answering)
                }
                if let objection { throw objection }
                return reply
            }
            switch reply {
            case .failure(let error):
                step.failure = Self.text(of: error)
                steps.append(step)
                excluded.append(node.id)
            case .success(let reply):
                steps.append(step)
                if let owner = reply.owner {
                    let answered = steps.filter { $0.failure == nil }.map(\.node)
                    var result = LookupResult(
                        id: id,
                        owner: owner,
                        successors: check?.placed(reply.successors) ?? reply.successors,
                        answering: reply.answering,
                        hops: answered.count - 1,
                        path: answered
                    )
                    result.arePlacesChecked = check != nil
                    return LookupTrace(result: result, steps: steps)
                }
                // Nearer nodes come first. The rest of the previous step remains as an alternative.
                let nearer = check?.nearer(reply.closer, than: node.id) ?? reply.closer
                let closer = nearer.filter { next in
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

    private static func text(of error: any Error) -> String {
        switch error {
        case let error as Status: error.message
        case let error as WireError: error.message
        default: "\(error)"
        }
    }

    /// Converts a node of another implementation to one step. Such a node has no step call, but its
    /// list names the owner, or nodes nearer to it.
    private func step(
        at node: NodeReference,
        for id: Identifier,
        _ contact: Contact
    ) async -> ClientResult {
        let said = await contact.peers.say(
            .state,
            to: PeerTarget(node),
            in: contact.parameters,
            timeout: failureDetection.cap,
            on: executor
        )
        guard said.result.status.isOK else { return said.result }
        let answer = try? said.dialect.state(of: node, from: said.answers, in: contact.parameters)
        guard let state = (answer ?? nil)?.state else {
            return ClientResult(
                status: Status(.failedPrecondition, "\(node.name) is not a member of the ring")
            )
        }
        let reply = FindSuccessorReply(stepFor: id, of: state)
        var result = said.result
        result.message = reply.encoded(in: contact.parameters.space)
        return result
    }
}
