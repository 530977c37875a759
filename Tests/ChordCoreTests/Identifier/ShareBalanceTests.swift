// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import ChordCore

@Suite(.tags(.unit)) struct ShareBalanceTests {
    @Test("Chance produces large shares, and only few exceed the bound")
    func bounds() {
        // About ln N times the mean is what the largest of N shares is.
        #expect(!ShareBalance.isBeyondChance(share: 0.25, members: 7))
        #expect(!ShareBalance.isBeyondChance(share: 0.07, members: 100))
        #expect(!ShareBalance.isBeyondChance(share: 0.99, members: 2))
        #expect(!ShareBalance.isBeyondChance(share: 1, members: 1))
        #expect(!ShareBalance.isBeyondChance(share: 0, members: 100))
        // N (1 - x)^(N - 1) is 1e-6 at these.
        #expect(!ShareBalance.isBeyondChance(share: 0.16, members: 100))
        #expect(ShareBalance.isBeyondChance(share: 0.18, members: 100))
        #expect(ShareBalance.isBeyondChance(share: 0.9999, members: 3))
        #expect(ShareBalance.isBeyondChance(share: 1, members: 2))
        #expect(ShareBalance.isBeyondChance(share: 0.9, members: 1_000_000))
    }

    @Test("Random identifiers pass, those of a weak hash do not")
    func rings() throws {
        var generator = SystemRandomNumberGenerator()
        for count in [2, 3, 7, 50, 300] {
            // One ring in a million is beyond chance.
            let ids = (0..<count).map { _ in UInt64.random(in: 0 ... .max, using: &generator) }
            #expect(!isBeyondChance(ids), "\(ids.map { String($0, radix: 16) })")
        }
        // FNV-1a of n1, n2 and so on: the last byte moves the low bits only.
        for count in [3, 7, 50] {
            let ids = (1...count).map { number -> UInt64 in
                "node-\(number)".utf8.reduce(0xcbf2_9ce4_8422_2325) {
                    ($0 ^ UInt64($1)) &* 0x100_0000_01b3
                }
            }
            #expect(isBeyondChance(ids), "\(ids.map { String($0, radix: 16) })")
        }
    }

    /// Whether the largest share of a ring of these identifiers is beyond chance.
    private func isBeyondChance(_ ids: [UInt64]) -> Bool {
        let sorted = ids.sorted()
        let shares = sorted.indices.map { index -> Double in
            let before = sorted[(index + sorted.count - 1) % sorted.count]
            return Double(sorted[index] &- before) / 0x1p64
        }
        return ShareBalance.isBeyondChance(share: shares.max() ?? 1, members: ids.count)
    }
}
