// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire

// The calls of a joining node.

extension NodeShell {
    /// Makes the call that a directive asks for. A failed call also counts as an answer.
    func answer(to directive: JoinDirective) async -> JoinMachine.Answer {
        do throws(ChordError) {
            switch directive {
            case .askContact(_, let address):
                let contact = PeerTarget(bootstrap: address)
                if let said = await foreignState(of: contact) {
                    return .members(try namedMembers(by: contact, said))
                }
                let reply = try await memberReply(of: contact)
                return .member(reply.state, reply.parameters)
            case .askHolder(_, let node): return .state(await stateAnswer(of: node), reason: "")
            case .lookUpPlace(_, let address):
                let reply: FindSuccessorReply
                do throws(ChordError) {
                    reply = try await lookUpPlace(as: machine.node, through: address)
                } catch {
                    guard error.code == .nameTaken else { throw error }
                    return .nameTaken
                }
                return .place(reply.answering, successors: reply.answeringSuccessors)
            case .lookUpOwner(_, let address):
                return .owner(try await lookUpPlace(as: nil, through: address).owner)
            case .searchPlace(_, let members):
                let reply = try await searchPlace(among: members)
                return .place(reply.answering, successors: reply.answeringSuccessors)
            case .reachHead(_, let head): return await reachAnswer(of: head)
            case .askMember(_, let member):
                guard !peers.dialects.hasForeign else {
                    return .state(await stateAnswer(of: member), reason: "")
                }
                let reply = try await memberReply(of: PeerTarget(member))
                return .member(reply.state, reply.parameters)
            case .raiseIncarnation, .join, .create, .passOver, .retry, .awaitHead, .report, .finish,
                .giveUp:
                preconditionFailure("\(directive) asks nothing")
            }
        } catch {
            return .failed(JoinError(error))
        }
    }

    /// Looks up this node's identifier through a contact.
    ///
    /// - Parameter joiner: this node, if it searches for its place and not for the owner.
    private func lookUpPlace(
        as joiner: NodeReference?,
        through address: String
    ) async throws(ChordError) -> FindSuccessorReply {
        let space = configuration.parameters.space
        let request = FindSuccessorRequest(
            id: machine.node.id,
            joiner: joiner,
            parameters: joiner == nil ? nil : configuration.parameters
        )
        let result = await peers.call(
            ChordMethods.findSuccessor,
            at: PeerTarget(bootstrap: address),
            message: request.encoded(in: space),
            timeout: configuration.lookups.deadline,
            on: executor
        )
        guard result.status.isOK else { throw ChordError(joining: result.status, at: address) }
        do throws(WireError) {
            return try FindSuccessorReply(decoding: result.message, space: space)
        } catch {
            throw ChordError(.invalidAnswer, "the answer of \(address) to a lookup", cause: error)
        }
    }

    /// Asks the node after this node's place for its state. A silent node is asked twice, as in
    /// maintenance.
    private func reachAnswer(of head: NodeReference) async -> JoinMachine.Answer {
        await withCheckedContinuation { continuation in
            let failureDetection = configuration.failureDetection
            let options = CallOptions(
                deadline: executor.now + failureDetection.cap + failureDetection.connect,
                floor: failureDetection.maintenanceFloor
            )
            states.ask(head, options, isCertain: true, on: executor) { answer, status in
                continuation.resume(returning: .state(answer, reason: status.message))
            }
        }
    }

    func stateAnswer(of node: NodeReference) async -> StateAnswer {
        await executor.answer(orWhenCancelled: .busy) { [self] completion in
            state(of: node, isCertain: false, completion: completion)
            return {}
        }
    }

    /// A member's state, with the parameters of its ring.
    func memberReply(of target: PeerTarget) async throws(ChordError) -> GetSuccessorListReply {
        let parameters = configuration.parameters
        let request = GetSuccessorListRequest(parameters: nil, capabilities: .own)
        let result = await peers.call(
            ChordMethods.getSuccessorList,
            at: target,
            message: request.encoded(in: parameters.space),
            timeout: configuration.failureDetection.cap,
            on: executor
        )
        guard result.status.isOK else {
            throw ChordError(
                joining: result.status,
                at: target.address,
                isOwnName: result.peer?.proof == .spiffe && result.peer?.name == configuration.name
            )
        }
        do throws(WireError) {
            return try GetSuccessorListReply(decoding: result.message, space: parameters.space)
        } catch {
            guard error.code == .widthDiffers else {
                throw ChordError(
                    .invalidAnswer,
                    "cannot join through \(target.address)",
                    cause: error
                )
            }
            throw ChordError(
                .parametersDiffer,
                "cannot join the ring of \(target.address): \(error.message)"
            )
        }
    }
}

extension ChordError {
    /// - Parameter isOwnName: whether the answering node's certificate has this node's own name.
    init(joining status: Status, at address: String, isOwnName: Bool = false) {
        switch (status.origin, status.code) {
        case (.peer, .failedPrecondition) where isOwnName:
            self.init(
                .notMember,
                "\(address) is not a member, and has this node's name: it is this node itself, or another "
                    + "one with the same certificate"
            )
        case (.peer, .failedPrecondition), (.peer, .aborted):
            self.init(.notMember, "\(address) answers, but is not a member yet: \(status.message)")
        case (.peer, .alreadyExists):
            self.init(.nameTaken, "cannot join through \(address): \(status.message)")
        case (.peer, .permissionDenied), (.peer, .unauthenticated), (.peer, .invalidArgument):
            self.init(.refused, "\(address) does not let this node join: \(status.message)")
        case (.peer, .unimplemented):
            self.init(
                .noContact,
                Self.speaksAnother(address),
                reasons: [.otherImplementation]
            )
        default:
            self.init(.noContact, status.told(by: address), reasons: Reason.of(status))
        }
    }

    /// The message about a node of another implementation whose dialect is unknown or not enabled.
    static func speaksAnother(_ address: String) -> String {
        "\(address) does not serve chord.v1: it is not a node of this implementation"
    }
}
