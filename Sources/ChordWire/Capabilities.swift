// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

package import ChordBase
internal import CChordProtos
internal import CProtobufC
internal import ChordCore

// What version 2 of the contract added to several messages: capabilities, and the ids of disks and stores.

extension Optional where Wrapped == UnsafeMutablePointer<Chord__V1__Capabilities> {
    /// The sender's capabilities; those of the first version if the field is absent.
    func capabilities(_ path: FieldPath) throws(WireError) -> Capabilities {
        guard let message = self?.pointee else { return .first }
        guard WireLimits.version.contains(Int(message.version)) else {
            throw path.appending("version").error(
                .outOfBounds,
                "\(message.version), at least \(WireLimits.version.lowerBound) and at most "
                    + "\(WireLimits.version.upperBound)"
            )
        }
        guard message.n_features <= WireLimits.features else {
            throw path.appending("features").error(
                .tooMany,
                "\(message.n_features) names, at most \(WireLimits.features)"
            )
        }
        var features: Set<Capabilities.Feature> = []
        for index in 0..<message.n_features {
            let name = try message.features[index].text(
                WireLimits.featureBytes,
                path.appending("features")
            )
            features.insert(Capabilities.Feature(name))
        }
        return Capabilities(version: Int(message.version), features: features)
    }
}

extension ProtobufCBinaryData {
    /// The 128 bits of an id; nil if the field is empty.
    func randomBits(_ path: FieldPath) throws(WireError) -> RandomBits? {
        guard len > 0 else { return nil }
        guard len == WireLimits.randomBytes else {
            throw path.error(.invalidIdentifier, "\(len) bytes, exactly \(WireLimits.randomBytes)")
        }
        let buffer = UnsafeRawBufferPointer(start: data, count: len)
        return RandomBits(
            high: UInt64(bigEndian: buffer.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
            low: UInt64(bigEndian: buffer.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
    }
}

extension EncodingArena {
    mutating func capabilities(
        _ capabilities: Capabilities
    ) -> UnsafeMutablePointer<Chord__V1__Capabilities>? {
        // The first version does not know the field.
        guard capabilities != .first else { return nil }
        let message = allocate(Chord__V1__Capabilities.self, count: 1)
        chord__v1__capabilities__init(message)
        message.pointee.version = UInt32(clamping: capabilities.version)
        (message.pointee.n_features, message.pointee.features) = texts(
            capabilities.features.sorted().prefix(WireLimits.features).map(\.name)[...]
        )
        return message
    }

    /// A node's part in the store; nil if it has none.
    mutating func storeMember(
        _ node: NodeReference
    ) -> UnsafeMutablePointer<Chord__V1__StoreMember>? {
        guard let disk = node.disk else { return nil }
        let message = allocate(Chord__V1__StoreMember.self, count: 1)
        chord__v1__store_member__init(message)
        message.pointee.disk = randomBits(disk.bits)
        return message
    }

    mutating func randomBits(_ bits: RandomBits) -> ProtobufCBinaryData {
        let memory = allocate(UInt64.self, count: 2)
        memory.initialize(to: bits.high.bigEndian)
        (memory + 1).initialize(to: bits.low.bigEndian)
        return ProtobufCBinaryData(
            len: WireLimits.randomBytes,
            data: UnsafeMutableRawPointer(memory).assumingMemoryBound(to: UInt8.self)
        )
    }
}
