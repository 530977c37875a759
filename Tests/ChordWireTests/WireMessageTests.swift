// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordWire
import ChordTestSupport
import Testing

/// What holds for every message.
@Suite(.tags(.unit)) struct WireMessageTests {
    @Test(arguments: MessageKind.all, [1, 9, 16, 64, 160, 256])
    func messageSurvivesEncodingAndDecoding(kind: MessageKind, width: Int) throws {
        let space = try IdentifierSpace(width: width)
        var generator = SeededGenerator(seed: UInt64(width))
        for _ in 0..<40 {
            #expect(try kind.roundTrips(&generator, space))
        }
    }

    /// A truncated message can be valid, but never equals the complete one.
    @Test(arguments: MessageKind.all)
    func messageTruncatedAtAnyByteIsRefused(kind: MessageKind) throws {
        let space = try IdentifierSpace(width: 64)
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<5 {
            let bytes = kind.sample(&generator, space)
            for count in 0..<bytes.count {
                if let recoded = try? kind.recode(Array(bytes.prefix(count)), space) {
                    #expect(recoded.count < bytes.count)
                }
            }
        }
    }

    @Test(arguments: MessageKind.all)
    func randomBytesDoNotCrashDecoding(kind: MessageKind) throws {
        let space = try IdentifierSpace(width: 16)
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...40, using: &generator)
            let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            _ = try? kind.recode(bytes, space)
        }
    }

    /// Damaged messages get further than random bytes. What is accepted of them is a message like any
    /// other: encoded again, it decodes to itself.
    @Test(arguments: MessageKind.all)
    func damagedMessageDoesNotCrashDecoding(kind: MessageKind) throws {
        let space = try IdentifierSpace(width: 16)
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<2_000 {
            var bytes = kind.sample(&generator, space)
            for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch generator.next() % 3 {
                case 0: bytes[index] ^= 1 << UInt8(generator.next() % 8)
                case 1: bytes.remove(at: index)
                default: bytes.insert(bytes[index], at: index)
                }
            }
            if let recoded = try? kind.recode(bytes, space) {
                #expect(try kind.recode(recoded, space) == recoded)
            }
        }
    }

    @Test(arguments: MessageKind.all)
    func unknownFieldIsIgnored(kind: MessageKind) throws {
        let space = try IdentifierSpace(width: 64)
        var generator = SeededGenerator(seed: 4)
        let bytes = kind.sample(&generator, space)
        let later = bytes + WireWriter().unknownFields().bytes
        #expect(try kind.recode(later, space) == bytes)
    }

    @Test func unknownFieldOfANodeIsIgnored() throws {
        let node = WireWriter.node().unknownFields()
        let reply = try GetPredecessorReply(
            decoding: WireWriter().message(1, node).bytes,
            space: IdentifierSpace(width: 16)
        )
        #expect(reply.predecessor.name == "n1")
    }

    @Test(arguments: MessageKind.all)
    func oversizedMessageIsRefusedBeforeDecoding(kind: MessageKind) throws {
        let space = try IdentifierSpace(width: 64)
        var generator = SeededGenerator(seed: 5)
        let bytes = kind.sample(&generator, space)
        // An unknown field fills the message to its limit: two bytes of tag, the length, and its bytes.
        let room = kind.limitBytes - bytes.count - 2
        let fill = try #require(
            (1...4).lazy.map { room - $0 }.first {
                WireWriter().bytes(1001, .init(repeating: 0, count: $0)).bytes.count == room + 2
            }
        )
        let full = bytes + WireWriter().bytes(1001, .init(repeating: 0, count: fill)).bytes
        try #require(full.count == kind.limitBytes)
        #expect(try kind.recode(full, space) == bytes)
        let error = #expect(throws: WireError.self) { try kind.recode(full + [0], space) }
        #expect(error?.code == .tooLarge)
        #expect(
            error?.message
                == "\(kind.testDescription): \(kind.limitBytes + 1) bytes, at most \(kind.limitBytes)"
        )
    }

    @Test(arguments: [0, 1, 127, 128, 600])
    func preparedReplyEqualsTheEncodedReply(hops: Int) throws {
        let space = try IdentifierSpace(width: 64)
        var generator = SeededGenerator(seed: 6)
        for _ in 0..<50 {
            let reply = FindSuccessorReply(
                owner: generator.next() % 4 == 0 ? nil : generator.node(space),
                successors: generator.list(upTo: 6) { $0.node(space) },
                answering: generator.node(space),
                answeringSuccessors: generator.list(upTo: 6) { $0.node(space) },
                hops: hops,
                closer: generator.list(upTo: 6) { $0.node(space) }
            )
            var output: [UInt8] = []
            PreparedFindSuccessorReply(reply, space: space)
                .encode(hops: hops, appendingTo: &output)
            #expect(try FindSuccessorReply(decoding: output, space: space) == reply)
        }
    }

    /// The fast path decodes the same requests as the general decoder, and no others.
    @Test(arguments: [4, 8, 12, 63, 64, 160, 256])
    func fastPathDecodesTheSameIdentifier(width: Int) throws {
        let space = try IdentifierSpace(width: width)
        func sole(_ bytes: [UInt8]) -> Identifier? {
            bytes.withUnsafeBytes { FindSuccessorRequest.soleIdentifier(in: $0, space: space) }
        }
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            let plain = FindSuccessorRequest(id: generator.identifier(space))
            let bytes = plain.encoded(in: space)
            #expect(sole(bytes) == plain.id)
            #expect(sole(bytes + [0x18, 0x01]) == nil)
            #expect(sole(bytes.dropLast()) == nil)
            let others = [
                FindSuccessorRequest(id: plain.id, hopBudget: 3),
                FindSuccessorRequest(id: plain.id, hops: 1),
                FindSuccessorRequest(id: plain.id, wantPath: true),
                FindSuccessorRequest(id: plain.id, joiner: generator.node(space)),
                FindSuccessorRequest(id: plain.id, iterative: true),
                FindSuccessorRequest(id: plain.id, excluded: [plain.id]),
            ]
            for other in others { #expect(sole(other.encoded(in: space)) == nil) }
            // Other bytes of this length: both decoders agree.
            var damaged = bytes
            damaged[Int.random(in: 0..<bytes.count, using: &generator)] = .random(
                in: 0...255,
                using: &generator
            )
            if let id = sole(damaged) {
                #expect(try FindSuccessorRequest(decoding: damaged, space: space) == .init(id: id))
            }
        }
        #expect(sole([]) == nil)
    }

    @Test func encodingAppendsToTheBuffer() throws {
        let space = try IdentifierSpace(width: 16)
        var output: [UInt8] = [9, 9]
        FindSuccessorRequest(id: Identifier(0x0102)).encode(appendingTo: &output, space: space)
        #expect(output == [9, 9, 0x0A, 0x02, 0x01, 0x02])
        NotifyReply().encode(appendingTo: &output, space: space)
        #expect(output.count == 6)
    }
}
