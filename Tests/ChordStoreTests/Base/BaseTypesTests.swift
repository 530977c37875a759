// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@testable import ChordStore

@Suite(.tags(.unit)) struct BaseTypesTests {
    @Test func identifiersAreReadAndWrittenAsHexadecimalDigits() {
        let id = RangeID(high: 0x00AB, low: 0xFFFF_0000_0000_0001)
        #expect(id.description == "00000000000000abffff000000000001")
        #expect(RangeID("00000000000000ABffff000000000001") == id)
        #expect(RangeID("00000000000000abffff00000000000") == nil)
        #expect(RangeID("0000000000000gabffff000000000001") == nil)
        #expect(DiskID(high: 0, low: .max) < DiskID(high: 1, low: 0))
    }

    @Test func arithmeticBeyondThePlausibleGivesNil() {
        #expect(LogIndex(7).adding(3) == LogIndex(10))
        #expect(LogIndex.highest.adding(0) == .highest)
        #expect(LogIndex.highest.adding(1) == nil)
        #expect(LogIndex(.max).adding(.max) == nil)
        #expect(LogIndex(1).adding(-1) == nil)
        #expect(!Term(.max).isPlausible)
        #expect(LogIndex.zero.predecessor == nil)
        #expect(LogIndex(9).entries(after: LogIndex(4)) == 5)
        #expect(LogIndex(4).entries(after: LogIndex(9)) == 0)
        #expect(LogIndex(.max).entries(after: .zero) == .max)
    }
}
