// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

public import ChordCore
import ChordRPC
import ChordWire

/// A member as seen by a walk around the ring.
public struct RingMember: Hashable, Sendable {
    /// The member.
    public var node: NodeReference
    /// Its predecessor, as the member reports it.
    public var predecessor: NodeReference
    /// Its successor list, as the member reports it.
    public var successors: [NodeReference]
    /// The fraction of the circle that it owns, 0 to 1.
    public var share: Double
    /// The round-trip time of a call to it, on an open connection.
    public var roundTrip: Duration
    /// Its dialect.
    public var dialect: DialectName
    /// Whether it cannot reach its first successor, while other members can.
    public var isHeadUnreached = false
}

/// A ring as seen by a walk along the successors.
public struct RingWalk: Sendable {
    /// The parameters of the ring.
    public var parameters: RingParameters
    /// The members in the order of the walk, which is clockwise.
    public var members: [RingMember]
    /// The differences from an ideal ring, one sentence each; empty if there are none.
    public var problems: [String]

    /// Whether every successor list is full and correct, and every predecessor is correct.
    public var isIdeal: Bool { problems.isEmpty }
}

extension RingClient {
    /// The largest number of members that a walk visits.
    private static let memberLimit = 100_000

    /// Walks around the ring along the successors. Nodes that do not answer are skipped.
    package func walk() async throws(ChordError) -> RingWalk {
        let contact = try await contact()
        var members: [RingMember] = []
        var problems: [String] = []
        var reasons: [ChordError.Reason] = []
        var seen: Set<Identifier> = []
        var candidates = [contact.state.node]
        while let next = candidates.first, members.count < Self.memberLimit {
            candidates.removeFirst()
            if seen.contains(next.id) {
                if next.id != members.first?.node.id {
                    problems.append("the walk came back to \(next.name) and not to its start")
                }
                candidates = []
                break
            }
            switch await look(at: next, contact) {
            case .success(let member):
                seen.insert(next.id)
                members.append(member)
                candidates = member.successors
            case .failure(let failure):
                reasons += ChordError.Reason.of(failure)
                problems.append(
                    "\(next.name) at \(next.address) does not answer: \(failure.message)"
                )
            }
        }
        guard !members.isEmpty else {
            throw ChordError(
                .noContact,
                problems.joined(separator: "; "),
                reasons: reasons
            )
        }
        problems += Self.irregularities(of: members, limit: contact.parameters.successorCount)
        return RingWalk(parameters: contact.parameters, members: members, problems: problems)
    }

    private func look(
        at node: NodeReference,
        _ contact: Contact
    ) async -> Result<RingMember, Status> {
        let parameters = contact.parameters
        func ask() async -> PeerResponse {
            await contact.peers.say(
                .state,
                to: PeerTarget(node),
                in: parameters,
                timeout: failureDetection.cap,
                on: executor
            )
        }
        let said = await ask()
        guard said.result.status.isOK else { return .failure(said.result.status) }
        let state: RingState
        do throws(WireError) {
            let answer = try said.dialect.state(of: node, from: said.answers, in: parameters)
            guard let answer else {
                return .failure(Status(.failedPrecondition, "it is not a member of this ring"))
            }
            state = answer.state
        } catch {
            return .failure(Status(.internalError, error.message))
        }
        // The connection is open now, so this call measures one round trip.
        let started = executor.now
        let second = await ask()
        guard second.result.status.isOK else { return .failure(second.result.status) }
        let alone = state.successors.first?.id == state.node.id
        return .success(
            RingMember(
                node: state.node,
                predecessor: state.predecessor,
                successors: alone ? [] : state.successors,
                share: parameters.space.fraction(from: state.predecessor.id, to: state.node.id),
                roundTrip: executor.now - started,
                dialect: said.dialect.name,
                isHeadUnreached: !alone
                    && said.dialect.isHeadUnreached(in: said.answers, in: parameters)
            )
        )
    }

    /// The differences between these members, in ring order, and an ideal ring of the same members.
    static func irregularities(of members: [RingMember], limit: Int) -> [String] {
        let count = members.count
        var problems: [String] = []
        for (index, member) in members.enumerated() {
            let before = members[(index + count - 1) % count].node
            if member.predecessor.id != before.id {
                problems.append(
                    "\(member.node.name) has \(member.predecessor.name) as predecessor, not "
                        + before.name
                )
            }
            let expected = (1..<max(1, min(limit + 1, count))).map {
                members[(index + $0) % count].node
            }
            // Lists of other implementations have their own length.
            let isRight =
                member.dialect == .native
                ? member.successors.map(\.id) == expected.map(\.id)
                : expected.isEmpty == member.successors.isEmpty
                    && zip(member.successors, expected).allSatisfy { $0.id == $1.id }
            if !isRight {
                problems.append(
                    "\(member.node.name) lists \(names(member.successors)), not \(names(expected))"
                )
            }
        }
        return problems
    }

    private static func names(_ nodes: [NodeReference]) -> String {
        nodes.isEmpty ? "nobody" : nodes.map(\.name).joined(separator: " ")
    }
}
