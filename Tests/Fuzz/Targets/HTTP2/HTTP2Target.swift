// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHTTP2
import FuzzSupport
import NIOCore

/// Arbitrary bytes for an HTTP/2 session, client or server, raw or as frames of right length.
///
/// The first byte chooses: bit 0 the server, bit 1 frames, bit 2 the preface (of a client's output) in
/// front, bit 3 small limits, bit 4 that the peer does not read, bit 5 that data is not consumed.
enum HTTP2Target: FuzzTarget {
    static let name = "http2"

    static var seeds: [[UInt8]] {
        var seeds: [[UInt8]] = []
        // Raw bytes of real sessions.
        if let spoken = try? HTTP2Peer.conversation() {
            for options: UInt8 in [0, 8] {
                seeds += [[1 | options, 200] + spoken.client, [options, 200] + spoken.server]
                seeds += [[1 | options, 9] + spoken.client, [options, 9] + spoken.server]
            }
        }
        // Frames: type, flags, stream, length, payload.
        let request: [UInt8] = [0x0f, 5, 1, 0]
        let ping: [UInt8] = [6, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]
        let settings: [UInt8] = [4, 0, 0, 6, 0, 4, 0, 0, 1, 0]
        let window: [UInt8] = [8, 0, 0, 4, 0, 0, 255, 255]
        let reset: [UInt8] = [3, 0, 1, 4, 0, 0, 0, 8]
        let data: [UInt8] = [0, 1, 1, 6, 0, 0, 0, 0, 1, 9]
        let goAway: [UInt8] = [7, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 65, 66]
        let header: [UInt8] = [1, 4, 3, 2, 0x82, 0x84]
        let continuation: [UInt8] = [9, 4, 3, 2, 0x86, 0x41]
        let response: [UInt8] = [1, 4, 1, 1, 0x88]
        let trailers: [UInt8] = [1, 5, 1, 6, 0, 1, 97, 2, 98, 99]
        for options: UInt8 in [7, 15, 23, 39, 63] {
            seeds.append([options, 255] + settings + request + ping + window)
            seeds.append([options, 40] + settings + [0x0f, 4, 1, 0] + data + request + reset)
            seeds.append([options, 20] + settings + header + continuation + goAway)
            seeds.append([options - 1, 255] + settings + response + data + trailers)
            seeds.append([options - 1, 17] + settings + response + window + goAway + reset)
        }
        return seeds
    }

    static func run(_ input: UnsafeRawBufferPointer) throws {
        var input = FuzzInput(input)
        let options = input.byte()
        let cut = Int(input.byte()) + 1
        let peer = try HTTP2Peer(options)
        var bytes: [UInt8] = []
        if options & 5 == 5 { bytes += HTTP2Peer.preface + [0, 0, 0, 4, 0, 0, 0, 0, 0] }
        if options & 2 == 0 {
            bytes += input.remainder()
        } else {
            while !input.isEmpty { bytes += HTTP2Peer.frame(&input) }
        }
        try bytes.withUnsafeBytes { bytes in
            var rest = FuzzInput(bytes)
            while !rest.isEmpty, try peer.receive(rest.take(cut)) {}
        }
        try peer.finish()
    }
}

#if FUZZING
@_cdecl("FuzzHTTP2_main")
func start(_ count: CInt, _ arguments: FuzzArguments) -> CInt {
    HTTP2Target.start(count, arguments) { HTTP2Target.fuzz($0, $1) }
}
#endif
