// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordHTTP2

@Suite(.tags(.unit)) struct HostileInputTests {
    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost: here\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r!", "\0",
    ])
    func inputThatIsNotHTTP2IsNamed(greeting: String) throws {
        let server = try Endpoint(.server)
        server.receive(Array(greeting.utf8))
        #expect(server.failure?.code == .badPreface)
        let output = try server.takeOutput()
        #expect(output.suffix(17)[safe: 3] == 7, "a GOAWAY")
        #expect(server.session.isFinished)
    }

    @Test func firstFrameMustBeSettings() throws {
        let server = try Endpoint(.server)
        server.receive(Frames.preface + Frames.ping())
        #expect(server.failure?.code == .protocolViolation)
        #expect(server.failure?.wireCode == .protocolError)
        #expect(server.session.wantsWrite)
        _ = try server.takeOutput()
        #expect(server.session.isFinished)
    }

    /// A frame no peer may send, under a name short enough for a report.
    struct Violation: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var bytes: [UInt8]
        var code: HTTP2ErrorCode

        init(_ name: String, _ bytes: [UInt8], _ code: HTTP2ErrorCode) {
            testDescription = name
            self.bytes = bytes
            self.code = code
        }
    }

    private static let largestWindow: UInt32 = 0x7fff_ffff

    static let violations: [Violation] = [
        Violation(
            "a frame too long",
            Frames.frame(type: 0, stream: 1, payload: Samples.bytes(16_385)),
            .frameSizeError
        ),
        Violation("data on stream 0", Frames.frame(type: 0, payload: [1]), .protocolError),
        Violation(
            "data on an idle stream",
            Frames.frame(type: 0, stream: 1, payload: [1]),
            .protocolError
        ),
        Violation(
            "a priority on stream 0",
            Frames.frame(type: 2, payload: [0, 0, 0, 0, 0]),
            .protocolError
        ),
        Violation("a short ping", Frames.frame(type: 6, payload: [1]), .frameSizeError),
        Violation("an even stream", Frames.request(stream: 2), .protocolError),
        Violation(
            "a broken header block",
            Frames.frame(
                type: 1,
                flags: 5,
                stream: 1,
                payload: [
                    0xff, 0xff,
                    0xff, 0xff, 0xff, 0xff, 0xff,
                ]
            ),
            .compressionError
        ),
        Violation(
            "a window of nothing",
            Frames.frame(type: 8, payload: [0, 0, 0, 0]),
            .protocolError
        ),
        Violation(
            "a window beyond 2^31",
            Frames.frame(type: 8, payload: [0x7f, 0xff, 0xff, 0xff]),
            .flowControlError
        ),
        Violation(
            "settings that make a stream's window too large",
            Frames.request(stream: 1) + Frames.window(stream: 1, largestWindow - 65_535)
                + Frames.initialWindow(65_536),
            .flowControlError
        ),
        Violation("a continuation of nothing", Frames.continuation(stream: 1), .protocolError),
        Violation(
            "push from a client",
            Frames.frame(type: 5, flags: 4, stream: 1, payload: [0, 0, 0, 2]),
            .protocolError
        ),
        Violation("a reset of an idle stream", Frames.reset(stream: 1), .protocolError),
    ]

    @Test(arguments: violations)
    func protocolViolationEndsTheConnection(violation: Violation) throws {
        let server = try Endpoint(.server)
        server.receive(Frames.preface + Frames.settings)
        #expect(server.failure == nil)
        server.receive(violation.bytes)
        #expect(server.failure?.wireCode == violation.code, "\(String(describing: server.failure))")
        _ = try server.takeOutput()
        #expect(server.session.isFinished)
    }

    /// The largest window there may be, and beside it a window update of one stream that goes too far.
    @Test func windowOverflowResetsOnlyItsStream() throws {
        let server = try Endpoint(.server)
        server.receive(Frames.preface + Frames.settings)
        server.receive(
            Frames.request(stream: 1) + Frames.window(stream: 1, Self.largestWindow - 65_535)
                + Frames.initialWindow(65_535)
        )
        #expect(server.failure == nil)
        server.receive(Frames.window(stream: 1, 1))
        #expect(server.failure == nil)
        _ = try server.takeOutput()
        #expect(server.closeCode(1) == .flowControlError)
        #expect(!server.session.isFinished)
    }

    @Test func truncatedInputWaitsForMore() throws {
        let bytes =
            Frames.preface + Frames.settings + Frames.request(stream: 1, endStream: false)
            + Frames.frame(type: 0, flags: 1, stream: 1, payload: [1, 2, 3])
        for length in 0..<bytes.count {
            let server = try Endpoint(.server)
            server.receive(bytes.prefix(length))
            #expect(server.failure == nil)
            #expect(!server.session.isFinished)
            server.receive(bytes.dropFirst(length))
            #expect(server.message(1) == [1, 2, 3])
        }
    }

    @Test(.timeLimit(.minutes(5))) func mutatedInputDoesNotCrash() throws {
        var generator = SeededGenerator(seed: 20_261_121)
        let valid = try recording()
        var failures = 0
        for _ in 0..<10_000 {
            var bytes = valid
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                mutate(&bytes, &generator)
            }
            let server = try Endpoint(.server)
            var rest = bytes[...]
            while !rest.isEmpty, server.failure == nil {
                let count = Int.random(in: 1...400, using: &generator)
                server.receive(rest.prefix(count))
                rest = rest.dropFirst(count)
                for stream in server.requests { server.session.answer(stream, [1, 2, 3]) }
                _ = try server.takeOutput()
            }
            if server.failure != nil {
                failures += 1
                #expect(server.session.isFinished)
            }
            #expect(server.session.queuedBytes >= 0)
        }
        #expect(failures > 1000)
        #expect(failures < 10_000)
    }

    @Test func randomInputDoesNotCrashAClient() throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<500 {
            let client = try Endpoint(.client)
            _ = try client.session.submitUnaryRequest(HTTP2Headers(Samples.request), [1])
            _ = try client.takeOutput()
            let noise = (0..<Int.random(in: 1...300, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            client.receive(Frames.settings)
            #expect(client.failure == nil)
            client.receive(noise)
            _ = try client.takeOutput()
        }
    }

    /// The input of a client in a short, varied conversation.
    private func recording() throws -> [UInt8] {
        let pair = try Pair()
        var all: [UInt8] = []
        for round in 0..<4 {
            let stream = try pair.client.session.submitUnaryRequest(
                HTTP2Headers(Samples.request),
                Samples.bytes(round * 40)
            )
            let open = try pair.client.session.submitRequest(HTTP2Headers(Samples.request))
            pair.client.session.send([1, 2], on: open)
            pair.client.session.ping(UInt64(round))
            let bytes = try pair.client.takeOutput()
            all += bytes
            pair.server.receive(bytes)
            pair.server.session.answer(stream, [4])
            pair.client.session.reset(stream: open, errorCode: .cancel)
            pair.client.receive(try pair.server.takeOutput())
        }
        pair.client.session.goAway()
        return all + (try pair.client.takeOutput())
    }

    private func mutate(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        // The first 24 bytes are the preface: any change there ends it at once.
        guard bytes.count > 40 else { return }
        let place = Int.random(in: 24..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 2: bytes.remove(at: place)
        default:
            let length = min(20, bytes.count - place)
            bytes.insert(contentsOf: Array(bytes[place..<place + length]), at: place)
        }
    }
}

extension Collection {
    /// The element at an offset from the start, if there is one.
    subscript(safe offset: Int) -> Element? {
        offset < count ? self[index(startIndex, offsetBy: offset)] : nil
    }
}
