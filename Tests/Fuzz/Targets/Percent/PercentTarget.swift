// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import FuzzSupport

/// The encoding of `grpc-message`.
enum PercentTarget: FuzzTarget {
    static let name = "percent"

    static var seeds: [[UInt8]] {
        ["", "plain", "100 %", "line\nline", "é漢\u{1F600}", "\u{0}\u{7f}"].map {
            Array(PercentEncoding.encode($0).utf8)
        } + ["%", "%4", "%zz", "%C3", "%e6%BC%a2", "%00%25", "a%20b%"].map { Array($0.utf8) }
    }

    static func run(_ input: UnsafeRawBufferPointer) throws {
        let text = PercentEncoding.decode(input)
        // Every byte that is no text becomes a replacement character of three.
        try require(text.utf8.count <= 3 * input.count, "the text is larger than it can be")
        let encoded = PercentEncoding.encode(text)
        try require(
            encoded.utf8.allSatisfy { (0x20...0x7e).contains($0) },
            "the encoding holds what it must not: \(encoded)"
        )
        let again = Array(encoded.utf8).withUnsafeBytes { PercentEncoding.decode($0) }
        try require(again.utf8.elementsEqual(text.utf8), "\(encoded) does not come back")
    }
}

#if FUZZING
@_cdecl("FuzzPercent_main")
func start(_ count: CInt, _ arguments: FuzzArguments) -> CInt {
    PercentTarget.start(count, arguments) { PercentTarget.fuzz($0, $1) }
}
#endif
