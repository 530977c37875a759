// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordBase
package import ChordCore

/// "I found a ring with you and others."
package struct FoundRequest: WireMessage, Hashable {
    /// The caller itself.
    package var founder: NodeReference
    /// The ring's parameters, as the caller knows them.
    package var parameters: RingParameters
    /// The addresses of all founders, the caller's included.
    package var initialRing: [String]
    /// All founders, once each of them has answered the caller: the ring starts. Empty before that.
    package var decided: [NodeReference]
    /// What the caller's program can do.
    package var capabilities: Capabilities

    /// A request from its parts.
    package init(
        founder: NodeReference,
        parameters: RingParameters,
        initialRing: [String],
        decided: [NodeReference] = [],
        capabilities: Capabilities = .first
    ) {
        self.founder = founder
        self.parameters = parameters
        self.initialRing = initialRing
        self.decided = decided
        self.capabilities = capabilities
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "FoundRequest"
        self = try withUnpacked(name, bytes, chord__v1__found_request__unpack) {
            message throws(WireError) in
            // The parameters are read first, as in NotifyRequest.
            let parameters = try message.parameters.parameters(
                space,
                FieldPath(message: name, field: "parameters")
            )
            return FoundRequest(
                founder: try message.founder.node(
                    space,
                    FieldPath(message: name, field: "founder")
                ),
                parameters: parameters,
                initialRing: try message.initial_ring.addresses(
                    count: message.n_initial_ring,
                    FieldPath(message: name, field: "initial_ring")
                ),
                decided: try message.decided.nodes(
                    count: message.n_decided,
                    space,
                    FieldPath(message: name, field: "decided")
                ),
                capabilities: try message.capabilities.capabilities(
                    FieldPath(message: name, field: "capabilities")
                )
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__FoundRequest()
        chord__v1__found_request__init(&message)
        message.founder = arena.node(founder, space)
        message.parameters = arena.parameters(parameters)
        (message.n_initial_ring, message.initial_ring) = arena.texts(
            initialRing.prefix(WireLimits.listNodes)
        )
        (message.n_decided, message.decided) = arena.nodes(decided, space)
        message.capabilities = arena.capabilities(capabilities)
        arena.pack(&message, appendingTo: &output)
    }
}

/// "I am here", or "the ring exists already".
package struct FoundReply: WireMessage, Hashable {
    /// The answering node.
    package var node: NodeReference
    /// Whether the answering node is a member already, so that the caller has to join the ring.
    package var isMember: Bool
    /// All founders, including the caller, if the ring has only just started; else empty.
    package var decided: [NodeReference]
    /// What the answering node's program can do.
    package var capabilities: Capabilities
    /// The store that the answering node belongs to, as far as it knows.
    package var store: StoreID?

    /// A reply from its parts.
    package init(
        node: NodeReference,
        isMember: Bool,
        decided: [NodeReference] = [],
        capabilities: Capabilities = .first,
        store: StoreID? = nil
    ) {
        self.store = store
        self.node = node
        self.isMember = isMember
        self.decided = decided
        self.capabilities = capabilities
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "FoundReply"
        self = try withUnpacked(name, bytes, chord__v1__found_reply__unpack) {
            message throws(WireError) in
            FoundReply(
                node: try message.node.node(space, FieldPath(message: name, field: "node")),
                isMember: message.member != 0,
                decided: try message.decided.nodes(
                    count: message.n_decided,
                    space,
                    FieldPath(message: name, field: "decided")
                ),
                capabilities: try message.capabilities.capabilities(
                    FieldPath(message: name, field: "capabilities")
                ),
                store: try message.store.randomBits(FieldPath(message: name, field: "store"))
                    .map(StoreID.init)
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__FoundReply()
        chord__v1__found_reply__init(&message)
        message.node = arena.node(node, space)
        message.member = isMember ? 1 : 0
        if let store { message.store = arena.randomBits(store.bits) }
        (message.n_decided, message.decided) = arena.nodes(decided, space)
        message.capabilities = arena.capabilities(capabilities)
        arena.pack(&message, appendingTo: &output)
    }
}
