// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// "Who owns this identifier?"
package struct FindSuccessorRequest: WireMessage, Hashable {
    /// The identifier to look up.
    package var id: Identifier
    /// The hop budget; nil for the default of twice the width.
    package var hopBudget: Int?
    /// The hops so far.
    package var hops: Int
    /// Whether the reply contains the nodes on the path.
    package var wantPath: Bool
    /// The joining node, if the lookup is for a join. It is not named as the owner.
    package var joiner: NodeReference?
    /// Whether to answer from the routing table only, as in an iterative lookup.
    package var iterative: Bool
    /// Nodes that the caller found dead. Of more than ``WireLimits/excludedNodes``, the last ones
    /// count.
    package var excluded: [Identifier]
    /// The ring that the joiner wants to join; nil without one, and of a joiner of the first version. Their
    /// width may differ from the receiver's.
    package var parameters: RingParameters?
    /// The identifier at which the caller knows the receiver; nil if it does not say.
    package var receiver: Identifier?

    /// A request from its parts.
    package init(
        id: Identifier,
        hopBudget: Int? = nil,
        hops: Int = 0,
        wantPath: Bool = false,
        joiner: NodeReference? = nil,
        iterative: Bool = false,
        excluded: [Identifier] = [],
        parameters: RingParameters? = nil,
        receiver: Identifier? = nil
    ) {
        self.id = id
        self.hopBudget = hopBudget
        self.hops = hops
        self.wantPath = wantPath
        self.joiner = joiner
        self.iterative = iterative
        self.excluded = excluded
        self.parameters = parameters
        self.receiver = receiver
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "FindSuccessorRequest"
        self = try withUnpacked(name, bytes, chord__v1__find_successor_request__unpack) {
            message throws(WireError) in
            let excludedPath = FieldPath(message: name, field: "excluded")
            guard message.n_excluded <= WireLimits.excludedNodes else {
                throw excludedPath.error(
                    .tooMany,
                    "\(message.n_excluded) nodes, at most \(WireLimits.excludedNodes)"
                )
            }
            var excluded: [Identifier] = []
            for index in 0..<message.n_excluded {
                let id = message.excluded[index]
                excluded.append(try id.identifier(space, excludedPath.element(index)))
            }
            return FindSuccessorRequest(
                id: try message.id.identifier(space, FieldPath(message: name, field: "id")),
                hopBudget: message.hop_budget == 0 ? nil : Int(message.hop_budget),
                hops: Int(message.hops),
                wantPath: message.want_path != 0,
                joiner: try message.joiner.nodeIfPresent(
                    space,
                    FieldPath(message: name, field: "joiner")
                ),
                iterative: message.iterative != 0,
                excluded: excluded,
                parameters: try message.parameters.parametersIfPresent(
                    FieldPath(message: name, field: "parameters")
                ),
                receiver: message.receiver.len == 0
                    ? nil
                    : try message.receiver.identifier(
                        space,
                        FieldPath(message: name, field: "receiver")
                    )
            )
        }
    }

    /// The identifier of a request that has no other field; nil for any other request, valid or
    /// not.
    ///
    /// Most requests are of this form: one field, whose bytes are read in place. protobuf-c would
    /// allocate three times for it.
    package static func soleIdentifier(
        in bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) -> Identifier? {
        // Field 1, length-delimited; an identifier's length fits one byte.
        guard bytes.count == 2 + space.byteCount, bytes[0] == 0x0A,
            bytes[1] == UInt8(space.byteCount)
        else { return nil }
        let id = UnsafeRawBufferPointer(rebasing: bytes[2...])
        return try? space.identifier(bigEndian: id.bytes)
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__FindSuccessorRequest()
        chord__v1__find_successor_request__init(&message)
        message.id = arena.identifier(id, space)
        message.hop_budget = UInt32(clamping: hopBudget ?? 0)
        message.hops = UInt32(clamping: hops)
        message.want_path = wantPath ? 1 : 0
        if let joiner { message.joiner = arena.node(joiner, space) }
        message.iterative = iterative ? 1 : 0
        (message.n_excluded, message.excluded) = arena.identifiers(
            excluded.suffix(WireLimits.excludedNodes),
            space
        )
        if let parameters { message.parameters = arena.parameters(parameters) }
        if let receiver { message.receiver = arena.identifier(receiver, space) }
        arena.pack(&message, appendingTo: &output)
    }
}

