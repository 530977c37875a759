// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ChordHTTP2

@Suite struct StreamTableTests {
    @Test(arguments: 0..<10 as Range<UInt64>)
    func agreesWithADictionary(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var table = StreamTable()
        var model: [Int32: Int] = [:]
        for step in 0..<5000 {
            // A narrow range makes probes collide and wrap around.
            let stream = Int32.random(in: 1...(seed % 2 == 0 ? 200 : 100_000), using: &generator)
            if model[stream] == nil, Bool.random(using: &generator) {
                table.insert(stream, step)
                model[stream] = step
            } else {
                table.remove(stream)
                model[stream] = nil
            }
            #expect(table.count == model.count)
        }
        for stream in Int32(1)...200 { #expect(table.find(stream) == model[stream] ?? -1) }
        for (stream, index) in model { #expect(table.find(stream) == index) }
        #expect(table.find(0) == -1)
        #expect(table.find(-5) == -1)
    }
}

@Suite struct ErrorTests {
    @Test func codesHaveTheirNames() {
        #expect(HTTP2ErrorCode.refusedStream.description == "REFUSED_STREAM")
        #expect(HTTP2ErrorCode.http11Required.description == "HTTP_1_1_REQUIRED")
        #expect(HTTP2ErrorCode(rawValue: 255).description == "0xff")
    }

    @Test func errorsReadAsOneLine() {
        struct Below: Error, CustomStringConvertible { var description: String { "deep down" } }
        let error = HTTP2Error(code: .flooded, message: "too much", cause: Below())
        #expect(error.description == "flooded: too much (cause: deep down)")
        #expect(HTTP2Error(code: .closed, message: "over").description == "closed: over")
    }
}
