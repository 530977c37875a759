// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordHash
import ChordTestSupport
import Testing

@Suite(.tags(.unit)) struct HashFunctionTests {
    /// Inputs with their digests from FIPS 180-4's examples.
    struct KnownAnswer: Sendable, CustomTestStringConvertible {
        let input: String
        let sha1: String
        let sha256: String

        var testDescription: String { "\(input.prefix(20)), \(input.utf8.count) bytes" }
    }

    static let knownAnswers = [
        KnownAnswer(
            input: "",
            sha1: "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        ),
        KnownAnswer(
            input: "abc",
            sha1: "a9993e364706816aba3e25717850c26c9cd0d89d",
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        ),
        KnownAnswer(
            input: "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            sha1: "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
            sha256: "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        KnownAnswer(
            input: String(repeating: "a", count: 1_000_000),
            sha1: "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
            sha256: "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ]

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test(arguments: knownAnswers)
    func digestsMatchKnownValues(answer: KnownAnswer) {
        #expect(Self.hexadecimal(HashFunction.sha1.hash(answer.input)) == answer.sha1)
        #expect(Self.hexadecimal(HashFunction.sha256.hash(answer.input)) == answer.sha256)
        #expect(Self.hexadecimal(HashFunction.sha1.hash(Array(answer.input.utf8))) == answer.sha1)
    }

    @Test func identifierIsTheLeadingBitsOfTheDigest() throws {
        let digest = "676b8bb84ce7267dd520deca4811c8f10a53e636352f06987f42fe425acedd80"
        let ring64 = try IdentifierSpace(width: 64)
        #expect(
            HashFunction.sha256.identifier(of: "n1", in: ring64).description == "676b8bb84ce7267d"
        )
        let ring256 = try IdentifierSpace(width: 256)
        #expect(HashFunction.sha256.identifier(of: "n1", in: ring256).description == digest)
        // 0x676 is 011001110110; its leading nine bits are 011001110.
        let ring9 = try IdentifierSpace(width: 9)
        #expect(HashFunction.sha256.identifier(of: "n1", in: ring9) == Identifier(0b0_1100_1110))
        let ring1 = try IdentifierSpace(width: 1)
        #expect(HashFunction.sha256.identifier(of: "n1", in: ring1) == .zero)
        let ring160 = try IdentifierSpace(width: 160)
        #expect(
            HashFunction.sha1.identifier(of: Array("n1".utf8), in: ring160).description
                == "40b3eab63f3f1d4fa48e09559401c5ed4efceaa6"
        )
    }

    @Test func everyWidthUpToTheDigestSizeIsAccepted() throws {
        for width in 1...160 { try HashFunction.validate(hash: .sha1, width: width) }
        for width in 1...256 { try HashFunction.validate(hash: .sha256, width: width) }
    }

    @Test(arguments: [(HashFunction.sha1, 161), (.sha1, 0), (.sha256, 257), (.sha256, -1)])
    func widthBeyondTheDigestSizeIsRefused(hash: HashFunction, width: Int) {
        let error = #expect(throws: HashError.self) {
            try HashFunction.validate(hash: hash, width: width)
        }
        #expect(error?.code == .digestTooShort)
    }

    @Test func customHashFunctionIsUsed() throws {
        let sum = HashFunction.custom(name: "sum", bits: 16) { bytes in
            let total = bytes.withUnsafeBytes { $0.reduce(0) { $0 + Int($1) } }
            return [UInt8(total >> 8 & 0xFF), UInt8(total & 0xFF)]
        }
        try HashFunction.validate(hash: sum, width: 12)
        let space = try IdentifierSpace(width: 12)
        #expect(sum.hash("ab") == [0, 195])
        #expect(sum.identifier(of: "ab", in: space) == Identifier(195 >> 4))
    }

    @Test(arguments: [
        HashFunction.custom(name: "", bits: 8) { _ in [0] },
        .custom(name: String(repeating: "n", count: 65), bits: 8) { _ in [0] },
        .custom(name: "a\u{0}b", bits: 8) { _ in [0] },
        .custom(name: "bits", bits: 12) { _ in [0, 0] },
        .custom(name: "none", bits: 0) { _ in [] },
        .custom(name: "liar", bits: 16) { _ in [0] },
    ])
    func invalidCustomHashFunctionIsRefused(hash: HashFunction) {
        let error = #expect(throws: HashError.self) {
            try HashFunction.validate(hash: hash, width: 4)
        }
        #expect(error?.code == .invalidHash)
    }

    @Test func builtInHashesAreFoundByName() {
        #expect(HashFunction.named("sha256")?.bits == 256)
        #expect(HashFunction.named("sha1")?.bits == 160)
        #expect(HashFunction.named("md5") == nil)
    }
}
