// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordTestSupport
import Testing

@Suite("Errors", .tags(.unit))
struct CodedErrorTests {
    private struct Code: ErrorCode {
        var description: String { "broken" }
    }

    @Test func descriptionIsCodeAndMessage() {
        #expect("\(ModuleError(Code(), "no way"))" == "broken: no way")
    }

    @Test func descriptionNamesTheCause() {
        let cause = ModuleError(Code(), "below")
        let error = ModuleError(Code(), "no way", cause: cause)
        #expect("\(error)" == "broken: no way (cause: broken: below)")
    }
}
