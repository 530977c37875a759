// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// A node's decision about the caller of Notify.
package struct NotifyReply: WireMessage, Hashable {
    /// The decision.
    package var verdict: NotifyVerdict
    /// With ``NotifyVerdict/taken``: the live predecessor that the caller has replaced, if any.
    package var former: NodeReference?

    /// What the answering node's program can do.
    package var capabilities: Capabilities

    /// A reply from its parts.
    package init(
        _ verdict: NotifyVerdict = .unspecified,
        former: NodeReference? = nil,
        capabilities: Capabilities = .first
    ) {
        self.verdict = verdict
        self.former = former
        self.capabilities = capabilities
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "NotifyReply"
        self = try withUnpacked(name, bytes, chord__v1__notify_reply__unpack) {
            message throws(WireError) in
            let verdict = try message.notifyVerdict(name)
            return NotifyReply(
                verdict,
                former: verdict == .taken
                    ? try message.former.nodeIfPresent(
                        space,
                        FieldPath(message: name, field: "former")
                    ) : nil,
                capabilities: try message.capabilities.capabilities(
                    FieldPath(message: name, field: "capabilities")
                )
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        // The reply to a changed-state notice is empty.
        guard verdict != .unspecified || capabilities != .first else { return }
        var arena = EncodingArena()
        var message = Chord__V1__NotifyReply()
        chord__v1__notify_reply__init(&message)
        switch verdict {
        case .unspecified: break
        case .taken:
            message.verdict = CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_TAKEN
            if let former { message.former = arena.node(former, space) }
        case .nearerKnown:
            message.verdict = CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_NEARER_KNOWN
        case .trying: message.verdict = CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_TRYING
        case .notReached(let address, let reason):
            message.verdict = CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_NOT_REACHED
            message.address = arena.text(address)
            message.reason = arena.text(reason.cut(toBytes: WireLimits.reasonBytes.upperBound))
        }
        message.capabilities = arena.capabilities(capabilities)
        arena.pack(&message, appendingTo: &output)
    }
}

extension Chord__V1__NotifyReply {
    fileprivate func notifyVerdict(_ name: StaticString) throws(WireError) -> NotifyVerdict {
        switch verdict {
        case CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_UNSPECIFIED: return .unspecified
        case CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_TAKEN: return .taken
        case CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_NEARER_KNOWN: return .nearerKnown
        case CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_NOT_REACHED:
            return .notReached(
                address: try address.text(
                    WireLimits.addressBytes,
                    FieldPath(message: name, field: "address")
                ),
                reason: try reason.text(
                    WireLimits.reasonBytes,
                    FieldPath(message: name, field: "reason")
                )
            )
        // An unknown verdict of a later version. It does not mean that the caller was accepted.
        default: return .trying
        }
    }
}
