// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension Duration {
    /// The time since the beginning of 1970 (UTC), by this machine's clock.
    static var sinceEpoch: Duration {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }

    /// This time since 1970 in the format of logs: UTC with milliseconds. Other machines can send
    /// any number; a year with more than four digits is shown as the end of the year 9999.
    var stamp: String {
        let last: Int64 = 253_402_300_799
        let (seconds, milliseconds) =
            self < .zero
            ? (0, 0)
            : components.seconds > last
                ? (last, 999) : (components.seconds, components.attoseconds / 1_000_000_000_000_000)
        let time = seconds % 86_400
        func two(_ number: Int64) -> String { Self.digits(number, 2) }
        return "\(day)T\(two(time / 3_600)):\(two(time / 60 % 60)):\(two(time % 60))"
            + ".\(Self.digits(milliseconds, 3))Z"
    }

    /// The day of this time since 1970, for example 2027-01-15.
    var day: String {
        // The civil calendar in days since 0000-03-01, where the leap day is the last day of a
        // year.
        let days = min(max(components.seconds, 0), 253_402_300_799) / 86_400 + 719_468
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
        let dayOfMonth = dayOfYear - (153 * shifted + 2) / 5 + 1
        return "\(Self.digits(year, 4))-\(Self.digits(month, 2))-\(Self.digits(dayOfMonth, 2))"
    }

    private static func digits(_ number: Int64, _ count: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, count - text.count)) + text
    }
}
