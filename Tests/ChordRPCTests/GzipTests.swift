// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import CZlib
import ChordTestSupport
import Testing

@testable import ChordRPC

/// Compressed messages, good and hostile.
@Suite("Gzip", .tags(.unit))
struct GzipTests {
    private static let limit = 4 << 20

    @Test(arguments: [1 << 10, 100_000, limit])
    func compressedMessageIsRestored(_ count: Int) throws {
        let message = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 7) }
        let compressed = try #require(Gzip.compress(message))
        #expect(compressed.count < count / 2)
        #expect(try Gzip.decompress(compressed, limit: Self.limit) == message)
    }

    @Test func messageThatCompressionDoesNotShortenIsSentUncompressed() {
        var generator = SystemRandomNumberGenerator()
        let noise = (0..<4096).map { _ in UInt8.random(in: 0...255, using: &generator) }
        #expect(Gzip.compress(noise) == nil)
        #expect(MessageFraming.frame(noise, encoding: .gzip) == MessageFraming.frame(noise))
        let short = [UInt8](repeating: 0, count: MessageEncoding.leastBytes - 1)
        #expect(MessageFraming.frame(short, encoding: .gzip)[0] == 0)
    }

    @Test func compressedEmptyMessageIsAccepted() throws {
        #expect(try Gzip.decompress(Self.zeros(0), limit: Self.limit) == [])
    }

    @Test func sizeLimitAppliesToTheInflatedMessage() throws {
        #expect(try Gzip.decompress(Self.zeros(1 << 20), limit: 1 << 20).count == 1 << 20)
        let failure = #expect(throws: Status.self) {
            try Gzip.decompress(Self.zeros(1 << 20), limit: (1 << 20) - 1)
        }
        #expect(failure?.code == .resourceExhausted)
    }

    /// A message of 4 KiB that inflates to 4 MiB costs no more than the method's limit.
    @Test func inflatingStopsAtTheLimit() {
        let bomb = Self.zeros(4 << 20)
        #expect(bomb.count < 5 << 10)
        var inflated = 0
        let failure = #expect(throws: Status.self) {
            try Gzip.decompress(bomb, limit: 64 << 10, counting: &inflated)
        }
        #expect(failure?.code == .resourceExhausted)
        #expect(inflated == (64 << 10) + 1)
    }

    @Test(arguments: [false, true])
    func decompressionBombIsRefused(lying: Bool) {
        var bomb = Self.zeros(256 << 20)
        #expect(bomb.count < 512 << 10)
        // A wrong small size is detected when the output exceeds it.
        if lying { bomb.replaceSubrange((bomb.count - 4)..., with: [10, 0, 0, 0]) }
        let failure = #expect(throws: Status.self) {
            try Gzip.decompress(bomb, limit: Self.limit)
        }
        #expect(failure?.code == .resourceExhausted)
    }

    @Test func severalGzipMembersFormOneMessage() throws {
        let (short, long) = (Self.zeros(10), Self.zeros(200_000))
        for (members, count) in [
            (short + short, 20), (short + long, 200_010), (long + short, 200_010),
            (long + Self.zeros(0) + long, 400_000),
        ] {
            #expect(
                try Gzip.decompress(members, limit: Self.limit)
                    == [UInt8](repeating: 0, count: count)
            )
        }
        // The limit applies to all members together; empty members add nothing.
        let five = Array(repeatElement(Self.zeros(1 << 20), count: 5).joined())
        let failure = #expect(throws: Status.self) {
            try Gzip.decompress(five, limit: Self.limit)
        }
        #expect(failure?.code == .resourceExhausted)
        let nothing = Array(repeatElement(Self.zeros(0), count: 10_000).joined())
        #expect(try Gzip.decompress(nothing, limit: Self.limit) == [])
    }

    /// Not RESOURCE_EXHAUSTED, whatever the last four bytes are: the caller would look for a
    /// message that is too long.
    @Test func truncatedOrOverlongGzipIsRefused() throws {
        let compressed = try #require(Gzip.compress([UInt8](repeating: 7, count: 5000)))
        func expectMalformed(_ bytes: [UInt8]) {
            let failure = #expect(throws: Status.self) {
                try Gzip.decompress(bytes, limit: Self.limit)
            }
            #expect(failure?.code == .internalError, "\(bytes.count) bytes")
        }
        for count in 0..<compressed.count { expectMalformed(Array(compressed.prefix(count))) }
        expectMalformed(compressed + Array("and more".utf8))
        expectMalformed(compressed + compressed.prefix(10))
        expectMalformed([UInt8](repeating: 0xff, count: 40))
        for stated in [[0, 0, 0, 0], [0x87, 0x13, 0, 0], [0x89, 0x13, 0, 0], [0, 0, 0, 0xff]] {
            expectMalformed(compressed.dropLast(4) + stated.map { UInt8($0) })
        }
    }

    @Test func damagedGzipIsRefusedOrUnchanged() throws {
        let message = [UInt8](repeating: 3, count: 3000)
        let compressed = try #require(Gzip.compress(message))
        for index in compressed.indices {
            for bit in 0..<8 {
                var damaged = compressed
                damaged[index] ^= 1 << bit
                // Some bits of gzip's header mean nothing.
                if let result = try? Gzip.decompress(damaged, limit: Self.limit) {
                    #expect(result == message)
                }
            }
        }
    }

    /// The given number of zeros, compressed by zlib at its best level.
    private static func zeros(_ count: Int) -> [UInt8] {
        var stream = z_stream()
        precondition(czlib_deflate_init_gzip(&stream, 9) == Z_OK)
        defer { deflateEnd(&stream) }
        var piece = [UInt8](repeating: 0, count: 1 << 20)
        var output = [UInt8](repeating: 0, count: 64 << 10)
        var result: [UInt8] = []
        var left = count
        var status = Z_OK
        while status != Z_STREAM_END {
            if stream.avail_in == 0, left > 0 {
                let next = min(left, piece.count)
                left -= next
                stream.avail_in = UInt32(next)
            }
            piece.withUnsafeMutableBufferPointer { input in
                // The rest of the piece is zeros too.
                stream.next_in = input.baseAddress
                output.withUnsafeMutableBufferPointer { buffer in
                    stream.next_out = buffer.baseAddress
                    stream.avail_out = UInt32(buffer.count)
                    status = deflate(&stream, left == 0 ? Z_FINISH : Z_NO_FLUSH)
                }
            }
            result += output.prefix(output.count - Int(stream.avail_out))
        }
        return result
    }
}
