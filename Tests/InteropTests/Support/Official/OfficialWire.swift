// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC

/// A message as protobuf has it on the wire. It takes its fields strictly: one that it does not know, or
/// that comes twice, is refused, so that no number in the contract can be wrong unnoticed.
protocol OfficialMessage: Equatable, Sendable {
    /// The numbers of the fields that may come more than once.
    static var repeatedFields: Set<Int> { get }

    init()
    mutating func take(_ field: ProtobufField) throws(Status)
    func write(to writer: inout ProtobufWriter)
}

extension OfficialMessage {
    static var repeatedFields: Set<Int> { [] }

    /// - Throws: INVALID_ARGUMENT where the bytes are not of this message.
    init(decoding bytes: some Collection<UInt8>) throws(Status) {
        self.init()
        var reader = ProtobufReader(bytes)
        var seen: Set<Int> = []
        while let field = try reader.next() {
            guard seen.insert(field.number).inserted || Self.repeatedFields.contains(field.number)
            else { throw .malformed("field \(field.number) of \(Self.self) comes twice") }
            try take(field)
        }
    }

    var encoded: [UInt8] {
        var writer = ProtobufWriter()
        write(to: &writer)
        return writer.bytes
    }
}

extension Status {
    static func malformed(_ what: String) -> Status {
        Status(.invalidArgument, "not a message of grpc.testing: \(what)")
    }
}

/// A decoded field.
struct ProtobufField: Sendable {
    enum Value: Sendable {
        case number(UInt64)
        case bytes(ArraySlice<UInt8>)
    }

    let number: Int
    let value: Value

    /// The default of a missing field.
    func unknown(in message: (some OfficialMessage).Type) -> Status {
        .malformed("\(message) has no field \(number)")
    }

    func int32() throws(Status) -> Int32 {
        // A negative one comes as the 64 bits that it has after widening.
        guard case .number(let bits) = value,
            let number = Int32(exactly: Int64(bitPattern: bits))
        else { throw .malformed("field \(number) is no number of 32 bits") }
        return number
    }

    func bytes() throws(Status) -> ArraySlice<UInt8> {
        guard case .bytes(let bytes) = value else {
            throw .malformed("field \(number) is a number and not bytes")
        }
        return bytes
    }

    func text() throws(Status) -> String {
        guard let text = String(validating: try bytes(), as: UTF8.self) else {
            throw .malformed("field \(number) is not UTF-8")
        }
        return text
    }

    func message<Message: OfficialMessage>(_: Message.Type) throws(Status) -> Message {
        try Message(decoding: try bytes())
    }
}

/// Takes fields out of bytes: numbers and what has a length, since the messages have no others.
struct ProtobufReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: some Collection<UInt8>) {
        rest = ArraySlice(bytes)
    }

    /// The next field; nil at the end.
    mutating func next() throws(Status) -> ProtobufField? {
        guard !rest.isEmpty else { return nil }
        let tag = try varint()
        guard (1...536_870_911).contains(tag >> 3) else {
            throw .malformed("there is no field \(tag >> 3)")
        }
        let number = Int(tag >> 3)
        switch tag & 7 {
        case 0: return ProtobufField(number: number, value: .number(try varint()))
        case 2:
            let count = try varint()
            guard count <= UInt64(rest.count) else {
                throw .malformed("field \(number) is longer than what holds it")
            }
            defer { rest.removeFirst(Int(count)) }
            return ProtobufField(number: number, value: .bytes(rest.prefix(Int(count))))
        default: throw .malformed("field \(number) has the wire type \(tag & 7)")
        }
    }

    private mutating func varint() throws(Status) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 64, by: 7) {
            guard let byte = rest.popFirst() else { throw .malformed("it ends in a number") }
            let bits = UInt64(byte & 0x7f)
            guard (bits << shift) >> shift == bits else { break }
            value |= bits << shift
            if byte & 0x80 == 0 { return value }
        }
        throw .malformed("a number has more than 64 bits")
    }
}

/// Writes fields. One that has its default is left out, as proto3 has it.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write(_ number: Int, _ value: Int32) {
        guard value != 0 else { return }
        varint(UInt64(number) << 3)
        varint(UInt64(bitPattern: Int64(value)))
    }

    mutating func write(_ number: Int, _ value: some Collection<UInt8>) {
        guard !value.isEmpty else { return }
        writeWithLength(number, value)
    }

    /// A message that is there is written even if it is empty.
    mutating func write(_ number: Int, _ message: (some OfficialMessage)?) {
        guard let message else { return }
        writeWithLength(number, message.encoded)
    }

    private mutating func writeWithLength(_ number: Int, _ value: some Collection<UInt8>) {
        varint(UInt64(number) << 3 | 2)
        varint(UInt64(value.count))
        bytes += value
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
