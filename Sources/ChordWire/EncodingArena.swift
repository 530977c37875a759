// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CChordProtos
internal import CProtobufC
internal import ChordCore

/// The memory behind the C structs of one message while it is encoded.
///
/// Blocks are allocated from front to back and freed together with the arena. One block is enough
/// for usual messages. Its memory must not be used after the arena, so packing is a method of the
/// arena and not of the message.
struct EncodingArena: ~Copyable {
    /// The current block. Its first word points to the previous block.
    private var block: UnsafeMutableRawPointer
    private var offset: Int
    private var capacity: Int

    private static let alignment = 16
    private static let usualBlock = 4096

    init() {
        self.init(block: EncodingArena.makeBlock(EncodingArena.usualBlock, after: nil))
    }

    private init(block: UnsafeMutableRawPointer) {
        self.block = block
        offset = EncodingArena.alignment
        capacity = EncodingArena.usualBlock
    }

    deinit {
        var last: UnsafeMutableRawPointer? = block
        while let block = last {
            last = block.load(as: UnsafeMutableRawPointer?.self)
            block.deallocate()
        }
    }

    private static func makeBlock(
        _ byteCount: Int,
        after last: UnsafeMutableRawPointer?
    ) -> UnsafeMutableRawPointer {
        let block = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: alignment)
        block.storeBytes(of: last, as: UnsafeMutableRawPointer?.self)
        return block
    }

    private mutating func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
        if byteCount > capacity - offset {
            capacity = max(EncodingArena.usualBlock, byteCount + EncodingArena.alignment)
            block = EncodingArena.makeBlock(capacity, after: block)
            offset = EncodingArena.alignment
        }
        let memory = block + offset
        let used = offset + byteCount
        offset = (used + EncodingArena.alignment - 1) & ~(EncodingArena.alignment - 1)
        return memory
    }

    mutating func allocate<Value>(
        _ type: Value.Type,
        count: Int
    ) -> UnsafeMutablePointer<Value> {
        allocate(byteCount: MemoryLayout<Value>.stride * count)
            .bindMemory(to: type, capacity: count)
    }
}

// MARK: - Values

extension EncodingArena {
    mutating func text(_ string: String) -> ProtobufCBinaryData {
        bytes(string.utf8Span.span)
    }

    mutating func bytes(_ array: [UInt8]) -> ProtobufCBinaryData {
        bytes(array.span)
    }

