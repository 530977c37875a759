// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordIdentity
import ChordRPC
import ChordRuntime
import ChordWire

/// One call on its way to the leader of its range: answered here, passed on once, or sent elsewhere.
///
/// While the range has no leader, or nobody has found it, the call waits and tries again, until shortly before
/// its caller's deadline. Then the caller is told what was missing, and whether a write may have happened.
///
/// Unchecked: confined to the executor of the node.
final class RoutedCall<Request: RoutedRequest>: @unchecked Sendable {
    private let server: StoreServer
    private var request: Request
    private let caller: StoreCaller
    private let responder: Responder
    private let position: Identifier
    private let began: MonotonicTime
    private let end: MonotonicTime
    private var timer: ScheduledWork?
    private var isDone = false
    private var isAccepted = false
    private var handle: (any ClientCallHandle)?

    /// What the caller is told if its time ends now.
    private var lack = Lack.range
    /// Whether an attempt has ended without word of its write.
    private var isInDoubt = false
    /// Whether a write is under way at this node's replica.
    private var isProposed = false
    private var attempts = 0
    /// The identifier that this node has given a write in its caller's place.
    private var ownID: WireWriteID?

    /// Of so many attempts at a replica without a leader one asks other nodes. Each asks several of them.
    private static var doubtfulAttempts: Int { 4 }

    private enum Lack {
        case range
        case leader(RangeDescriptor)
        case majority(RangeID)
    }

    init(
        _ request: Request,
        caller: StoreCaller,
        responder: Responder,
        at server: StoreServer
    ) {
        self.server = server
        self.request = request
        self.caller = caller
        self.responder = responder
        position = request.position(in: server.context)
        let now = server.executor.now
        began = now
        let longest = now + StoreLimits.longestDeadline
        let deadline = min(caller.deadline ?? now + StoreLimits.deadline, longest)
        let rest = max(.zero, deadline - now)
        // The answer needs a moment to get to a caller that stops waiting at its deadline.
        end = now + (rest - min(rest / 10, StoreLimits.margin))
    }

    private var executor: any NodeExecutor { server.executor }

    func begin() {
        if request.route.caller != nil, caller.peer.role != .node {
            return finish(
                Status(.permissionDenied, "only a node may name another caller than itself")
            )
        }
        if Request.needsAdministrator, !isOfAdministrator {
            return finish(
                Status(
                    .permissionDenied,
                    "only a certificate of role admin may call \(Request.method)"
                )
            )
        }
        if let refusal = control?.refusal(
            of: request.permissions,
            at: request.ruledPlace,
            access
        ) {
            return finish(refusal)
        }
        timer = executor.schedule(after: max(.zero, end - executor.now)) { [self] in
            timeIsOver()
        }
        responder.onCancel { [self] in
            executor.runOrExecute { [self] in abandon() }
        }
        attempt()
    }

    private var control: AccessControl? { server.context.accessControl }

    private var access: Access { caller.access(Request.method, request.route) }

    private var isOfAdministrator: Bool {
        if let first = request.route.caller { return first.role == .admin }
        return caller.peer.role == .admin
    }

    // MARK: - Attempts

    private func attempt() {
        guard !isDone else { return }
        attempts += 1
        server.assumeIsolated { server in
            if case .failure(let failure) = server.openNode, !server.passesCallsOn {
                // The disk is being read, or the ring is being joined: that takes a moment only.
                guard server.isOpening else { return finish(failure.status) }
                return retry(lacking: .range)
            }
            if let node = server.node, let hint = node.assumeIsolated({ $0.locate(self.position) })
            {
                serve(at: node, hint)
            } else if let hint = server.directory.hint(for: position) {
                pass(to: hint)
            } else {
                find()
            }
        }
    }

    private func serve(at node: StoreNode, _ hint: RangeHint) {
        server.assumeIsolated { server in
            lack = .majority(hint.descriptor.id)
            isProposed = request.isWrite
            request.serve(at: server, node, caller: caller) { [self] result in
                isProposed = false
                guard !isDone else { return }
                switch result {
                case .success(var reply):
                    reply.tell(WireRangeHint(hint), onCallBy: request.route)
                    finish(reply)
                case .failure(.failed(let failure)): finish(failure.status)
                case .failure(.refused(let refusal)): refused(refusal, hint)
                }
            }
        }
    }

