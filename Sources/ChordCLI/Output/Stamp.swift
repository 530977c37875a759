// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Foundation

extension Date {
    /// The moment as logs and news tell it: UTC, with milliseconds.
    var stamp: String {
        formatted(
            .iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(
                separator: .omitted
            )
        )
    }
}

extension Duration {
    /// The moment so long after the beginning of 1970. What another machine tells may be any number: what
    /// has more than four digits for its year is shown as the end of the year 9999.
    var stamp: String {
        let last = 253_402_300_799_999.0
        // Into the middle of its millisecond, as a fraction that is a little less would be cut to the one
        // before.
        let milliseconds = min(max(self.milliseconds, 0), last).rounded(.down) + 0.5
        return Date(timeIntervalSince1970: milliseconds / 1_000).stamp
    }
}
