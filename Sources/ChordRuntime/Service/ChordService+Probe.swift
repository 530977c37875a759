// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordIdentity
import ChordRPC
import ChordWire

// Handlers of indirect probes: a member asks this node to dial another node for it.

extension ChordService {
    func probe(_ bytes: UnsafeRawBufferPointer, _ call: inout ServerCall) -> HandlerOutcome {
        let request: ProbeRequest
        do throws(WireError) {
            request = try ProbeRequest(decoding: bytes, space: space)
        } catch {
            let isOtherWidth = error.code == .widthDiffers
            return .failed(
                isOtherWidth
                    ? Status(.failedPrecondition, error.message)
                    : Status(.invalidArgument, "\(error)")
            )
        }
        let view = published.current.view
        if let difference = view.parameters.difference(from: request.parameters) {
            return .failed(Status(.failedPrecondition, difference))
        }
        guard view.isMember else { return .failed(view.notMember) }
        let node = request.node
        // This node dials only nodes at the identifier that the ring's rule gives them.
        guard shell.isRightlyPlaced(node) else {
            return .failed(
                Status(
                    .invalidArgument,
                    "\(node) does not have the identifier that the ring's rule gives it"
                )
            )
        }
        shell.heard.heard(at: call.executor.now)
        let caller = call.peer
        let responder = call.makeResponder()
        let claim = request.claim
        shell.enter { $0.probed(node, by: caller, claim: claim, responder) }
        return .deferred
    }
}
