// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordWire
import ChordTestSupport
import Testing

/// Parameters that no ring can have, and rings of another width.
@Suite(.tags(.unit)) struct RingParametersTests {
    let space: IdentifierSpace

    init() throws {
        space = try IdentifierSpace(width: 12)
    }

    struct ParametersRefusal: Sendable, CustomTestStringConvertible {
        let parameters: WireWriter
        let code: WireError.Code
        let reason: String

        var testDescription: String { reason }
    }

    static let parameters = [
        ParametersRefusal(
            parameters: .parameters(ring: []),
            code: .missing,
            reason: "ring: empty"
        ),
        ParametersRefusal(
            parameters: .parameters(ring: .init(repeating: 97, count: 256)),
            code: .invalidText,
            reason: "ring: 256 bytes, at most 255"
        ),
        ParametersRefusal(
            parameters: .parameters(ring: [97, 0]),
            code: .invalidText,
            reason: "ring: a zero byte"
        ),
        ParametersRefusal(
            parameters: .parameters(hash: []),
            code: .missing,
            reason: "hash: empty"
        ),
        ParametersRefusal(
            parameters: .parameters(hash: .init(repeating: 97, count: 65)),
            code: .invalidText,
            reason: "hash: 65 bytes, at most 64"
        ),
        ParametersRefusal(
            parameters: .parameters(hash: [0x80]),
            code: .invalidText,
            reason: "hash: not UTF-8"
        ),
        ParametersRefusal(
            parameters: .parameters(probe: []),
            code: .missing,
            reason: "hash_probe: empty"
        ),
        ParametersRefusal(
            parameters: .parameters(probe: [1, 2, 3]),
            code: .invalidIdentifier,
            reason: "hash_probe: 3 bytes, an identifier of 16 bits has 2"
        ),
        ParametersRefusal(
            parameters: .parameters(width: 0),
            code: .invalidParameters,
            reason: "width: 0 bits, an identifier has 1 to 256"
        ),
        ParametersRefusal(
            parameters: .parameters(width: 257),
            code: .invalidParameters,
            reason: "width: 257 bits, an identifier has 1 to 256"
        ),
        ParametersRefusal(
            parameters: .parameters(width: 0xFFFF_FFFF),
            code: .invalidParameters,
            reason: "width: 4294967295 bits, an identifier has 1 to 256"
        ),
        ParametersRefusal(
            parameters: .parameters(rule: 0),
            code: .invalidParameters,
            reason: "id_rule: 0 is no rule known here"
        ),
        ParametersRefusal(
            parameters: .parameters(rule: 3),
            code: .invalidParameters,
            reason: "id_rule: 3 is no rule known here"
        ),
        ParametersRefusal(
            parameters: .parameters(successors: 0),
            code: .invalidParameters,
            reason: "successors: 0, a list has 1 to 64 entries"
        ),
        ParametersRefusal(
            parameters: .parameters(successors: 65),
            code: .invalidParameters,
            reason: "successors: 65, a list has 1 to 64 entries"
        ),
        ParametersRefusal(
            parameters: .parameters().number(7, 65),
            code: .invalidParameters,
            reason: "placements: 65, a node has 1 to 64 places"
        ),
        ParametersRefusal(
            parameters: .parameters().number(7, 0xFFFF_FFFF),
            code: .invalidParameters,
            reason: "placements: 4294967295, a node has 1 to 64 places"
        ),
        ParametersRefusal(
            parameters: .parameters().bytes(8, [1, 2, 3]),
            code: .invalidIdentifier,
            reason: "store: 3 bytes, exactly 16"
        ),
    ]

    @Test(arguments: parameters)
    func invalidParametersAreRefused(refusal: ParametersRefusal) throws {
        func check<Message: WireMessage>(_ type: Message.Type, _ field: UInt64) {
            let error = #expect(throws: WireError.self) {
                try Message(
                    decoding: WireWriter().message(field, refusal.parameters).bytes,
                    space: space
                )
            }
            #expect(error?.code == refusal.code)
            #expect(error?.message == "\(type).parameters.\(refusal.reason)")
        }
        check(NotifyRequest.self, 2)
        check(GetSuccessorListRequest.self, 1)
        check(GetSuccessorListReply.self, 4)
    }

    @Test func differentWidthIsReportedBeforeIdentifiersAreDecoded() throws {
        let node = WireWriter.node(id: [1, 2, 3])
        let parameters = WireWriter.parameters()
        func check<Message: WireMessage>(_ type: Message.Type, _ writer: WireWriter) {
            let error = #expect(throws: WireError.self) {
                try Message(decoding: writer.bytes, space: space)
            }
            #expect(error?.code == .widthDiffers)
            #expect(
                error?.message
                    == "\(type).parameters.width: identifiers have 16 bits there and 12 here"
            )
        }
        check(NotifyRequest.self, WireWriter().message(1, node).message(2, parameters))
        check(GetSuccessorListReply.self, WireWriter().message(1, node).message(4, parameters))
        let request = try GetSuccessorListRequest(
            decoding: WireWriter().message(1, parameters).bytes,
            space: space
        )
        #expect(request.parameters?.space.width == 16)
    }
}
