// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire

/// Serves the contract of another implementation. Every call is answered within a bounded time,
/// because its nodes send no deadline and would wait for ever.
struct DialectService: NodeService {
    let dialect: any ForeignDialect
    let published: PublishedView
    let lookups: RecursiveLookup.Context
    let limits: LookupLimits
    let shell: NodeShell
    let statements: StatementBudget

    var methods: [ServiceMethod] {
        dialect.name.methods.map { method in
            ServiceMethod(method) { answer(method.name, $0, &$1) }
        }
    }

    private var parameters: RingParameters { shell.parameters }

    private func answer(
        _ method: String,
        _ bytes: UnsafeRawBufferPointer,
        _ call: inout ServerCall
    ) -> HandlerOutcome {
        do throws(WireError) {
            let question = try dialect.question(method, bytes, in: parameters)
            let view = published.current.view
            guard view.isMember else {
                // An error is sent instead of the empty reply that Concord nodes send here. An
                // empty reply is easily mistaken for an empty ring.
                return .failed(Status(.unknown, "not ready"))
            }
            switch question {
            case .state:
                call.reply += try dialect.encode(.state(view.state), to: method, in: parameters)
                return .replied
            case .notify(let candidate):
                if let refusal = shell.refusal(of: candidate, claimedBy: call.peer, as: "candidate")
                {
                    if refusal.code == .invalidArgument {
                        shell.enter { $0.misplaced(candidate) }
                    }
                    return .failed(refusal)
                }
                if let refusal = statements.refusal(of: call.peer, at: call.executor.now) {
                    return .failed(refusal)
                }
                shell.enter { $0.claimed(by: candidate, mustAnswer: true, responder: nil) }
                call.reply += try dialect.encode(.done, to: method, in: parameters)
                return .replied
            case .owner(let id):
                return findOwner(of: id, method, &call)
            }
        } catch {
            if error.code == .invalidIdentifier { reportWider(method, bytes, call.peer, error) }
            return .failed(Status(.invalidArgument, "\(error)"))
        }
    }

    /// Logs a call that has wider identifiers than the ring. If it names its node, so does the log.
    private func reportWider(
        _ method: String,
        _ bytes: UnsafeRawBufferPointer,
        _ peer: PeerIdentity,
        _ error: WireError
    ) {
        let question = try? dialect.question(method, bytes, in: dialect.widest(parameters))
        shell.enter { shell in
            if case .notify(let candidate) = question {
                shell.misplaced(candidate)
            } else {
                shell.misunderstood(peer, error)
            }
        }
    }

    private func findOwner(
        of id: Identifier,
        _ method: String,
        _ call: inout ServerCall
    ) -> HandlerOutcome {
        let executor = call.executor
        let longest = executor.now + limits.longestDeadline
        let deadline = min(call.deadline ?? executor.now + limits.deadline, longest)
        let responder = call.makeResponder()
        let (dialect, parameters) = (dialect, parameters)
        let lookup = ForeignOwnerLookup(
            id,
            context: lookups,
            limits: limits,
            deadline: deadline,
            executor: executor
        ) { result in
            switch result {
            case .failure(let status):
                // UNKNOWN is the only code that Concord's callers expect.
                responder.fail(Status(.unknown, status.description))
            case .success(let owner):
                do throws(WireError) {
                    responder.succeed(try dialect.encode(.owner(owner), to: method, in: parameters))
                } catch {
                    responder.fail(Status(.unknown, "\(error)"))
                }
            }
        }
        responder.onCancel { lookup.cancel() }
        lookup.start()
        return .deferred
    }
}

extension DialectName {
    /// The methods that are served in this dialect besides those of our own contract.
    var methods: [RPCMethod] {
        switch self {
        case .native: []
        case .concord: ConcordMethods.all
        }
    }
}

/// A lookup for a node of another implementation. The caller may be looking for its own place:
/// after a restart it asks for its own identifier, and a member that has not noticed its end may
/// still name it. An owner at exactly the requested identifier is therefore asked whether it is a
/// member, and is skipped if it is not.
///
/// `@unchecked Sendable`: every method runs on `executor`, which runs one thing at a time.
private final class ForeignOwnerLookup: @unchecked Sendable {
    private let id: Identifier
    private let context: RecursiveLookup.Context
    private let limits: LookupLimits
    private let deadline: MonotonicTime
    private let executor: any NodeExecutor
    private var completion: (@Sendable (Result<NodeReference, Status>) -> Void)?
    private var run: RecursiveLookup?

    init(
        _ id: Identifier,
        context: RecursiveLookup.Context,
        limits: LookupLimits,
        deadline: MonotonicTime,
        executor: any NodeExecutor,
        completion: @escaping @Sendable (Result<NodeReference, Status>) -> Void
    ) {
        self.id = id
        self.context = context
        self.limits = limits
        self.deadline = deadline
        self.executor = executor
        self.completion = completion
    }

    func start() {
        lookUp(joiner: nil) { [self] owner in
            let view = context.published.current.view
            guard owner.id == id, owner.id != view.node.id else { return finish(.success(owner)) }
            verify(owner)
        }
    }

    func cancel() {
        completion = nil
        run?.cancel()
    }

    private func lookUp(
        joiner: NodeReference?,
        _ found: @escaping @Sendable (NodeReference) -> Void
    ) {
        let width = context.states.parameters.space.width
        let machine = LookupMachine(
            target: id,
            joiner: joiner,
            hopBudget: limits.hopBudget ?? LookupMachine.defaultHopBudget(width: width),
            silent: joiner == nil ? context.silent.toGoAround(at: executor.now) : []
        )
        run = RecursiveLookup(
            machine,
            wantsPath: false,
            deadline: deadline,
            context: context,
            executor: executor
        ) { [self] result, _ in
            run = nil
            switch result {
            case .failure(let status):
                // The joiner has become a member in the meantime.
                if let joiner, status.code == .alreadyExists { return finish(.success(joiner)) }
                finish(.failure(status))
            case .success(let reply):
                guard let owner = reply.owner else {
                    return finish(.failure(Status(.internalError, "the lookup named no owner")))
                }
                found(owner)
            }
        }
        run?.start()
    }

    private func verify(_ owner: NodeReference) {
        let failureDetection = context.peers.limits
        let options = CallOptions(
            deadline: min(deadline, executor.now + failureDetection.cap),
            floor: failureDetection.maintenanceFloor
        )
        context.states.ask(owner, options, isCertain: true, on: executor) { [self] answer in
            guard completion != nil else { return }
            switch answer {
            case .state, .busy, .unreached: finish(.success(owner))
            case .dead, .notMember:
                lookUp(joiner: owner) { [self] next in finish(.success(next)) }
            }
        }
    }

    private func finish(_ result: Result<NodeReference, Status>) {
        let completion = completion.take()
        completion?(result)
    }
}
