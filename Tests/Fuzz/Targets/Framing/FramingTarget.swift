// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordRPC
import FuzzSupport

@testable import ChordTransport

/// A stream of gRPC framing, split at arbitrary places: the result must not depend on the split.
enum FramingTarget: FuzzTarget {
    static let name = "framing"

    private enum Outcome: Equatable {
        case message([UInt8])
        case refused(StatusCode, String)
    }

    static var seeds: [[UInt8]] {
        let messages = [[], [1], [UInt8](repeating: 7, count: 40), [UInt8](0...255)]
        return messages.flatMap { message -> [[UInt8]] in
            let framed = MessageFraming.frame(message)
            return [
                [0, 3] + framed, [200, 1] + framed.dropLast(), [9, 5] + framed + framed,
                [255, 0] + framed, [1, 1, 1] + framed.dropFirst(),
            ]
        } + [[4, 2, 0, 255, 255, 255, 255, 1], [4, 2, 2, 0, 0, 0, 0]]
    }

    static func run(_ input: UnsafeRawBufferPointer) throws {
        var input = FuzzInput(input)
        let limit = Int(input.byte()) * 16
        let cut = Int(input.byte())
        let stream = input.remainder()
        let whole = try assemble(stream, limit: limit) { _ in stream.count }
        let pieces = try assemble(stream, limit: limit) { cut == 0 ? 1 : 1 + ($0 * 7 + cut) % cut }
        try require(whole == pieces, "\(whole) in one piece, \(pieces) in several")
        var frame: UnsafeRawBufferPointer?
        do throws(Status) {
            frame = try MessageAssembler.wholeMessage(in: stream, limit: limit)
        } catch {
            try require(
                whole == .refused(error.code, error.message),
                "\(error) for the frame, \(whole) for the stream"
            )
        }
        if let frame {
            try require(whole == .message(Array(frame)), "another message in the frame")
            try require(
                MessageFraming.frame(Array(frame)).elementsEqual(stream),
                "the frame does not come back"
            )
        }
    }

    private static func assemble(
        _ stream: UnsafeRawBufferPointer,
        limit: Int,
        cutting: (Int) -> Int
    ) throws -> Outcome {
        var assembler = MessageAssembler()
        var rest = FuzzInput(stream)
        var count = 0
        var outcome: Outcome?
        do throws(Status) {
            while !rest.isEmpty {
                let piece = rest.take(max(1, cutting(count)))
                count += piece.count
                try assembler.append(piece, limit: limit)
            }
            try assembler.finish()
        } catch {
            outcome = .refused(error.code, error.message)
        }
        try require(
            assembler.capacity <= 2 * count + min(limit, 64 << 10) + 64,
            "\(assembler.capacity) bytes held for \(count)"
        )
        if let outcome { return outcome }
        let message = assembler.withMessage { Array($0) }
        let taken = try assembler.takeMessage(limit: limit)
        try require(message == taken, "the message depends on how it is taken")
        try require(message.count <= limit, "a message of \(message.count) passed \(limit)")
        return .message(message)
    }
}

#if FUZZING
@_cdecl("FuzzFraming_main")
func start(_ count: CInt, _ arguments: FuzzArguments) -> CInt {
    FramingTarget.start(count, arguments) { FramingTarget.fuzz($0, $1) }
}
#endif
