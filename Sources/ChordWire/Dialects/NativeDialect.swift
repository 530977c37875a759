// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordCore

/// This project's own contract, as far as other dialects have the same calls. Its other calls
/// (founding, iterative steps, paths) do not use a dialect.
package struct NativeDialect: Dialect {
    package let name = DialectName.native
    package let service = "chord.v1.ChordService"

    package init() {}

    package func objection(to parameters: RingParameters) -> String? { nil }

    package func calls(
        for statement: PeerOperation,
        in parameters: RingParameters
    ) -> [DialectCall] {
        calls(for: statement, claim: nil, in: parameters)
    }

    private func calls(
        for statement: PeerOperation,
        claim: RangeClaim?,
        in parameters: RingParameters
    ) -> [DialectCall] {
        let space = parameters.space
        switch statement {
        case .claiming(let claim, let operation):
            return calls(for: operation, claim: claim, in: parameters)
        case .state:
            let request = GetSuccessorListRequest(
                parameters: parameters,
                capabilities: .own,
                claim: claim
            )
            return [DialectCall("GetSuccessorList", request.encoded(in: space))]
        case .owner(let id):
            return [DialectCall("FindSuccessor", FindSuccessorRequest(id: id).encoded(in: space))]
        case .notify(let node, let changed):
            let request = NotifyRequest(
                candidate: node,
                parameters: parameters,
                changed: changed,
                capabilities: .own,
                claim: claim
            )
            return [DialectCall("Notify", request.encoded(in: space))]
        case .leave(let leaveNotice):
            return [DialectCall("Leave", LeaveRequest(leaveNotice).encoded(in: space))]
        }
    }

    package func state(
        of node: NodeReference?,
        from answers: [[UInt8]],
        in parameters: RingParameters
    ) throws(WireError) -> DialectState? {
        let reply = try GetSuccessorListReply(
            decoding: answers.first ?? [],
            space: parameters.space
        )
        // The answering node does not compare parameters here, so they are compared: a member of
        // another ring is not a member of this one.
        guard reply.parameters == parameters else { return nil }
        return DialectState(reply.state, capabilities: reply.capabilities)
    }

    package func listed(
        in answers: [[UInt8]],
        in parameters: RingParameters
    ) throws(WireError) -> [NodeReference] {
        try GetSuccessorListReply(decoding: answers.first ?? [], space: parameters.space)
            .state.successors
    }

    package func isHeadUnreached(in answers: [[UInt8]], in parameters: RingParameters) -> Bool {
        let reply = try? GetSuccessorListReply(
            decoding: answers.first ?? [],
            space: parameters.space
        )
        return reply?.isHeadUnreached == true
    }

    package func owner(
        from answers: [[UInt8]],
        in parameters: RingParameters
    ) throws(WireError) -> NodeReference {
        let reply = try FindSuccessorReply(decoding: answers.first ?? [], space: parameters.space)
        guard let owner = reply.owner else {
            throw WireError(.missing, "FindSuccessorReply.owner: it must name the owner")
        }
        return owner
    }
}