/// The owner of an identifier, or the next nodes to ask in an iterative lookup.
package struct FindSuccessorReply: WireMessage, Hashable {
    /// The owner; nil in an iterative step that is not the last.
    package var owner: NodeReference?
    /// The owner's successors, as far as the answering node knows them.
    package var successors: [NodeReference]
    /// The answering node.
    package var answering: NodeReference
    /// The successor list of the answering node. A joining node starts from it.
    package var answeringSuccessors: [NodeReference]
    /// The number of hops.
    package var hops: Int
    /// The nodes on the path, the first asked first, if the request asked for them. Left out if the
    /// reply would otherwise be too large.
    package var path: [NodeReference]
    /// In an iterative step that is not the last: the nodes to ask next, best first.
    package var closer: [NodeReference]

    /// A reply from its parts.
    package init(
        owner: NodeReference?,
        successors: [NodeReference] = [],
        answering: NodeReference,
        answeringSuccessors: [NodeReference] = [],
        hops: Int = 0,
        path: [NodeReference] = [],
        closer: [NodeReference] = []
    ) {
        self.owner = owner
        self.successors = successors
        self.answering = answering
        self.answeringSuccessors = answeringSuccessors
        self.hops = hops
        self.path = path
        self.closer = closer
    }

    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let name: StaticString = "FindSuccessorReply"
        self = try withUnpacked(name, bytes, chord__v1__find_successor_reply__unpack) {
            message throws(WireError) in
            FindSuccessorReply(
                owner: try message.owner.nodeIfPresent(
                    space,
                    FieldPath(message: name, field: "owner")
                ),
                successors: try message.successors.nodes(
                    count: message.n_successors,
                    space,
                    FieldPath(message: name, field: "successors")
                ),
                answering: try message.answering.node(
                    space,
                    FieldPath(message: name, field: "answering")
                ),
                answeringSuccessors: try message.answering_successors.nodes(
                    count: message.n_answering_successors,
                    space,
                    FieldPath(message: name, field: "answering_successors")
                ),
                hops: Int(message.hops),
                path: try message.path.nodes(
                    count: message.n_path,
                    atMost: WireLimits.pathNodes,
                    space,
                    FieldPath(message: name, field: "path")
                ),
                closer: try message.closer.nodes(
                    count: message.n_closer,
                    space,
                    FieldPath(message: name, field: "closer")
                )
            )
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        var message = Chord__V1__FindSuccessorReply()
        chord__v1__find_successor_reply__init(&message)
        if let owner { message.owner = arena.node(owner, space) }
        (message.n_successors, message.successors) = arena.nodes(successors, space)
        message.answering = arena.node(answering, space)
        (message.n_answering_successors, message.answering_successors) = arena.nodes(
            answeringSuccessors,
            space
        )
        message.hops = UInt32(clamping: hops)
        (message.n_path, message.path) = arena.nodes(path, atMost: WireLimits.pathNodes, space)
        (message.n_closer, message.closer) = arena.nodes(closer, space)
        var size = arena.packedSize(of: &message)
        if size > WireLimits.messageBytes, message.n_path > 0 {
            message.n_path = 0
            size = arena.packedSize(of: &message)
        }
        arena.pack(&message, size: size, appendingTo: &output)
    }
}

/// A FindSuccessor reply that is encoded once and sent many times.
///
/// A node has few different answers per routing view. They differ only in the hops; the nodes,
/// which are most of the work, stay the same until the view changes. In protobuf, the encodings of
/// two parts of a message, one after the other, are an encoding of the whole message. So the nodes
/// are encoded with the view, and each call appends its hops.
package struct PreparedFindSuccessorReply: Sendable, Hashable {
    private let bytes: [UInt8]

    /// Prepares a reply. Its path and hops are left out, because they belong to a call.
    package init(_ reply: FindSuccessorReply, space: IdentifierSpace) {
        var lasting = reply
        lasting.path = []
        lasting.hops = 0
        bytes = lasting.encoded(in: space)
    }

    /// Appends the encoded reply of one call.
    package func encode(hops: Int, appendingTo output: inout [UInt8]) {
        // Appending the array itself would retain and release it.
        bytes.withUnsafeBufferPointer { output.append(contentsOf: $0) }
        guard hops != 0 else { return }
        var message = Chord__V1__FindSuccessorReply()
        chord__v1__find_successor_reply__init(&message)
        message.hops = UInt32(clamping: hops)
        Packing.pack(&message, size: Packing.size(of: &message), appendingTo: &output)
    }
}
