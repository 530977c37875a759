// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
package import ChordCore

/// Concord, a Chord node in Go (`concord.ChordService`; Protos/interop/concord.proto).
///
/// Differences to our contract:
/// - A node reference has no incarnation; it gets 0.
/// - GetRing does not name the answering node. A node that is not ready sends an empty answer.
/// - In small rings its lists wrap around and contain the node itself.
/// - FindSuccessor treats the interval up to the successor as open. Asked for the identifier of a
///   member, it names that member's predecessor, or forwards the request to a finger before it. If
///   that finger is gone, the request circles until its deadline, or calls itself until the process
///   crashes. So we never ask for a member's identifier, and never ask in a ring whose lists wrap
///   around.
/// - It has no call for leaving.
/// - It trusts every message: a missing server or an invalid address crashes it.
package struct ConcordDialect: ForeignDialect {
    package let name = DialectName.concord
    package let service = "concord.ChordService"

    package init() {}

    package func objection(to parameters: RingParameters) -> String? {
        if parameters.space.width > 64 {
            return "Concord's identifiers have 64 bits at most, and the ring's have "
                + "\(parameters.space.width)"
        }
        if parameters.rule != .name {
            return "Concord's identifiers come from names, and the ring's from "
                + "\(parameters.rule.rawValue)es"
        }
        if parameters.placements > 1 {
            return "Concord's nodes have one place each, and the ring gives each node one of "
                + "\(parameters.placements)"
        }
        return nil
    }

    package func widest(_ parameters: RingParameters) -> RingParameters {
        var parameters = parameters
        parameters.space = .standard
        return parameters
    }

    // MARK: Asking

    package func calls(
        for statement: PeerOperation,
        in parameters: RingParameters
    ) -> [DialectCall] {
        switch statement {
        case .claiming(_, let operation): return calls(for: operation, in: parameters)
        case .state:
            return [DialectCall("GetRing", [])]
        case .owner(let id):
            return [DialectCall("FindSuccessor", Self.request(id))]
        case .notify(_, changed: true):
            return []
        case .notify(let node, changed: false):
            return Self.notify(node)
        case .leave(let leaveNotice):
            // This tells it that its predecessor has gone. It then asks that predecessor, learns
            // that it is not a member any more, and takes the one before it.
            let state = leaveNotice.state
            return state.predecessor.id == state.node.id ? [] : Self.notify(state.predecessor)
        }
    }

    private static func notify(_ node: NodeReference) -> [DialectCall] {
        guard isPresentable(node) else { return [] }
        var arena = EncodingArena()
        var message = arena.concordServer(node).pointee
        var output: [UInt8] = []
        arena.pack(&message, appendingTo: &output)
        return [DialectCall("Notify", output)]
    }

    private static func request(_ id: Identifier) -> [UInt8] {
        var message = Concord__FindReq()
        concord__find_req__init(&message)
        message.id = id.word3
        var output: [UInt8] = []
        Packing.pack(&message, size: Packing.size(of: &message), appendingTo: &output)
        return output
    }

    package func state(
        of node: NodeReference?,
        from answers: [[UInt8]],
        in parameters: RingParameters
    ) throws(WireError) -> DialectState? {
        let name: StaticString = "Ring"
        let answer = answers.first ?? []
        return try answer.span.bytes.withUnsafeBytes { bytes throws(WireError) in
            try withUnpacked(name, bytes, concord__ring__unpack) { message throws(WireError) in
                let predecessor = try message.predecessor.concordServerIfPresent(
                    parameters.space,
                    FieldPath(message: name, field: "predecessor")
                )
                let successors = message.successors.concordServers(
                    count: message.n_successors,
                    parameters.space
                )
                // Without a predecessor it is not ready: it is alive and not a member.
                guard let predecessor else { return nil }
                // The answer does not name the answering node. A lone node names itself as its
                // predecessor.
                let answering = node ?? predecessor
                let list = SuccessorList(
                    of: answering.id,
                    from: successors,
                    limit: WireLimits.listNodes
                ).entries
                return DialectState(
                    RingState(
                        node: answering,
                        predecessor: predecessor,
                        successors: list.isEmpty ? [answering] : list
                    )
                )
            }
        }
    }

    package func listed(
        in answers: [[UInt8]],
        in parameters: RingParameters
    ) throws(WireError) -> [NodeReference] {
        let answer = answers.first ?? []
        return try answer.span.bytes.withUnsafeBytes { bytes throws(WireError) in
            try withUnpacked("Ring", bytes, concord__ring__unpack) { message throws(WireError) in
                message.successors.concordServers(
                    count: message.n_successors,
                    parameters.space
                )
            }
        }
    }

    /// Its answers do not say that.
    package func isHeadUnreached(in answers: [[UInt8]], in parameters: RingParameters) -> Bool {
        false
    }

    package func owner(
        from answers: [[UInt8]],
        in parameters: RingParameters
    ) throws(WireError) -> NodeReference {
        let name: StaticString = "FindResp"
        let answer = answers.first ?? []
        return try answer.span.bytes.withUnsafeBytes { bytes throws(WireError) in
            try withUnpacked(name, bytes, concord__find_resp__unpack) {
                message throws(WireError) in
                let path = FieldPath(message: name, field: "server")
                let server = try message.server.concordServerIfPresent(parameters.space, path)
                guard let server else { throw path.error(.missing, "absent") }
                return server
            }
        }
    }

    // MARK: Answering

    package func question(
        _ method: String,
        _ request: UnsafeRawBufferPointer,
        in parameters: RingParameters
    ) throws(WireError) -> DialectRequest {
        switch method {
        case "FindSuccessor":
            let name: StaticString = "FindReq"
            return try withUnpacked(name, request, concord__find_req__unpack) {
                message throws(WireError) in
                let id = Identifier(message.id)
                guard parameters.space.contains(id) else {
                    throw FieldPath(message: name, field: "id").outside(parameters.space, id)
                }
                return .owner(of: id)
            }
        case "Notify":
            let name: StaticString = "Server"
            return try withUnpacked(name, request, concord__server__unpack) {
                message throws(WireError) in
                let path = FieldPath(message: name)
                return .notify(try message.concordNode(parameters.space, path))
            }
        default:
            return try withUnpacked("Nothing", request, concord__nothing__unpack) {
                _ throws(WireError) in .state
            }
        }
    }

    package func encode(
        _ answer: DialectResponse,
        to method: String,
        in parameters: RingParameters
    ) throws(WireError) -> [UInt8] {
        var arena = EncodingArena()
        var output: [UInt8] = []
        switch answer {
        case .done: break
        case .owner(let owner):
            guard Self.isPresentable(owner) else {
                throw WireError(
                    .invalidText,
                    "the owner's address is \"\(owner.address)\", which would crash a Concord node"
                )
            }
            var message = Concord__FindResp()
            concord__find_resp__init(&message)
            message.server = arena.concordServer(owner)
            arena.pack(&message, appendingTo: &output)
        case .state(let state):
            var message = Concord__Ring()
            concord__ring__init(&message)
            // The predecessor is never absent: a joining node would ask for it again and again.
            let isShown = Self.isPresentable(state.predecessor)
            message.predecessor = arena.concordServer(isShown ? state.predecessor : state.node)
            let list = state.successors.filter(Self.isPresentable)
            (message.n_successors, message.successors) = arena.concordServers(
                list.isEmpty ? [state.node] : list
            )
            arena.pack(&message, appendingTo: &output)
        }
        return output
    }

    private static func isPresentable(_ node: NodeReference) -> Bool {
        !node.name.isEmpty && NetworkAddress.isWellFormed(node.address)
    }
}

