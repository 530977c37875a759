// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "Let the range with this position want so many voters."
package struct SetReplicasRequest: StoreMessage, Hashable {
    package var route: WireRoute
    package var position: Identifier
    /// 1 to 16. The store takes 1, 3, 5 and 7, and says so in its own words.
    package var replicas: Int

    package init(route: WireRoute = WireRoute(), position: Identifier, replicas: Int) {
        self.route = route
        self.position = position
        self.replicas = replicas
    }

    static let codec = StoreMessageCodec(
        "SetReplicasRequest",
        .store(StoreMessageBytes.short),
        chord__v1__set_replicas_request__init,
        chord__v1__set_replicas_request__unpack
    )

    init(_ packed: Chord__V1__SetReplicasRequest, _ space: IdentifierSpace) throws(WireError) {
        route = try WireRoute(packed.route)
        position = try packed.position.identifier(space, .field("position"))
        replicas = Int(packed.replicas)
        try FieldPath.field("replicas").check(replicas, in: WireLimits.rangeReplicas, "replicas")
    }

    func fill(
        _ packed: inout Chord__V1__SetReplicasRequest,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        packed.route = arena.route(route)
        packed.position = arena.identifier(position, space)
        packed.replicas = UInt32(clamping: replicas)
    }
}

/// The range that wants the new number from now on.
package struct SetReplicasReply: StoreMessage, Hashable {
    package struct Content: Hashable, Sendable {
        /// The number before.
        package var former: Int
        /// The range with the new number.
        package var descriptor: WireRangeDescriptor

        package init(former: Int, descriptor: WireRangeDescriptor) {
            self.former = former
            self.descriptor = descriptor
        }
    }

    package var outcome: WireOutcome<Content>

    package init(_ outcome: WireOutcome<Content>) {
        self.outcome = outcome
    }

    static let codec = StoreMessageCodec(
        "SetReplicasReply",
        // Two descriptors with the longest names are longer than other short answers.
        .store(StoreMessageBytes.short * 2),
        chord__v1__set_replicas_reply__init,
        chord__v1__set_replicas_reply__unpack
    )

    init(_ packed: Chord__V1__SetReplicasReply, _ space: IdentifierSpace) throws(WireError) {
        outcome = try WireOutcome(redirect: packed.redirect, answer: packed.answer, space) {
            () throws(WireError) in
            let former = Int(packed.former)
            guard WireLimits.wantedVoters.contains(former) else {
                throw FieldPath.field("former").error(
                    .outOfBounds,
                    "\(former), a range has 1, 3, 5 or 7 voters"
                )
            }
            return Content(
                former: former,
                descriptor: try packed.range.value(.field("range")) { range throws(WireError) in
                    try WireRangeDescriptor(range, space)
                }
            )
        }
    }

    func fill(
        _ packed: inout Chord__V1__SetReplicasReply,
        _ arena: inout EncodingArena,
        _ space: IdentifierSpace
    ) {
        switch outcome {
        case .redirect(let hint): packed.redirect = arena.hint(hint, space)
        case .answer(let answer, let content):
            packed.answer = arena.answer(answer, space)
            packed.former = UInt32(clamping: content.former)
            packed.range = arena.descriptor(content.descriptor, space)
        }
    }
}
