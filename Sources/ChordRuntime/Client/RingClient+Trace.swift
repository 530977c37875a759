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
        if let contact = kept.preferred {
            do throws(ChordError) {
                return try await trace(subject, from: contact)
            } catch {
                // It may have gone since.
                guard error.code == .lookupFailed else { throw error }
                kept.forget(contact.target.address)
            }
        }
        let contact = try await contact()
        kept.keep(contact)
        return try await trace(subject, from: contact)
    }

    private func trace(
        _ subject: Subject,
        from contact: Contact
    ) async throws(ChordError) -> LookupTrace {
        let space = contact.parameters.space
        let id = try identifier(of: subject, in: contact.parameters)
        let place = placement(in: contact.parameters)
        let check = place.map { place in
            AnswerCheck(of: id) { place($0.name, $0.address) == $0.id }
        }
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
            // The connection is opened by a call of its own, so that one round trip is what is timed; and
            // that call tells what the node speaks.
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
                // Nearer ones first; what is left of the former step stays as a way around.
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

    /// One step at a node of another make, as if it answered in our dialect: it knows no steps, but its list
    /// names the owner, or who is nearer to it.
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
        guard let state = answer ?? nil else {
            return ClientResult(
                status: Status(.failedPrecondition, "\(node.name) is no member of the ring")
            )
        }
        let reply = FindSuccessorReply(stepFor: id, of: state)
        var result = said.result
        result.message = reply.encoded(in: contact.parameters.space)
        return result
    }
}