// MARK: - Servers

extension EncodingArena {
    fileprivate mutating func concordServer(
        _ node: NodeReference
    ) -> UnsafeMutablePointer<Concord__Server> {
        let message = allocate(Concord__Server.self, count: 1)
        concord__server__init(message)
        message.pointee.id = node.id.word3
        message.pointee.name = text(node.name)
        message.pointee.address = text(node.address)
        return message
    }

    fileprivate mutating func concordServers(
        _ nodes: [NodeReference]
    ) -> (count: Int, first: UnsafeMutablePointer<UnsafeMutablePointer<Concord__Server>?>?) {
        let count = min(nodes.count, WireLimits.listNodes)
        let first = allocate(UnsafeMutablePointer<Concord__Server>?.self, count: count)
        for index in 0..<count { (first + index).initialize(to: concordServer(nodes[index])) }
        return (count, first)
    }
}

extension Concord__Server {
    fileprivate func concordNode(
        _ space: IdentifierSpace,
        _ path: FieldPath
    ) throws(WireError) -> NodeReference {
        let id = Identifier(id)
        guard space.contains(id) else { throw path.appending("id").outside(space, id) }
        let address = try address.text(WireLimits.addressBytes, path.appending("address"))
        guard NetworkAddress.isWellFormed(address) else {
            throw path.appending("address").error(
                .invalidText,
                "\"\(address)\" is not host:port"
            )
        }
        return NodeReference(
            id: id,
            name: try name.text(WireLimits.nameBytes, path.appending("name")),
            address: address,
            incarnation: 0
        )
    }
}

extension Optional where Wrapped == UnsafeMutablePointer<Concord__Server> {
    fileprivate func concordServerIfPresent(
        _ space: IdentifierSpace,
        _ path: FieldPath
    ) throws(WireError) -> NodeReference? {
        guard let message = self?.pointee else { return nil }
        return try message.concordNode(space, path)
    }
}

extension Optional where Wrapped == UnsafeMutablePointer<UnsafeMutablePointer<Concord__Server>?> {
    /// The beginning of a list, up to the first invalid node, because the sender may have received
    /// it from another node.
    fileprivate func concordServers(count: Int, _ space: IdentifierSpace) -> [NodeReference] {
        guard let first = self else { return [] }
        var nodes: [NodeReference] = []
        for index in 0..<Swift.min(count, WireLimits.listNodes) {
            let path = FieldPath(message: "Ring", field: "successors", index: index)
            guard let node = try? first[index]?.pointee.concordNode(space, path) else { break }
            nodes.append(node)
        }
        return nodes
    }
}

extension FieldPath {
    fileprivate func outside(_ space: IdentifierSpace, _ id: Identifier) -> WireError {
        error(.invalidIdentifier, "\(id) has more than the ring's \(space.width) bits")
    }
}