    private mutating func bytes(_ span: Span<UInt8>) -> ProtobufCBinaryData {
        guard !span.isEmpty else { return ProtobufCBinaryData() }
        let memory = allocate(byteCount: span.count)
        span.withUnsafeBytes { memory.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        return ProtobufCBinaryData(
            len: span.count,
            data: memory.assumingMemoryBound(to: UInt8.self)
        )
    }

    mutating func identifier(
        _ identifier: Identifier,
        _ space: IdentifierSpace
    ) -> ProtobufCBinaryData {
        let memory = allocate(byteCount: space.byteCount)
        space.write(identifier, into: .init(start: memory, count: space.byteCount))
        return ProtobufCBinaryData(
            len: space.byteCount,
            data: memory.assumingMemoryBound(to: UInt8.self)
        )
    }

    mutating func identifiers(
        _ identifiers: ArraySlice<Identifier>,
        _ space: IdentifierSpace
    ) -> (count: Int, first: UnsafeMutablePointer<ProtobufCBinaryData>?) {
        list(identifiers) { $0.identifier($1, space) }
    }

    mutating func texts(
        _ texts: ArraySlice<String>
    ) -> (count: Int, first: UnsafeMutablePointer<ProtobufCBinaryData>?) {
        list(texts) { $0.text($1) }
    }

    mutating func list<Value>(
        _ values: ArraySlice<Value>,
        _ encode: (inout EncodingArena, Value) -> ProtobufCBinaryData
    ) -> (count: Int, first: UnsafeMutablePointer<ProtobufCBinaryData>?) {
        guard !values.isEmpty else { return (0, nil) }
        let first = allocate(ProtobufCBinaryData.self, count: values.count)
        var next = first
        for value in values {
            next.initialize(to: encode(&self, value))
            next += 1
        }
        return (values.count, first)
    }

    mutating func node(
        _ node: NodeReference,
        _ space: IdentifierSpace
    ) -> UnsafeMutablePointer<Chord__V1__Node> {
        let message = allocate(Chord__V1__Node.self, count: 1)
        chord__v1__node__init(message)
        message.pointee.id = identifier(node.id, space)
        message.pointee.name = text(node.name)
        message.pointee.address = text(node.address)
        message.pointee.incarnation = node.incarnation
        message.pointee.place = UInt32(clamping: node.placeIndex)
        message.pointee.store = storeMember(node)
        if !node.failureDomain.isEmpty { message.pointee.failure_domain = text(node.failureDomain) }
        return message
    }

    mutating func nodes(
        _ nodes: [NodeReference],
        atMost limit: Int = WireLimits.listNodes,
        _ space: IdentifierSpace
    ) -> (count: Int, first: UnsafeMutablePointer<UnsafeMutablePointer<Chord__V1__Node>?>?) {
        guard !nodes.isEmpty else { return (0, nil) }
        let count = min(nodes.count, limit)
        let first = allocate(UnsafeMutablePointer<Chord__V1__Node>?.self, count: count)
        for index in 0..<count {
            (first + index).initialize(to: node(nodes[index], space))
        }
        return (count, first)
    }

    mutating func parameters(
        _ parameters: RingParameters
    ) -> UnsafeMutablePointer<Chord__V1__RingParameters> {
        let message = allocate(Chord__V1__RingParameters.self, count: 1)
        chord__v1__ring_parameters__init(message)
        message.pointee.ring = text(parameters.ring)
        message.pointee.hash = text(parameters.hash)
        message.pointee.hash_probe = identifier(parameters.probe, parameters.space)
        message.pointee.width = UInt32(parameters.space.width)
        message.pointee.id_rule =
            switch parameters.rule {
            case .name: CHORD__V1__ID_RULE__ID_RULE_NAME
            case .address: CHORD__V1__ID_RULE__ID_RULE_ADDRESS
            }
        message.pointee.successors = UInt32(clamping: parameters.successorCount)
        // One place is what programs of the first version know, and the absence of the field.
        if parameters.placements > 1 {
            message.pointee.placements = UInt32(clamping: parameters.placements)
        }
        if let store = parameters.store { message.pointee.store = randomBits(store.bits) }
        return message
    }
}

// MARK: - Packing

/// A message that protobuf-c can pack: the generated structs, which all begin with their base.
///
/// The arena's methods call these. Call them directly only for messages without memory of an arena.
enum Packing {
    static func size<Message>(of message: inout Message) -> Int {
        withUnsafePointer(to: &message) { pointer in
            protobuf_c_message_get_packed_size(
                UnsafeRawPointer(pointer).assumingMemoryBound(to: ProtobufCMessage.self)
            )
        }
    }

    /// Appends a message of known size, written directly into the output's storage.
    static func pack<Message>(
        _ message: inout Message,
        size: Int,
        appendingTo output: inout [UInt8]
    ) {
        guard size > 0 else { return }
        withUnsafePointer(to: &message) { pointer in
            let base = UnsafeRawPointer(pointer).assumingMemoryBound(to: ProtobufCMessage.self)
            output.append(addingCapacity: size) { (span: inout OutputSpan<UInt8>) in
                span.withUnsafeMutableBufferPointer { buffer, count in
                    count += protobuf_c_message_pack(base, buffer.baseAddress! + count)
                }
            }
        }
    }
}

extension EncodingArena {
    /// The size of a message whose memory belongs to this arena.
    mutating func packedSize<Message>(of message: inout Message) -> Int {
        Packing.size(of: &message)
    }

    /// Appends a message whose memory belongs to this arena.
    mutating func pack<Message>(
        _ message: inout Message,
        size: Int,
        appendingTo output: inout [UInt8]
    ) {
        Packing.pack(&message, size: size, appendingTo: &output)
    }

    /// Appends a message whose memory belongs to this arena.
    mutating func pack<Message>(_ message: inout Message, appendingTo output: inout [UInt8]) {
        pack(&message, size: packedSize(of: &message), appendingTo: &output)
    }
}