    private func refused(_ refusal: StoreRefusal, _ hint: RangeHint) {
        let range = hint.descriptor.id.description
        switch refusal {
        case .elsewhere(let newer): pass(to: newer)
        case .notHere, .refused(.outsideRange):
            retry(lacking: .range, after: StoreLimits.shortPause)
        case .noLeader(let descriptor): retry(lacking: .leader(descriptor))
        case .busy: finish(StoreFailure.overloaded(range: range).status)
        case .quotaReached(let reached):
            finish(StoreFailure.quotaReached(node: server.name, reached).status)
        case .refused(let reason): finish(StoreFailure(reason).status)
        case .unavailable(let error):
            finish(StoreFailure(error, at: server.name).status)
        case .mayHaveHappened:
            guard request.isRepeatable else {
                return finish(StoreFailure.leadershipLost(range: range).status)
            }
            isInDoubt = true
            retry(lacking: .leader(hint.descriptor))
        }
    }

    private func retry(lacking lack: Lack, after pause: Duration? = nil) {
        guard !isDone else { return }
        self.lack = lack
        accept()
        let pause = pause ?? min(StoreLimits.pause * attempts, StoreLimits.longestPause)
        _ = executor.schedule(after: pause) { [self] in attempt() }
    }

    /// The answer takes a while: the caller learns that the node is alive.
    private func accept() {
        guard !isAccepted else { return }
        isAccepted = true
        responder.accept()
    }

    // MARK: - Elsewhere

    private func find() {
        lack = .range
        accept()
        let position = position
        Task(executorPreference: executor) { [self] in
            let hint = await server.find(position)
            guard !isDone else { return }
            guard let hint else { return retry(lacking: .range) }
            pass(to: hint)
        }
    }

    /// The range is led by another node, as far as this one knows.
    private func pass(to hint: RangeHint) {
        guard !isDone else { return }
        let own = server.context.reference.name
        let leader = hint.leader.flatMap { hint.descriptor.replica($0) }
        // Without a known leader any voter knows better than this node.
        let voters = hint.descriptor.replicas.filter { $0.role == .voter && $0.node != own }
        let others = voters.isEmpty ? hint.descriptor.replicas.filter { $0.node != own } : voters
        guard let receiver = leader ?? (others.isEmpty ? nil : others[attempts % others.count]),
            receiver.node != own
        else { return retry(lacking: .leader(hint.descriptor)) }
        if leader == nil, server.assumeIsolated({ $0.hasReplica(of: hint.descriptor.id) }) {
            // This node is a voter itself and hears of a leader as soon as there is one, unless it was removed.
            let range = hint.descriptor.id
            guard attempts.isMultiple(of: Self.doubtfulAttempts),
                server.assumeIsolated({ $0.doubts(range) })
            else { return retry(lacking: .leader(hint.descriptor)) }
            return find()
        }
        if request.route.wantsRedirect || request.route.caller != nil {
            return finish(Request.Reply(redirect: WireRangeHint(hint)), isRedirect: true)
        }
        forward(to: receiver, of: hint)
    }

    private func forward(to receiver: ReplicaDescriptor, of hint: RangeHint) {
        lack = .leader(hint.descriptor)
        accept()
        identify(for: hint.descriptor.id)
        var forwarded = request
        forwarded.route = WireRoute(
            range: hint.descriptor.id.bits.wire,
            epoch: WireRangeEpoch(hint.descriptor.epoch),
            caller: WireCaller(caller.peer)
        )
        let space = server.space
        handle = server.calls.call(
            Request.method,
            of: receiver.node,
            at: receiver.address,
            forwarded.encoded(in: space),
            deadline: end
        ) { [self] result, wasSent in
            handle = nil
            guard !isDone else { return }
            guard result.status.isOK else {
                return forwardFailed(result.status, wasSent: wasSent, hint)
            }
            guard let reply = try? Request.Reply(decoding: result.message, space: space) else {
                return finish(
                    Status(.internalError, "\(receiver.node) answered with what is no answer")
                )
            }
            guard let redirect = reply.redirect else {
                server.assumeIsolated { $0.note(reply.answeredAt) }
                return finish(result.message)
            }
            let newer = RangeHint(redirect)
            server.assumeIsolated { server in
                server.directory.forget(hint.descriptor.id)
                server.directory.note(newer)
            }
            if newer.leader == hint.leader, newer.descriptor == hint.descriptor {
                return retry(lacking: .leader(newer.descriptor))
            }
            pass(to: newer)
        }
    }

