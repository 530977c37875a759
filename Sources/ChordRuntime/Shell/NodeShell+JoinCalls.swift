// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire
import NIOConcurrencyHelpers

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
                let answers = await lookUp([machine.node], through: address)
                switch answers[0] {
                case .after(let member, let successors):
                    return .place(member, successors: successors)
                case .taken: return .nameTaken
                case .failed(let error): return .failed(error)
                }
            case .lookUpPlaces(_, let address, let places):
                return .places(await lookUp(places, through: address))
            case .lookUpOwner(_, let address, let id):
                return .owner(try await lookUpOwner(of: id, through: address))
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
            case .raiseIncarnation, .adopt, .takePlace, .join, .create, .passOver, .retry,
                .awaitHead, .report, .finish, .spread,
                .giveUp:
                preconditionFailure("\(directive) asks nothing")
            }
        } catch {
            return .failed(JoinError(error))
        }
    }

    /// Looks up the members before places of this node through a contact, all of them together.
    private func lookUp(
        _ places: [NodeReference],
        through address: String
    ) async -> [JoinMachine.PlaceAnswer] {
        let answers = PlaceAnswers(count: places.count)
        let given = JoinError(.other, "this node does not join any more")
        return await executor.answer(
            orWhenCancelled: places.map { _ in .failed(given) }
        ) { [self] completion in
            let parameters = parameters
            let calls = places.enumerated().map { index, place in
                let request = FindSuccessorRequest(
                    id: place.id,
                    joiner: place,
                    parameters: parameters
                )
                return lookUp(request, through: address) { result in
                    let answer: JoinMachine.PlaceAnswer
                    switch result {
                    case .success(let reply):
                        answer = .after(reply.answering, successors: reply.answeringSuccessors)
                    case .failure(let error) where error.code == .nameTaken: answer = .taken
                    case .failure(let error): answer = .failed(JoinError(error))
                    }
                    if let all = answers.set(answer, at: index) { completion(all) }
                }
            }
            return { for call in calls { call.cancel() } }
        }
    }

    /// Looks up an owner through a contact, not as a joiner.
    private func lookUpOwner(
        of id: Identifier,
        through address: String
    ) async throws(ChordError) -> NodeReference? {
        let given = ChordError(.stopped, "this node does not join any more")
        let result = await executor.answer(
            orWhenCancelled: Result<FindSuccessorReply, ChordError>.failure(given)
        ) { [self] completion in
            let call = lookUp(FindSuccessorRequest(id: id), through: address, completion)
            return { call.cancel() }
        }
        return try result.get().owner
    }

    private nonisolated func lookUp(
        _ request: FindSuccessorRequest,
        through address: String,
        _ completion: @escaping @Sendable (Result<FindSuccessorReply, ChordError>) -> Void
    ) -> WatchedCall {
        let space = parameters.space
        return peers.call(
            ChordMethods.findSuccessor,
            at: PeerTarget(bootstrap: address),
            message: request.encoded(in: space),
            deadline: executor.now + configuration.lookups.deadline,
            floor: peers.limits.maintenanceFloor,
            on: executor
        ) { result in
            guard result.status.isOK else {
                return completion(.failure(ChordError(joining: result.status, at: address)))
            }
            do throws(WireError) {
                let reply = try FindSuccessorReply(decoding: result.message, space: space)
                completion(.success(reply))
            } catch {
                completion(
                    .failure(
                        ChordError(
                            .invalidAnswer,
                            "the answer of \(address) to a lookup",
                            cause: error
                        )
                    )
                )
            }
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
            state(of: node, isCertain: false) { answer, _ in completion(answer) }
            return {}
        }
    }

    /// A member's state, with the parameters of its ring.
    func memberReply(of target: PeerTarget) async throws(ChordError) -> GetSuccessorListReply {
        let parameters = parameters
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

/// The answers to lookups that were made together.
private final class PlaceAnswers: Sendable {
    private let answers: NIOLockedValueBox<[JoinMachine.PlaceAnswer?]>

    init(count: Int) {
        answers = NIOLockedValueBox(Array(repeating: nil, count: count))
    }

    /// - Returns: all answers, with the last of them.
    func set(
        _ answer: JoinMachine.PlaceAnswer,
        at index: Int
    ) -> [JoinMachine.PlaceAnswer]? {
        answers.withLockedValue { answers in
            answers[index] = answer
            return answers.contains { $0 == nil } ? nil : answers.compactMap { $0 }
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
