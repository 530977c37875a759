// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordTestSupport
import Testing

@testable import Chord

@Suite("The system's clocks", .tags(.unit))
struct SystemClocksTests {
    @Test("the clocks are not apart while nothing is suspended")
    func suspension() {
        let first = SystemClocks.suspension()
        let second = SystemClocks.suspension()
        #expect(first.overlaps(second))
    }
}
