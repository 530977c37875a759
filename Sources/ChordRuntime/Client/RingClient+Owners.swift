// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire
import NIOConcurrencyHelpers

// Lookups that go to the owner itself. A client that has looked up an identifier knows the range of its owner, and the
// ranges of the members after the owner. A node that does not own the identifier any more looks it up, so an outdated
// owner costs a call. An answer in which an owner names itself does not make its entry younger, so a contact is asked
// again when the entry has reached its age.

extension RingClient {
    /// Asks the owner that an earlier answer has named.
    ///
    /// - Returns: no answer if none is known, or it does not answer as the ring's members do; the contacts are asked
    ///   then.
    func askOwner(of subject: Subject) async -> (wasAsked: Bool, answer: LookupResult?) {
        guard let contact = kept.preferred,
            let id = try? identifier(of: subject, in: contact.parameters),
            let owner = owners.owner(of: id, at: executor.now)
        else { return (false, nil) }
        let contactAsOwner = Contact(
            target: PeerTarget(owner),
            state: RingState(node: owner, predecessor: owner, successors: [owner]),
            parameters: contact.parameters,
            peers: contact.peers
        )
        // The contacts can be asked too, so an owner that the client cannot reach must not cost much time.
        let result = await ask(
            contactAsOwner,
            FindSuccessorRequest(
                id: id,
                receiver: contact.parameters.placements > 1 ? owner.id : nil
            ),
            timeout: lookups.deadline * (1 - lookups.boundedAnswerShare),
            silence: failureDetection.initial
        )
        guard !Task.isCancelled else { return (true, nil) }
        guard let answer = try? checked(result, id, from: contactAsOwner) else {
            owners.failed(owner, at: executor.now)
            return (true, nil)
        }
        owners.succeeded()
        if answer.owner.id != owner.id { owners.learn(from: answer, at: executor.now) }
        return (true, answer)
    }
}

/// The owners that a client knows.
///
/// Where a client reaches the contacts and not the other members, as behind a load balancer, asking owners would cost
/// a failed call for each lookup. After a few failures in a row it pauses.
final class KnownOwners: Sendable {
    private struct Failures {
        var inARow = 0
        var pausedUntil: MonotonicTime?
    }

    private static let failureLimit = 3
    private static let pause: Duration = .seconds(60)

    private let members: KnownMembers
    private let failures = NIOLockedValueBox(Failures())

    init(_ limits: MemberCache.Limits) {
        members = KnownMembers(limits)
    }

    /// Takes the owner and the members after it from an answer, if its places were checked.
    func learn(from answer: LookupResult, at now: MonotonicTime) {
        guard answer.arePlacesChecked else { return }
        members.learnOwners(from: answer, at: now)
    }

    /// The member to ask; nil if none is known, or in a pause.
    func owner(of id: Identifier, at now: MonotonicTime) -> NodeReference? {
        let isPaused = failures.withLockedValue { $0.pausedUntil.map { now < $0 } ?? false }
        return isPaused ? nil : members.owner(of: id, at: now)
    }

    func succeeded() {
        failures.withLockedValue { $0 = Failures() }
    }

    func failed(_ node: NodeReference, at now: MonotonicTime) {
        members.doubt(node.id, at: now)
        failures.withLockedValue { failures in
            failures.inARow += 1
            guard failures.inARow >= Self.failureLimit else { return }
            failures = Failures(pausedUntil: now + Self.pause)
        }
    }
}
