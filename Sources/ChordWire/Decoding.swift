// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
internal import CChordProtos
internal import CProtobufC
internal import ChordCore

/// The position of a value in a message. It becomes text only for an error.
struct FieldPath {
    let message: StaticString
    var field: StaticString = ""
    var index: Int?
    var leaf: StaticString?

    func element(_ index: Int) -> FieldPath {
        var path = self
        path.index = index
        return path
    }

    func appending(_ leaf: StaticString) -> FieldPath {
        var path = self
        path.leaf = leaf
        return path
    }

    func error(
        _ code: WireError.Code,
        _ reason: @autoclosure () -> String,
        cause: (any Error)? = nil
    ) -> WireError {
        WireError(code, "\(self): \(reason())", cause: cause)
    }
}

extension FieldPath: CustomStringConvertible {
    var description: String {
        "\(message)" + (field.utf8CodeUnitCount == 0 ? "" : ".\(field)")
            + (index.map { "[\($0)]" } ?? "") + (leaf.map { ".\($0)" } ?? "")
    }
}

/// Unpacks a message, calls `body` with it, and frees it, also if `body` throws.
///
/// `unpack` is the generated function of the message. Nothing of the message may leave `body`.
///
/// - Throws: `tooLarge` before anything is allocated, `tooMany` for a message that would exceed its limit of
///   memory, `malformed`, and what `body` throws.
func withUnpacked<Message, Value>(
    _ name: StaticString,
    _ bytes: UnsafeRawBufferPointer,
    limit: MessageLimit = .ordinary,
    _ unpack:
        (UnsafeMutablePointer<ProtobufCAllocator>?, Int, UnsafePointer<UInt8>?)
        -> UnsafeMutablePointer<Message>?,
    _ body: (inout Message) throws(WireError) -> Value
) throws(WireError) -> Value {
    let path = FieldPath(message: name)
    guard bytes.count <= limit.bytes else {
        throw path.error(.tooLarge, "\(bytes.count) bytes, at most \(limit.bytes)")
    }
    guard let overhead = limit.overheadBytes else {
        return try withUnpacked(path, bytes, nil, unpack, body)
    }
    var budget = UnpackingBudget(bytes: bytes.count + overhead)
    return try budget.withAllocator { allocator throws(WireError) in
        try withUnpacked(path, bytes, allocator, unpack, body)
    }
}

private func withUnpacked<Message, Value>(
    _ path: FieldPath,
    _ bytes: UnsafeRawBufferPointer,
    _ allocator: UnsafeMutablePointer<ProtobufCAllocator>?,
    _ unpack:
        (UnsafeMutablePointer<ProtobufCAllocator>?, Int, UnsafePointer<UInt8>?)
        -> UnsafeMutablePointer<Message>?,
    _ body: (inout Message) throws(WireError) -> Value
) throws(WireError) -> Value {
    let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
    guard let message = unpack(allocator, bytes.count, start) else {
        let budget = allocator?.pointee.allocator_data.assumingMemoryBound(to: UnpackingBudget.self)
        throw budget?.pointee.isExhausted == true
            ? path.error(.tooMany, "more fields than a message of \(bytes.count) bytes may have")
            : path.error(.malformed, "\(bytes.count) bytes that are not this message")
    }
    defer {
        protobuf_c_message_free_unpacked(
            UnsafeMutableRawPointer(message).assumingMemoryBound(to: ProtobufCMessage.self),
            allocator
        )
    }
    return try body(&message.pointee)
}

// MARK: - Values

extension ProtobufCBinaryData {
    private var buffer: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: data, count: len)
    }

    /// The bytes as text.
    func text(_ bounds: ClosedRange<Int>, _ path: FieldPath) throws(WireError) -> String {
        guard len >= bounds.lowerBound else {
            throw path.error(.missing, "empty")
        }
        guard len <= bounds.upperBound else {
            throw path.error(.invalidText, "\(len) bytes, at most \(bounds.upperBound)")
        }
        guard !buffer.contains(0) else {
            throw path.error(.invalidText, "a zero byte")
        }
        guard let text = String(validating: buffer, as: UTF8.self) else {
            throw path.error(.invalidText, "not UTF-8")
        }
        return text
    }

    /// The bytes as an identifier.
    func identifier(
        _ space: IdentifierSpace,
        _ path: FieldPath
    ) throws(WireError) -> Identifier {
        guard len > 0 else { throw path.error(.missing, "empty") }
        do {
            return try space.identifier(bigEndian: buffer)
        } catch {
            throw path.error(.invalidIdentifier, error.message)
        }
    }
}

