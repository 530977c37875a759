// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordRuntime
import ChordWire
import NIOConcurrencyHelpers

/// Carries out the operations of a client: it calls the nodes that ``StoreRoute`` names until one of them has done
/// the operation, or its deadline has passed.
final class StoreClientCore: Sendable {
    let network: any StoreNetwork
    let limits: StoreClientLimits
    let state: NIOLockedValueBox<StoreClientState>

    init(network: any StoreNetwork, limits: StoreClientLimits) {
        self.network = network
        self.limits = limits
        state = NIOLockedValueBox(StoreClientState(limits))
    }

    var now: MonotonicTime { network.executor.now }

    /// What a range answered, and which node.
    struct Answered<Content: Sendable>: Sendable {
        var answer: WireRangeAnswer
        var content: Content
        var address: String
    }

    /// Where an operation goes, and until when it is tried.
    struct Aim: Sendable {
        var position: Identifier
        var space: IdentifierSpace
        var deadline: MonotonicTime
    }

    /// Runs an operation unless the client is closed.
    func run<Answer>(
        _ body: () async throws(StoreClientError) -> Answer
    ) async throws(StoreClientError) -> Answer {
        let result: Result<Answer, StoreClientError>
        do throws(ChordError) {
            result = try await network.whileOpen { () throws(ChordError) in
                do throws(StoreClientError) {
                    return .success(try await body())
                } catch {
                    return .failure(error)
                }
            }
        } catch {
            throw StoreClientError(error)
        }
        do throws(StoreClientError) {
            return try result.get()
        } catch {
            // The operation's own error is a result of the cancellation.
            guard Task.isCancelled else { throw error }
            throw StoreClientError(
                .cancelled,
                "the task was cancelled",
                mayHaveHappened: error.mayHaveHappened
            )
        }
    }

    /// The aim of an operation on a partition.
    func aim(
        at partition: [UInt8],
        _ timeout: Duration?
    ) async throws(StoreClientError) -> Aim {
        let deadline = now + (timeout ?? limits.deadline)
        let hash = try await keyHash()
        return Aim(
            position: hash.identifier(of: partition),
            space: hash.space,
            deadline: deadline
        )
    }

    func keyHash() async throws(StoreClientError) -> RingClient.KeyHash {
        if let hash = state.withLockedValue({ $0.hash }) { return hash }
        do throws(ChordError) {
            let hash = try await network.keyHash()
            state.withLockedValue { $0.hash = hash }
            return hash
        } catch {
            throw StoreClientError(error)
        }
    }

    // MARK: Attempts

    /// Sends a request until a node has answered it.
    ///
    /// - Throws: why no node has; for a write, whether one may have.
    func answer<Request: RoutedRequest>(
        to request: Request,
        _ aim: Aim
    ) async throws(StoreClientError) -> Answered<Request.Reply.Content> {
        let contacts = state.withLockedValue { $0.order(network.contacts) }
        var route = StoreRoute(
            to: aim.position,
            contacts: contacts,
            backoff: limits.retry...max(limits.retry, limits.retryCap)
        )
        var attempts = StoreAttempts(isWrite: request.isWrite)
        while true {
            if Task.isCancelled { throw attempts.cancelled }
            let now = now
            guard now < aim.deadline else { throw attempts.deadlinePassed }
            switch state.withLockedValue({ $0.next(&route, now: now) }) {
            case .ask(let question):
                let answered = try await ask(question, request, aim, &route, &attempts)
                if let answered { return answered }
            case .nobodyReached where attempts.areHopeless: throw attempts.nobodyReached
            case .wait where attempts.areWithoutStore: throw attempts.noStore
            case .wait(let wait), .nobodyReached(let wait):
                attempts.beginRound()
                await pause(wait, until: aim.deadline)
            }
        }
    }

    /// Asks one node.
    ///
    /// - Returns: nil if another node must be asked.
    private func ask<Request: RoutedRequest>(
        _ question: StoreRoute.Question,
        _ request: Request,
        _ aim: Aim,
        _ route: inout StoreRoute,
        _ attempts: inout StoreAttempts
    ) async throws(StoreClientError) -> Answered<Request.Reply.Content>? {
        var request = request
        request.route = question.route
        let address = question.target.address
        let result = await network.call(
            Request.method,
            at: question.target,
            request.encoded(in: aim.space),
            timeout: min(limits.attempt, aim.deadline - now)
        )
        guard result.status.isOK else {
            switch attempts.judge(result, at: address) {
            case .final(let error): throw error
            case .unreachable: miss(question, aim)
            case .unable:
                route.reachedSomebody()
                state.withLockedValue { state in
                    guard let leader = question.leader else { return }
                    state.ranges.forgetLeader(leader, at: aim.position)
                }
            }
            return nil
        }
        let outcome: WireOutcome<Request.Reply.Content>
        do throws(WireError) {
            outcome = try Request.Reply(decoding: result.message, space: aim.space).outcome
        } catch {
            throw attempts.invalidAnswer(at: address, error)
        }
        state.withLockedValue { $0.reached(question.target, among: network.contacts) }
        route.reachedSomebody()
        switch outcome {
        case .redirect(let hint):
            guard hint.descriptor.bounds.contains(aim.position) else {
                attempts.answered("it names a range that does not hold the key", at: address)
                return nil
            }
            attempts.answered("it names \(hint.leaderName) as the leader", at: address)
            state.withLockedValue { $0.ranges.learn(hint) }
            return nil
        case .answer(let answer, let content):
            let now = now
            state.withLockedValue { state in
                if let place = answer.place, place.descriptor.bounds.contains(aim.position) {
                    state.ranges.learn(place)
                }
                state.ranges.answered(answer, at: aim.position, now: now)
            }
            return Answered(answer: answer, content: content, address: address)
        }
    }

    private func miss(_ question: StoreRoute.Question, _ aim: Aim) {
        let now = now
        state.withLockedValue {
            $0.missed(question, at: aim.position, until: now + limits.avoidance, now: now)
        }
    }

    /// Waits, a quarter more or less so that clients do not ask in step, and not beyond the deadline.
    func pause(_ wait: Duration, until deadline: MonotonicTime) async {
        let executor = network.executor
        let share = 0.75 + Double(executor.random() % 1_000) / 2_000
        let duration = min(wait * share, deadline - now)
        await executor.answer(orWhenCancelled: ()) { completion in
            let timer = executor.schedule(after: duration) { completion(()) }
            return { timer.cancel() }
        }
    }
}

extension WireRangeHint {
    var leaderName: String {
        descriptor.replicas.first { $0.number == leader }?.node ?? "nobody"
    }
}
