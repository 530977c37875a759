// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

extension GetSuccessorListReply {
    /// The ring's parameters alone, for a client that does not yet know the width of the
    /// identifiers and so cannot read the rest.
    ///
    /// - Throws: ``WireError``, with the field and the reason.
    package static func parameters(of bytes: [UInt8]) throws(WireError) -> RingParameters {
        let name: StaticString = "GetSuccessorListReply"
        let parameters = try bytes.span.bytes.withUnsafeBytes {
            buffer throws(WireError) -> RingParameters? in
            try withUnpacked(name, buffer, chord__v1__get_successor_list_reply__unpack) {
                message throws(WireError) -> RingParameters? in
                try message.parameters.parametersIfPresent(
                    FieldPath(message: name, field: "parameters")
                )
            }
        }
        guard let parameters else {
            throw WireError(.missing, "GetSuccessorListReply.parameters is missing")
        }
        return parameters
    }
}
