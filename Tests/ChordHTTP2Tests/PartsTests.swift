// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordHTTP2

@Suite(.tags(.unit)) struct StreamTableTests {
    @Test(arguments: 0..<10 as Range<UInt64>)
    func streamTableBehavesLikeADictionary(seed: UInt64) {
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

@Suite(.tags(.unit)) struct MemoryPoolTests {
    @Test func memoryBlocksKeepTheirContentAndAreReused() {
        var pool = MemoryPool()
        let first = pool.take(100)
        #expect(MemoryPool.capacity(of: first) == 128)
        #expect(Int(bitPattern: first) % 16 == 0)
        pool.giveBack(first)
        #expect(pool.take(128) == first)
        let sizes = [0, 1, 64, 65, 1024, 1025, 100_000]
        let blocks = sizes.map { size in
            let block = pool.take(size)
            #expect(MemoryPool.capacity(of: block) >= size)
            block.initializeMemory(as: UInt8.self, repeating: UInt8(size % 251), count: size)
            return block
        }
        for (size, block) in zip(sizes, blocks) {
            let bytes = UnsafeRawBufferPointer(start: block, count: size)
            #expect(bytes.allSatisfy { $0 == UInt8(size % 251) })
            pool.giveBack(block)
        }
        pool.releaseMemory()
        let after = pool.take(1)
        pool.giveBack(after)
        pool.giveBack(first)
    }
}

@Suite(.tags(.unit)) struct ErrorTests {
    @Test func errorCodesHaveTheNamesOfRFC9113() {
        #expect(HTTP2ErrorCode.refusedStream.description == "REFUSED_STREAM")
        #expect(HTTP2ErrorCode.http11Required.description == "HTTP_1_1_REQUIRED")
        #expect(HTTP2ErrorCode(rawValue: 255).description == "0xff")
    }

    @Test func errorDescriptionIsOneLine() {
        struct Below: Error, CustomStringConvertible { var description: String { "deep down" } }
        let error = HTTP2Error(code: .flooded, message: "too much", cause: Below())
        #expect(error.description == "flooded: too much (cause: deep down)")
        #expect(HTTP2Error(code: .closed, message: "over").description == "closed: over")
    }
}
