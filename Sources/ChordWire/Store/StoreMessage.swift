// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import CProtobufC
internal import ChordCore

/// A message of the store's contracts: what differs between them. Encoding and decoding are the same for all.
protocol StoreMessage: WireMessage {
    /// The generated struct.
    associatedtype Packed

    /// The generated functions, the name, and what the message may cost.
    static var codec: StoreMessageCodec<Packed> { get }

    /// Reads a message. Errors name the field only.
    init(_ packed: Packed, _ space: IdentifierSpace) throws(WireError)

    /// Fills an initialised struct.
    func fill(_ packed: inout Packed, _ arena: inout EncodingArena, _ space: IdentifierSpace)
}

struct StoreMessageCodec<Packed>: Sendable {
    let name: StaticString
    let limit: MessageLimit
    let initialize: @Sendable (UnsafeMutablePointer<Packed>?) -> Void
    let unpack:
        @Sendable (UnsafeMutablePointer<ProtobufCAllocator>?, Int, UnsafePointer<UInt8>?)
            -> UnsafeMutablePointer<Packed>?

    init(
        _ name: StaticString,
        _ limit: MessageLimit,
        _ initialize: @escaping @Sendable (UnsafeMutablePointer<Packed>?) -> Void,
        _ unpack:
            @escaping @Sendable (
                UnsafeMutablePointer<ProtobufCAllocator>?, Int, UnsafePointer<UInt8>?
            ) -> UnsafeMutablePointer<Packed>?
    ) {
        self.name = name
        self.limit = limit
        self.initialize = initialize
        self.unpack = unpack
    }
}

extension StoreMessage {
    package init(
        decoding bytes: UnsafeRawBufferPointer,
        space: IdentifierSpace
    ) throws(WireError) {
        let codec = Self.codec
        self = try withUnpacked(codec.name, bytes, limit: codec.limit, codec.unpack) {
            message throws(WireError) in
            try FieldPath(message: codec.name).containing { () throws(WireError) in
                try Self(message, space)
            }
        }
    }

    package func encode(appendingTo output: inout [UInt8], space: IdentifierSpace) {
        var arena = EncodingArena()
        let message = arena.message(Self.codec.initialize)
        fill(&message.pointee, &arena, space)
        arena.pack(&message.pointee, appendingTo: &output)
    }
}
