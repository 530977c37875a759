// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// A node's decision about the caller of Notify.
package struct NotifyReply: WireMessage, Hashable {
    /// The decision.
    package var verdict: NotifyVerdict

    /// A reply from its parts.
    package init(_ verdict: NotifyVerdict = .unspecified) {
        self.verdict = verdict
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "NotifyReply"
        self = try withUnpacked(name, bytes, chord__v1__notify_reply__unpack) {
            message throws(WireError) in
            switch message.verdict {
            case CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_UNSPECIFIED:
                return NotifyReply(.unspecified)
            case CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_TAKEN: return NotifyReply(.taken)
            case CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_NEARER_KNOWN:
                return NotifyReply(.nearerKnown)
            case CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_NOT_REACHED:
                let address = try message.address.text(
                    WireLimits.addressBytes,
                    FieldPath(message: name, field: "address")
                )
                let reason = try message.reason.text(
                    WireLimits.reasonBytes,
                    FieldPath(message: name, field: "reason")
                )
                return NotifyReply(.notReached(address: address, reason: reason))
            // An unknown verdict of a later version. It does not mean that the caller was accepted.
            default: return NotifyReply(.trying)
            }
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        // The reply to a changed-state notice is empty, and most other replies have two bytes.
        guard verdict != .unspecified else { return }
        var arena = EncodingArena()
        var message = Chord__V1__NotifyReply()
        chord__v1__notify_reply__init(&message)
        switch verdict {
        case .unspecified: break
        case .taken: message.verdict = CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_TAKEN
        case .nearerKnown:
            message.verdict = CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_NEARER_KNOWN
        case .trying: message.verdict = CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_TRYING
        case .notReached(let address, let reason):
            message.verdict = CHORD__V1__NOTIFY_VERDICT__NOTIFY_VERDICT_NOT_REACHED
            message.address = arena.text(address)
            message.reason = arena.text(reason.cut(toBytes: WireLimits.reasonBytes.upperBound))
        }
        arena.pack(&message, appendingTo: &output)
    }
}
