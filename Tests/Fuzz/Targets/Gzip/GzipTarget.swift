// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import FuzzSupport

@testable import ChordRPC

/// A compressed message of a peer: what it holds stays within the limit, comes out the same under any limit
/// that it fits, and survives being compressed again.
enum GzipTarget: FuzzTarget {
    static let name = "gzip"

    private enum Outcome: Equatable {
        case message([UInt8])
        case refused(StatusCode)
    }

    static var seeds: [[UInt8]] {
        let messages: [[UInt8]] = [
            [UInt8](repeating: 0, count: 100), [UInt8](repeating: 7, count: 70_000),
            (0..<4000).map { UInt8(truncatingIfNeeded: $0 / 16) },
        ]
        let members = messages.compactMap { Gzip.compress($0) }
        return members.flatMap { member -> [[UInt8]] in
            [
                [255] + member, [1] + member, [255] + member.dropLast(3),
                [255] + member + member, [255] + member + [0],
            ]
        } + [[255], [255, 0x1F, 0x8B, 8, 0]]
    }

    static func run(_ input: UnsafeRawBufferPointer) throws {
        var input = FuzzInput(input)
        let limit = Int(input.byte()) * 300
        let bytes = Array(input.remainder())
        let outcome = decompress(bytes, limit: limit)
        guard case .message(let message) = outcome else {
            // A larger limit does not change the result for damaged input.
            guard outcome != .refused(.resourceExhausted) else { return }
            let again = decompress(bytes, limit: limit + 100_000)
            try require(again == outcome, "\(outcome) under \(limit), \(again) under more")
            return
        }
        try require(message.count <= limit, "\(message.count) bytes under a limit of \(limit)")
        let exact = decompress(bytes, limit: message.count)
        try require(exact == outcome, "refused under a limit that it fits")
        if !message.isEmpty {
            let less = decompress(bytes, limit: message.count - 1)
            try require(less == .refused(.resourceExhausted), "\(less) under a limit too low")
        }
        if let compressed = Gzip.compress(message) {
            try require(compressed.count <= message.count, "longer once compressed")
            let back = decompress(compressed, limit: message.count)
            try require(back == outcome, "another message came back")
        }
    }

    private static func decompress(_ bytes: [UInt8], limit: Int) -> Outcome {
        do throws(Status) {
            return .message(try Gzip.decompress(bytes, limit: limit))
        } catch {
            return .refused(error.code)
        }
    }
}

#if FUZZING
@_cdecl("FuzzGzip_main")
func start(_ count: CInt, _ arguments: FuzzArguments) -> CInt {
    GzipTarget.start(count, arguments) { GzipTarget.fuzz($0, $1) }
}
#endif
