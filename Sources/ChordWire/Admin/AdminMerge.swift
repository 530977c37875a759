// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "Merge your ring with the contact's."
package struct AdminMergeRequest: WireMessage, Hashable {
    /// The address of a member of the other ring.
    package var contact: String

    /// A request from its part.
    package init(contact: String) {
        self.contact = contact
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "AdminMergeRequest"
        self = try withUnpacked(name, bytes, chord__v1__admin_merge_request__unpack) {
            message throws(WireError) in
            AdminMergeRequest(
                contact: try message.contact.text(
                    WireLimits.addressBytes,
                    FieldPath(message: name, field: "contact")
                )
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__AdminMergeRequest()
        chord__v1__admin_merge_request__init(&message)
        message.contact = arena.text(contact)
        arena.pack(&message, appendingTo: &output)
    }
}

/// "That node answered; its ring is ours already, or is being merged with ours."
package struct AdminMergeReply: WireMessage, Hashable {
    /// The node at the contact's address.
    package var contact: NodeReference
    /// Whether the contact was a member of the same ring before.
    package var wasOne: Bool

    /// A reply from its parts.
    package init(contact: NodeReference, wasOne: Bool) {
        self.contact = contact
        self.wasOne = wasOne
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "AdminMergeReply"
        self = try withUnpacked(name, bytes, chord__v1__admin_merge_reply__unpack) {
            message throws(WireError) in
            AdminMergeReply(
                contact: try message.contact.node(
                    space,
                    FieldPath(message: name, field: "contact")
                ),
                wasOne: message.was_one != 0
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__AdminMergeReply()
        chord__v1__admin_merge_reply__init(&message)
        message.contact = arena.node(contact, space)
        message.was_one = wasOne ? 1 : 0
        arena.pack(&message, appendingTo: &output)
    }
}