    /// Makes a write without identifier repeatable, if the time of its range is known.
    private func identify(for range: RangeID) {
        guard request.isWrite, !request.isRepeatable else { return }
        let identity = caller.identity(request.route)
        server.assumeIsolated { server in
            guard let time = server.directory.time(of: range, now: server.now) else { return }
            let id = server.sessions.begin(of: identity, at: time, using: server.executor)
            ownID = id
            request.identify(by: id)
        }
    }

    private func forwardFailed(_ status: Status, wasSent: Bool, _ hint: RangeHint) {
        server.assumeIsolated { $0.directory.forget(hint.descriptor.id) }
        let isOpen = wasSent && status.origin != .peer || status.reason == .mayHaveHappened
        if isOpen, request.isWrite { isInDoubt = true }
        if isOpen, !request.isRepeatable {
            return finish(StoreFailure.leadershipLost(range: hint.descriptor.id.description).status)
        }
        guard status.code == .unavailable || status.isUnreachable else { return finish(status) }
        retry(lacking: .leader(hint.descriptor))
    }

    // MARK: - The end

    private func timeIsOver() {
        guard !isDone else { return }
        let failure: StoreFailure
        switch lack {
        case .range: failure = .rangeNotFound
        case .leader(let descriptor):
            failure =
                isInDoubt
                ? .leadershipLost(range: descriptor.id.description)
                : .noLeader(range: descriptor.id.description)
        case .majority(let range):
            let missing = server.assumeIsolated { $0.missing(of: range) }
            failure = .noMajority(
                range: range.description,
                missing: missing.isEmpty ? ["a majority of its replicas"] : missing,
                mayHaveHappened: isInDoubt || isProposed
            )
        }
        finish(failure.status)
    }

    private func finish(_ reply: Request.Reply, isRedirect: Bool = false) {
        finish(reply.encoded(in: server.space), isRedirect: isRedirect)
    }

    private func finish(_ message: [UInt8], isRedirect: Bool = false) {
        guard complete() else { return }
        server.metrics.answered(Request.method, after: age, isRedirect: isRedirect)
        if !isRedirect { tellAudit(.ok) }
        responder.succeed(message)
    }

    private func finish(_ status: Status) {
        guard complete() else { return }
        server.metrics.failed(Request.method, after: age, StoreMetrics.Failure(status))
        if status.code != .permissionDenied { tellAudit(status.code) }
        responder.fail(status)
    }

    /// The caller waits no longer.
    private func abandon() {
        guard complete() else { return }
        server.metrics.failed(Request.method, after: age, .abandoned)
        tellAudit(.cancelled)
        handle?.cancel()
    }

    /// Writes are recorded where they came in, and only there.
    private func tellAudit(_ code: StatusCode) {
        guard let control, let place = request.ruledPlace, request.isWrite,
            request.route.caller == nil
        else { return }
        control.wrote(request.writtenKeys, at: place, access, code)
    }

    /// Time since the call came.
    private var age: Duration { executor.now - began }

    private func complete() -> Bool {
        guard !isDone else { return false }
        isDone = true
        timer?.cancel()
        if let ownID {
            let identity = caller.identity(request.route)
            server.assumeIsolated { $0.sessions.end(ownID, of: identity) }
        }
        return true
    }
}

/// Times of calls to the store.
enum StoreLimits {
    /// For a caller without a deadline.
    static let deadline: Duration = .seconds(5)
    static let longestDeadline: Duration = .seconds(60)
    /// Time before the caller's deadline at which it is answered at the latest.
    static let margin: Duration = .milliseconds(200)
    /// Pauses between two attempts grow by this.
    static let pause: Duration = .milliseconds(20)
    static let longestPause: Duration = .milliseconds(250)
    static let shortPause: Duration = .milliseconds(5)
}

extension StoreFailure {
    /// Why a committed write was not applied.
    init(_ refusal: WriteRefusal) {
        self =
            switch refusal {
            case .outsideRange: .rangeNotFound
            case .answeredBefore: .answeredBefore
            case .mayHaveHappened: .answerForgotten
            case .tooManyClients: .tooManyClients
            case .tooManyUnanswered: .tooManyUnanswered
            }
    }

    init(_ error: StoreError, at node: String) {
        self =
            error.code == .diskFull
            ? .diskFull(node: node) : .closed(node: node, reason: error.message)
    }
}