extension Optional where Wrapped == UnsafeMutablePointer<Chord__V1__Node> {
    /// The node; nil if the field is absent.
    func nodeIfPresent(
        _ space: IdentifierSpace,
        _ path: FieldPath
    ) throws(WireError) -> NodeReference? {
        guard let message = self?.pointee else { return nil }
        guard WireLimits.incarnation.contains(message.incarnation) else {
            throw path.appending("incarnation").error(
                .outOfBounds,
                "\(message.incarnation), at most \(WireLimits.incarnation.upperBound)"
            )
        }
        guard WireLimits.placeIndex.contains(Int(message.place)) else {
            throw path.appending("place").error(
                .outOfBounds,
                "\(message.place), at most \(WireLimits.placeIndex.upperBound)"
            )
        }
        var node = NodeReference(
            id: try message.id.identifier(space, path.appending("id")),
            name: try message.name.text(WireLimits.nameBytes, path.appending("name")),
            address: try message.address.text(WireLimits.addressBytes, path.appending("address")),
            incarnation: message.incarnation
        )
        node.placeIndex = Int(message.place)
        if let member = message.store {
            let disk = try member.pointee.disk.randomBits(path.appending("store.disk"))
            guard let disk else { throw path.appending("store.disk").error(.missing, "empty") }
            node.disk = DiskID(disk)
        }
        if message.failure_domain.len > 0 {
            node.failureDomain = try message.failure_domain.text(
                WireLimits.failureDomainBytes,
                path.appending("failure_domain")
            )
        }
        return node
    }

    /// The node; an error if the field is absent.
    func node(_ space: IdentifierSpace, _ path: FieldPath) throws(WireError) -> NodeReference {
        guard let node = try nodeIfPresent(space, path) else {
            throw path.error(.missing, "absent")
        }
        return node
    }
}

extension Optional where Wrapped == UnsafeMutablePointer<UnsafeMutablePointer<Chord__V1__Node>?> {
    /// The nodes of a list.
    func nodes(
        count: Int,
        atMost limit: Int = WireLimits.listNodes,
        _ space: IdentifierSpace,
        _ path: FieldPath
    ) throws(WireError) -> [NodeReference] {
        guard count <= limit else {
            throw path.error(.tooMany, "\(count) nodes, at most \(limit)")
        }
        guard let first = self, count > 0 else { return [] }
        var nodes: [NodeReference] = []
        nodes.reserveCapacity(count)
        for index in 0..<count {
            nodes.append(try first[index].node(space, path.element(index)))
        }
        return nodes
    }
}

extension Optional where Wrapped == UnsafeMutablePointer<ProtobufCBinaryData> {
    /// The addresses of a list.
    func addresses(count: Int, _ path: FieldPath) throws(WireError) -> [String] {
        guard count <= WireLimits.listNodes else {
            throw path.error(.tooMany, "\(count) addresses, at most \(WireLimits.listNodes)")
        }
        guard let first = self, count > 0 else { return [] }
        var addresses: [String] = []
        for index in 0..<count {
            addresses.append(try first[index].text(WireLimits.addressBytes, path.element(index)))
        }
        return addresses
    }
}

extension Optional where Wrapped == UnsafeMutablePointer<Chord__V1__RingParameters> {
    /// The parameters; nil if the field is absent. They contain their own width.
    func parametersIfPresent(_ path: FieldPath) throws(WireError) -> RingParameters? {
        guard let message = self?.pointee else { return nil }
        guard
            IdentifierSpace.widths.contains(Int(message.width)),
            let space = try? IdentifierSpace(width: Int(message.width))
        else {
            throw path.appending("width").error(
                .invalidParameters,
                "\(message.width) bits, an identifier has 1 to 256"
            )
        }
        let rule: IdentifierRule
        switch message.id_rule {
        case CHORD__V1__ID_RULE__ID_RULE_NAME: rule = .name
        case CHORD__V1__ID_RULE__ID_RULE_ADDRESS: rule = .address
        default:
            throw path.appending("id_rule").error(
                .invalidParameters,
                "\(message.id_rule.rawValue) is no rule known here"
            )
        }
        guard WireLimits.successorCount.contains(Int(message.successors)) else {
            throw path.appending("successors").error(
                .invalidParameters,
                "\(message.successors), a list has 1 to \(WireLimits.listNodes) entries"
            )
        }
        // A program of the first version does not know the field.
        let placements = max(1, Int(message.placements))
        guard WireLimits.placements.contains(placements) else {
            throw path.appending("placements").error(
                .invalidParameters,
                "\(placements), a node has 1 to \(RingParameters.largestPlacements) places"
            )
        }
        var parameters = RingParameters(
            ring: try message.ring.text(WireLimits.ringNameBytes, path.appending("ring")),
            hash: try message.hash.text(WireLimits.hashNameBytes, path.appending("hash")),
            probe: try message.hash_probe.identifier(space, path.appending("hash_probe")),
            space: space,
            rule: rule,
            successorCount: Int(message.successors)
        )
        parameters.placements = placements
        parameters.store = try message.store.randomBits(path.appending("store")).map(StoreID.init)
        return parameters
    }

    /// The parameters; an error if the field is absent, or if their width is not `space`'s, because
    /// the identifiers of the same message could then not be read.
    func parameters(_ space: IdentifierSpace, _ path: FieldPath) throws(WireError) -> RingParameters
    {
        guard let parameters = try parametersIfPresent(path) else {
            throw path.error(.missing, "absent")
        }
        guard parameters.space == space else {
            throw path.appending("width").error(
                .widthDiffers,
                "identifiers have \(parameters.space.width) bits there and \(space.width) here"
            )
        }
        return parameters
    }
}
