// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@Suite("Byte comparison", .tags(.unit))
struct ByteComparisonTests {
    @Test("Bytes are equal at every length and differ wherever one byte differs", arguments: 0...20)
    func everyPlace(count: Int) {
        let bytes = (0..<count).map { UInt8($0) }
        #expect(isEqual(bytes, bytes))
        #expect(!isEqual(bytes, bytes + [0]))
        for index in 0..<count {
            var other = bytes
            other[index] ^= 1
            #expect(!isEqual(bytes, other))
        }
    }

    @Test func textsAreComparedAsBytes() {
        Array("application/grpc+proto".utf8).withUnsafeBytes { bytes in
            #expect(bytes.starts(with: "application/grpc"))
            #expect(bytes.isEqual(to: "application/grpc+proto"))
            #expect(!bytes.isEqual(to: "application/grpc"))
            #expect(!bytes.starts(with: "application/grpc+proto;"))
        }
    }

    private func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { left.isEqual(to: $0) } }
    }
}
