// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordHash
import Logging
import ChordTestSupport
import Testing

@testable import ChordRuntime

@Suite(.tags(.interaction)) struct BalanceTests {
    /// FNV-1a with 64 bits: the last byte of a short name moves the low bits only.
    private static let weak = HashFunction.custom(name: "fnv1a", bits: 64) { input in
        var digest: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in 0..<input.byteCount {
            let byte = input.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            digest = (digest ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        return (0..<8).map { UInt8(truncatingIfNeeded: digest >> UInt64(56 - 8 * $0)) }
    }

    @Test("A hash with weak leading bits is warned of once, by the node that owns almost all keys")
    func weakHash() throws {
        var settings = InProcessRing.Settings()
        settings.hash = Self.weak
        let ring = try InProcessRing.settled(6, settings)
        ring.executor.run(for: .seconds(120))
        let warnings = ring.members.values.flatMap(\.log.lines).filter {
            $0.level == .warning && $0.message.contains("more of the ring than chance explains")
        }
        #expect(warnings.count == 1, "\(warnings)")
        #expect(warnings.first?.metadata[LogKeys.hash] == "fnv1a")
    }

    @Test("A good hash causes no warning, even in a small ring")
    func goodHash() throws {
        for count in [1, 2, 6] {
            let ring = try InProcessRing.settled(count)
            ring.executor.run(for: .seconds(120))
            #expect(
                !ring.members.values.flatMap(\.log.lines).contains {
                    $0.message.contains("than chance explains")
                }
            )
        }
    }
}
