// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC

// The messages of Tests/Interop/official/grpc_testing.proto.

enum Official {
    struct Empty: OfficialMessage {
        mutating func take(_ field: ProtobufField) throws(Status) {
            throw field.unknown(in: Self.self)
        }

        func write(to writer: inout ProtobufWriter) {}
    }

    /// A truth that can be absent, which is not the same as false.
    struct BoolValue: OfficialMessage {
        var value = false

        mutating func take(_ field: ProtobufField) throws(Status) {
            guard field.number == 1 else { throw field.unknown(in: Self.self) }
            switch try field.int32() {
            case 0: value = false
            case 1: value = true
            case let other: throw .malformed("\(other) is neither true nor false")
            }
        }

        func write(to writer: inout ProtobufWriter) { writer.write(1, value ? 1 : 0) }
    }

    struct Payload: OfficialMessage {
        /// The only type of the contract: compressible data.
        static let compressable: Int32 = 0
        private static let largest: Int32 = 4 << 20

        var type: Int32 = 0
        var body: [UInt8] = []

        /// So many zeros.
        static func zeros(_ count: Int) -> Payload {
            Payload(body: [UInt8](repeating: 0, count: count))
        }

        /// The payload that a caller asks for.
        ///
        /// - Throws: INVALID_ARGUMENT where there is no such type or size.
        static func asked(type: Int32, size: Int32) throws(Status) -> Payload {
            guard type == compressable, (0...largest).contains(size) else {
                throw Status(.invalidArgument, "no payload of type \(type) and size \(size)")
            }
            return zeros(Int(size))
        }

        mutating func take(_ field: ProtobufField) throws(Status) {
            switch field.number {
            case 1: type = try field.int32()
            case 2: body = Array(try field.bytes())
            default: throw field.unknown(in: Self.self)
            }
        }

        func write(to writer: inout ProtobufWriter) {
            writer.write(1, type)
            writer.write(2, body)
        }
    }

    /// The status that the server is to end the call with.
    struct EchoStatus: OfficialMessage {
        var code: Int32 = 0
        var message = ""

        var status: Status { Status(StatusCode(wire: Int(code)), message) }

        mutating func take(_ field: ProtobufField) throws(Status) {
            switch field.number {
            case 1: code = try field.int32()
            case 2: message = try field.text()
            default: throw field.unknown(in: Self.self)
            }
        }

        func write(to writer: inout ProtobufWriter) {
            writer.write(1, code)
            writer.write(2, message.utf8)
        }
    }

    struct SimpleRequest: OfficialMessage {
        var responseType = Payload.compressable
        var responseSize: Int32 = 0
        var payload: Payload?
        var responseCompressed: BoolValue?
        var responseStatus: EchoStatus?
        var expectCompressed: BoolValue?

        mutating func take(_ field: ProtobufField) throws(Status) {
            switch field.number {
            case 1: responseType = try field.int32()
            case 2: responseSize = try field.int32()
            case 3: payload = try field.message(Payload.self)
            case 6: responseCompressed = try field.message(BoolValue.self)
            case 7: responseStatus = try field.message(EchoStatus.self)
            case 8: expectCompressed = try field.message(BoolValue.self)
            default: throw field.unknown(in: Self.self)
            }
        }

        func write(to writer: inout ProtobufWriter) {
            writer.write(1, responseType)
            writer.write(2, responseSize)
            writer.write(3, payload)
            writer.write(6, responseCompressed)
            writer.write(7, responseStatus)
            writer.write(8, expectCompressed)
        }
    }

    struct SimpleResponse: OfficialMessage {
        var payload: Payload?

        mutating func take(_ field: ProtobufField) throws(Status) {
            guard field.number == 1 else { throw field.unknown(in: Self.self) }
            payload = try field.message(Payload.self)
        }

        func write(to writer: inout ProtobufWriter) { writer.write(1, payload) }
    }

    struct StreamingInputCallRequest: OfficialMessage {
        var payload: Payload?
        var expectCompressed: BoolValue?

        mutating func take(_ field: ProtobufField) throws(Status) {
            switch field.number {
            case 1: payload = try field.message(Payload.self)
            case 2: expectCompressed = try field.message(BoolValue.self)
            default: throw field.unknown(in: Self.self)
            }
        }

        func write(to writer: inout ProtobufWriter) {
            writer.write(1, payload)
            writer.write(2, expectCompressed)
        }
    }

    struct StreamingInputCallResponse: OfficialMessage {
        var aggregatedPayloadSize: Int32 = 0

        mutating func take(_ field: ProtobufField) throws(Status) {
            guard field.number == 1 else { throw field.unknown(in: Self.self) }
            aggregatedPayloadSize = try field.int32()
        }

        func write(to writer: inout ProtobufWriter) { writer.write(1, aggregatedPayloadSize) }
    }

    struct ResponseParameters: OfficialMessage {
        var size: Int32 = 0
        var compressed: BoolValue?

        mutating func take(_ field: ProtobufField) throws(Status) {
            switch field.number {
            case 1: size = try field.int32()
            case 3: compressed = try field.message(BoolValue.self)
            default: throw field.unknown(in: Self.self)
            }
        }

        func write(to writer: inout ProtobufWriter) {
            writer.write(1, size)
            writer.write(3, compressed)
        }
    }

    struct StreamingOutputCallRequest: OfficialMessage {
        static let repeatedFields: Set<Int> = [2]

        var responseType = Payload.compressable
        var responseParameters: [ResponseParameters] = []
        var payload: Payload?
        var responseStatus: EchoStatus?

        mutating func take(_ field: ProtobufField) throws(Status) {
            switch field.number {
            case 1: responseType = try field.int32()
            case 2: responseParameters.append(try field.message(ResponseParameters.self))
            case 3: payload = try field.message(Payload.self)
            case 7: responseStatus = try field.message(EchoStatus.self)
            default: throw field.unknown(in: Self.self)
            }
        }

        func write(to writer: inout ProtobufWriter) {
            writer.write(1, responseType)
            for parameters in responseParameters { writer.write(2, parameters) }
            writer.write(3, payload)
            writer.write(7, responseStatus)
        }
    }

    struct StreamingOutputCallResponse: OfficialMessage {
        var payload: Payload?

        mutating func take(_ field: ProtobufField) throws(Status) {
            guard field.number == 1 else { throw field.unknown(in: Self.self) }
            payload = try field.message(Payload.self)
        }

        func write(to writer: inout ProtobufWriter) { writer.write(1, payload) }
    }
}
