// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordRPC
import ChordWire

// Handlers of calls that merge rings.

extension ChordService {
    func meet(_ bytes: UnsafeRawBufferPointer, _ call: inout ServerCall) -> HandlerOutcome {
        let request: MeetRequest
        do throws(WireError) {
            request = try MeetRequest(decoding: bytes, space: space)
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
        if let refusal = shell.refusal(of: request.node, claimedBy: call.peer, as: "caller") {
            return .failed(refusal)
        }
        if let refusal = statements.refusal(of: call.peer, at: call.executor.now) {
            return .failed(refusal)
        }
        guard view.isMember else { return .failed(view.notMember) }
        let node = request.node
        if let contact = request.contact {
            guard shell.isRightlyPlaced(contact) else {
                return .failed(
                    Status(
                        .invalidArgument,
                        "\(contact) does not have the identifier that the ring's rule gives it"
                    )
                )
            }
            shell.enter { $0.met(contact) }
        } else {
            shell.enter { $0.offered(by: node) }
        }
        MeetReply().encode(appendingTo: &call.reply, space: space)
        return .replied
    }
}
