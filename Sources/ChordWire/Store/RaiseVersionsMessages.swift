// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "Let all later versions of the range with this position be higher than this."
package struct RaiseVersionsRequest: StoreMessage, Hashable {
    package var route: WireRoute
    package var position: Identifier
    package var above: UInt64

    package init(route: WireRoute = WireRoute(), position: Identifier, above: UInt64) {
        self.route = route
        self.position = position
        self.above = above
    }

    static let codec = StoreMessageCodec(
        "RaiseVersionsRequest",
        .store(StoreMessageBytes.short),
        chord__v1__raise_versions_request__init,
        chord__v1__raise_versions_request__unpack
    )

    init(_ packed: Chord__V1__RaiseVersionsRequest, _ space: IdentifierSpace) throws(WireError) {
        route = try WireRoute(packed.route)
        position = try packed.position.identifier(space, .field("position"))
        above = try packed.above.checked(.field("above"))
    }

    func fill(
        _ packed: inout Chord__V1__RaiseVersionsRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.route = arena.route(route)
        packed.position = arena.identifier(position, space)
        packed.above = above
    }
}

/// The range whose versions are higher from now on.
package struct RaiseVersionsReply: StoreMessage, Hashable {
    package var outcome: WireOutcome<WireRangeDescriptor>

    package init(_ outcome: WireOutcome<WireRangeDescriptor>) {
        self.outcome = outcome
    }

    static let codec = StoreMessageCodec(
        "RaiseVersionsReply",
        // Two descriptors with the longest names are longer than other short answers.
        .store(StoreMessageBytes.short * 2),
        chord__v1__raise_versions_reply__init,
        chord__v1__raise_versions_reply__unpack
    )

    init(_ packed: Chord__V1__RaiseVersionsReply, _ space: IdentifierSpace) throws(WireError) {
        outcome = try WireOutcome(redirect: packed.redirect, answer: packed.answer, space) {
            () throws(WireError) in
            try packed.range.value(.field("range")) { range throws(WireError) in
                try WireRangeDescriptor(range, space)
            }
        }
    }

    func fill(
        _ packed: inout Chord__V1__RaiseVersionsReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        switch outcome {
        case .redirect(let hint): packed.redirect = arena.hint(hint, space)
        case .answer(let answer, let descriptor):
            packed.answer = arena.answer(answer, space)
            packed.range = arena.descriptor(descriptor, space)
        }
    }
}
