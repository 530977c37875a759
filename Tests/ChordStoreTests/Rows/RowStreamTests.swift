// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordStore

@Suite(.tags(.unit)) struct RowStreamTests {
    private static let stream: [UInt8] = {
        var encoder = RowStreamEncoder()
        var bytes = encoder.start()
        bytes += encoder.record("descriptor", [1, 2, 3])
        for number in 0..<40 {
            let row = Row("value \(number)", UInt64(number), expiry: number == 3 ? 77 : nil)
            if let block = encoder.row(row, at: RowKey(9, [UInt8(number)], "p", "k")) {
                bytes += block
            }
        }
        return bytes + encoder.finish()
    }()

    private func decode(_ bytes: [UInt8]) throws(StoreError) -> (
        items: [RowStreamDecoder.Item], isComplete: Bool
    ) {
        var decoder = RowStreamDecoder(into: Slot(2))
        let items = try decoder.append(bytes)
        return (items, decoder.isComplete)
    }

    @Test func readsPartsOfAllSizes() throws {
        let whole = try decode(Self.stream)
        #expect(whole.isComplete)
        #expect(whole.items.count == 2)
        for size in [1, 2, 7, 50, 1_000] {
            var decoder = RowStreamDecoder(into: Slot(2))
            var items: [RowStreamDecoder.Item] = []
            for start in stride(from: 0, to: Self.stream.count, by: size) {
                let end = min(start + size, Self.stream.count)
                items += try decoder.append(Array(Self.stream[start..<end]))
            }
            #expect(items == whole.items)
            #expect(decoder.isComplete)
        }
    }

    @Test func longBlocksAreSplit() throws {
        var encoder = RowStreamEncoder()
        var blocks = 0
        let value = String(repeating: "v", count: 1_000)
        for number in 0..<200 {
            let row = Row(value, 1)
            if encoder.row(row, at: RowKey(9, [UInt8(number)], "p", "k")) != nil { blocks += 1 }
        }
        #expect(blocks == 3)
        #expect(encoder.rowCount == 200)
    }

    /// Nothing that was changed is taken for a snapshot, and nothing that is missing for a whole one.
    @Test func noticesEveryChange() throws {
        for place in Self.stream.indices {
            for bit in [UInt8(1), 0x80] {
                var damaged = Self.stream
                damaged[place] ^= bit
                // A longer block waits for more bytes.
                if let result = try? decode(damaged) { #expect(!result.isComplete) }
            }
            #expect(try !decode(Array(Self.stream[..<place])).isComplete)
        }
        #expect(throws: StoreError.self) { try decode(Self.stream + [0]) }
        #expect(throws: StoreError.self) { try decode(Self.stream + Self.stream) }
    }

    @Test func refusesNewerFormats() throws {
        var newer = Self.stream
        newer[RowStreamFormat.magic.count] = 2
        let error = #expect(throws: StoreError.self) { try decode(newer) }
        #expect(error?.code == .unknownVersion)
    }

    @Test func refusesRowsOutOfOrder() throws {
        var encoder = RowStreamEncoder()
        var bytes = encoder.start()
        for key in ["b", "a"] { _ = encoder.row(Row("v", 1), at: RowKey(1, [1], "p", key)) }
        bytes += encoder.finish()
        let error = #expect(throws: StoreError.self) { try decode(bytes) }
        #expect(error?.code == .corrupted)
        #expect(error?.message.contains("order") == true)
    }

    @Test func survivesAnyBytes() {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<3_000 {
            var bytes = Self.stream
            let start = Int(generator.below(UInt64(bytes.count)))
            for place in start..<min(start + 1 + Int(generator.below(9)), bytes.count) {
                bytes[place] = UInt8(truncatingIfNeeded: generator.next())
            }
            if let result = try? decode(bytes) {
                #expect(!result.isComplete || bytes == Self.stream)
            }
        }
    }
}
