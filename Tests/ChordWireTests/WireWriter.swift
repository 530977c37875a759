// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Protobuf written by hand, for messages that the module never sends.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    private mutating func append(variableLength value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    func number(_ field: UInt64, _ value: UInt64) -> WireWriter {
        var writer = self
        writer.append(variableLength: field << 3)
        writer.append(variableLength: value)
        return writer
    }

    func bytes(_ field: UInt64, _ value: [UInt8]) -> WireWriter {
        var writer = self
        writer.append(variableLength: field << 3 | 2)
        writer.append(variableLength: UInt64(value.count))
        writer.bytes += value
        return writer
    }

    func text(_ field: UInt64, _ value: String) -> WireWriter {
        bytes(field, Array(value.utf8))
    }

    func message(_ field: UInt64, _ value: WireWriter) -> WireWriter {
        bytes(field, value.bytes)
    }

    func repeated(_ count: Int, _ add: (WireWriter) -> WireWriter) -> WireWriter {
        (0..<count).reduce(self) { writer, _ in add(writer) }
    }

    /// Fields of every kind that no version of the contract has yet.
    func unknownFields() -> WireWriter {
        var writer = number(1000, 7).text(1001, "later")
        writer.append(variableLength: 1002 << 3 | 5)
        writer.bytes += [1, 2, 3, 4]
        writer.append(variableLength: 1003 << 3 | 1)
        writer.bytes += [1, 2, 3, 4, 5, 6, 7, 8]
        return writer
    }

    static func node(
        id: [UInt8] = [1, 2],
        name: [UInt8] = Array("n1".utf8),
        address: [UInt8] = Array("h:1".utf8)
    ) -> WireWriter {
        WireWriter().bytes(1, id).bytes(2, name).bytes(3, address).number(4, 1)
    }

    static func parameters(
        ring: [UInt8] = Array("r".utf8),
        hash: [UInt8] = Array("sha256".utf8),
        probe: [UInt8] = [10, 11],
        width: UInt64 = 16,
        rule: UInt64 = 1,
        successors: UInt64 = 4
    ) -> WireWriter {
        WireWriter().bytes(1, ring).bytes(2, hash).bytes(3, probe).number(4, width)
            .number(5, rule).number(6, successors)
    }
}
