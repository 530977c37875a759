// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire

// Checks of lookups. A node of another implementation is asked only harmless lookups: those that it
// answers from its own state, and one that crosses the ring if no member's list wraps around.

extension InteropProbe {
    /// A lookup and its expected owner.
    private struct Question {
        var subject: String
        var id: Identifier
        var owner: NodeReference
        /// Whether other members must answer; their fingers may name nodes that are gone.
        var isForwarded: Bool
    }

    func lookups(
        _ look: Look,
        _ state: RingState,
        _ around: Neighbourhood,
        _ dialect: any Dialect,
        _ parameters: RingParameters
    ) async -> [Judged] {
        guard let node = around.node else { return [] }
        let space = parameters.space
        let head = look.list.first ?? node
        var questions = [
            Question(
                subject: "owner of the identifier after its own",
                id: space.adding(node.id, powerOfTwo: 0),
                owner: head,
                isForwarded: false
            )
        ]
        if dialect.name == .native {
            questions.insert(
                Question(
                    subject: "owner of its own identifier",
                    id: node.id,
                    owner: node,
                    isForwarded: false
                ),
                at: 0
            )
        } else if mayCross(look, state, node, around, space) {
            questions.append(
                Question(
                    subject: "owner of the identifier before its own",
                    id: space.subtracting(node.id, Identifier(1)),
                    owner: node,
                    isForwarded: true
                )
            )
        }
        var judged: [Judged] = []
        for question in questions { judged.append(await ask(question, dialect, parameters)) }
        judged.append(await deadline(questions, dialect, parameters))
        return judged
    }

    /// Whether a lookup of the identifier before the node's own is harmless. The lists must not
    /// wrap around, and the predecessor must be alive and name the node first.
    private func mayCross(
        _ look: Look,
        _ state: RingState,
        _ node: NodeReference,
        _ around: Neighbourhood,
        _ space: IdentifierSpace
    ) -> Bool {
        let before = state.predecessor
        let isSmall = look.list.contains { $0.id == node.id || $0.id == before.id }
        let isAdjacent = before.id == space.subtracting(node.id, Identifier(1))
        return !around.isAlone && !isSmall && !isAdjacent && around.isNamedBefore
    }

    private func ask(
        _ question: Question,
        _ dialect: any Dialect,
        _ parameters: RingParameters
    ) async -> Judged {
        let target = PeerTarget(bootstrap: address)
        let statement = PeerOperation.owner(of: question.id)
        let (result, answers) = await say(statement, to: target, in: dialect, parameters)
        var found = "\(result.status)"
        var isRight = false
        if result.status.isOK {
            do throws(WireError) {
                let owner = try dialect.owner(from: answers, in: parameters)
                found = owner.name
                isRight = owner.id == question.owner.id
            } catch {
                return Judged(
                    question.subject,
                    expected: question.owner.name,
                    found: "\(error)",
                    .wrong
                )
            }
        }
        if !isRight, question.isForwarded {
            found += "; a finger on the path names a node that is gone, or the ring is changing"
        }
        return Judged(
            question.subject,
            expected: question.owner.name,
            found: found,
            isRight ? .asExpected : question.isForwarded ? .known : .wrong,
            mayPass: true
        )
    }

    /// Checks that the node obeys a short deadline, with the lookup that needs the most hops.
    private func deadline(
        _ questions: [Question],
        _ dialect: any Dialect,
        _ parameters: RingParameters
    ) async -> Judged {
        let started = executor.now
        let width = parameters.space.width
        let half = parameters.space.adding(.zero, powerOfTwo: width - 1)
        let id = dialect.name == .native ? half : questions.last?.id ?? half
        let limit = Duration.seconds(1)
        let (result, _) = await say(
            .owner(of: id),
            to: PeerTarget(bootstrap: address),
            in: dialect,
            parameters,
            timeout: limit
        )
        let milliseconds = (executor.now - started).clampedNanoseconds / 1_000_000
        let isAnswered = result.status.origin == .peer
        return Judged(
            "deadline of 1 s",
            expected: "an answer in time, at least DEADLINE_EXCEEDED",
            found: isAnswered
                ? "\(result.status.code) after \(milliseconds) ms" : "\(result.status)",
            isAnswered ? .asExpected : .wrong,
            mayPass: true
        )
    }
}
