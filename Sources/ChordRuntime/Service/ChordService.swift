// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire

/// The handlers of `chord.v1.ChordService`. Requests that the published view can answer are
/// answered on the connection's executor. All others go to the node's executor.
struct ChordService: NodeService {
    let published: PublishedView
    let lookups: RecursiveLookup.Context
    let limits: LookupLimits
    let shell: NodeShell
    let space: IdentifierSpace
    let statements: StatementBudget

    var methods: [ServiceMethod] {
        [
            ServiceMethod(ChordMethods.findSuccessor) { findSuccessor($0, &$1) },
            ServiceMethod(ChordMethods.getSuccessorList) { getSuccessorList($0, &$1) },
            ServiceMethod(ChordMethods.getPredecessor) { getPredecessor($0, &$1) },
            ServiceMethod(ChordMethods.notify) { notify($0, &$1) },
            ServiceMethod(ChordMethods.leave) { leave($0, &$1) },
            ServiceMethod(ChordMethods.found) { found($0, &$1) },
            ServiceMethod(ChordMethods.meet) { meet($0, &$1) },
            ServiceMethod(ChordMethods.probe) { probe($0, &$1) },
        ]
    }

    private func getPredecessor(
        _ bytes: UnsafeRawBufferPointer,
        _ call: inout ServerCall
    ) -> HandlerOutcome {
        do throws(WireError) {
            _ = try GetPredecessorRequest(decoding: bytes, space: space)
        } catch {
            return .failed(Status(.invalidArgument, "\(error)"))
        }
        let snapshot = published.current
        guard snapshot.view.isMember else { return .failed(snapshot.view.notMember) }
        call.reply += snapshot.predecessorReply
        return .replied
    }

    private func getSuccessorList(
        _ bytes: UnsafeRawBufferPointer,
        _ call: inout ServerCall
    ) -> HandlerOutcome {
        do throws(WireError) {
            let request = try GetSuccessorListRequest(decoding: bytes, space: space)
            let snapshot = published.current
            let view = snapshot.view
            if let theirs = request.parameters,
                let difference = view.parameters.difference(from: theirs)
            {
                return .failed(Status(.failedPrecondition, difference))
            }
            guard view.isMember else { return .failed(view.notMember) }
            // Members send their parameters; joiners and clients do not.
            if request.parameters != nil, call.peer.role == .node {
                shell.heard.heard(at: call.executor.now)
                if call.peer.proof == .spiffe, call.peer.name == view.predecessor.name {
                    shell.heard(request.capabilities, of: view.predecessor)
                }
            }
            if let claim = request.claim,
                shell.arrived(claim, from: call.peer, in: view) == .stopped,
                view.predecessor.id == claim.id
            {
                // The next view names another predecessor.
                return .failed(Status(.aborted, "\(view.node.name) is about to change"))
            }
            guard !view.isDelaying else {
                return .failed(Status(.aborted, "\(view.node.name) is busy with its own operation"))
            }
            call.reply += snapshot.stateReply
            return .replied
        } catch {
            return .failed(Status(.invalidArgument, "\(error)"))
        }
    }

    private func notify(
        _ bytes: UnsafeRawBufferPointer,
        _ call: inout ServerCall
    ) -> HandlerOutcome {
        let request: NotifyRequest
        do throws(WireError) {
            request = try NotifyRequest(decoding: bytes, space: space)
        } catch {
            return .failed(Status(.invalidArgument, "\(error)"))
        }
        let view = published.current.view
        if let difference = view.parameters.difference(from: request.parameters) {
            return .failed(Status(.failedPrecondition, difference))
        }
        if let refusal = shell.refusal(of: request.candidate, claimedBy: call.peer, as: "candidate")
        {
            return .failed(refusal)
        }
        if let refusal = statements.refusal(of: call.peer, at: call.executor.now) {
            return .failed(refusal)
        }
        guard view.isMember else { return .failed(view.notMember) }
        let candidate = request.candidate
        shell.heard.heard(at: call.executor.now)
        shell.heard(request.capabilities, of: candidate)
        // It has proved its name and address, and that it is in this ring.
        shell.members.learn([], from: candidate, at: call.executor.now)
        shell.members.learn([candidate], at: call.executor.now)
        shell.silent.remove(candidate.id)
        if request.changed {
            shell.enter { $0.nudged(by: candidate) }
            NotifyReply().encode(appendingTo: &call.reply, space: space)
            return .replied
        }
        let mustAnswer = call.peer.proof == .host
        let responder = call.makeResponder()
        let claim = request.claim
        if let claim { _ = shell.arrived(claim, from: call.peer, in: view) }
        shell.enter {
            $0.claimed(
                by: candidate,
                mustAnswer: mustAnswer,
                claim: claim,
                responder: responder
            )
        }
        return .deferred
    }

    private func leave(
        _ bytes: UnsafeRawBufferPointer,
        _ call: inout ServerCall
    ) -> HandlerOutcome {
        let leaveNotice: LeaveNotice
        do throws(WireError) {
            leaveNotice = try LeaveRequest(decoding: bytes, space: space).leaveNotice
        } catch {
            return .failed(Status(.invalidArgument, "\(error)"))
        }
        let leaver = leaveNotice.state.node
        if let refusal = shell.refusal(of: leaver, claimedBy: call.peer, as: "leaver") {
            return .failed(refusal)
        }
        if let refusal = statements.refusal(of: call.peer, at: call.executor.now) {
            return .failed(refusal)
        }
        let responder = call.makeResponder()
        let space = space
        // The reply is sent after the change: the leaver may stop once its neighbours know.
        shell.enter { shell in
            shell.neighbourLeft(leaveNotice)
            responder.succeed(LeaveReply().encoded(in: space))
        }
        return .deferred
    }

    private func found(
        _ bytes: UnsafeRawBufferPointer,
        _ call: inout ServerCall
    ) -> HandlerOutcome {
        let request: FoundRequest
        do throws(WireError) {
            request = try FoundRequest(decoding: bytes, space: space)
        } catch {
            let isOtherWidth = error.code == .widthDiffers
            return .failed(
                isOtherWidth
                    ? Status(.failedPrecondition, error.message)
                    : Status(.invalidArgument, "\(error)")
            )
        }
        let ours = published.current.view.parameters
        var theirs = request.parameters
        // The store's identifier follows from the decision about the founders: one side may know it before the
        // other. A founder of version 0.1 never learns it.
        if theirs.store == nil || ours.store == nil,
            request.capabilities.features.contains(.storeMembers)
        {
            theirs.store = ours.store
        }
        if let difference = ours.difference(from: theirs) {
            return .failed(Status(.failedPrecondition, difference))
        }
        if let refusal = shell.refusal(of: request.founder, claimedBy: call.peer, as: "founder") {
            return .failed(refusal)
        }
        if let refusal = statements.refusal(of: call.peer, at: call.executor.now) {
            return .failed(refusal)
        }
        let responder = call.makeResponder()
        let (space, peer) = (space, call.peer)
        shell.enter { shell in
            switch shell.founded(with: request, from: peer) {
            case .success(let reply): responder.succeed(reply.encoded(in: space))
            case .failure(let status): responder.fail(status)
            }
        }
        return .deferred
    }
}
