// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Quotes text from a certificate or a user for a message: limited in length, and without
/// characters that could forge a log line or control a terminal.
package func quoted(_ text: String, limit: Int = 200) -> String {
    var result = "'"
    var count = 0
    for scalar in text.unicodeScalars {
        if count == limit {
            result += "…"
            break
        }
        count += 1
        switch scalar.value {
        case 0x20...0x7E: result.unicodeScalars.append(scalar)
        default: result += "\\u{\(String(scalar.value, radix: 16))}"
        }
    }
    return result + "'"
}

/// Text with A-Z in lower case and nothing else changed. Unicode's rules would turn the Kelvin sign
/// into an ASCII letter.
func asciiLowercased(_ text: some StringProtocol) -> String {
    String(
        decoding: text.utf8.map { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
        },
        as: UTF8.self
    )
}

extension PeerCertificate {
    /// A time as in certificates, such as `2026-11-21T08:30:00Z`, from seconds since 1970.
    ///
    /// The lower modules do not use Foundation, so the calendar date is computed here.
    package static func timestamp(secondsSince1970 seconds: Int64) -> String {
        func padded(_ value: Int64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        let secondsPerDay: Int64 = 86_400
        var day = seconds / secondsPerDay
        var rest = seconds % secondsPerDay
        if rest < 0 {
            rest += secondsPerDay
            day -= 1
        }
        // Years are counted from March, so that the leap day is the last day of its year. There are
        // 719 468 days between 0000-03-01 and 1970-01-01, and 146 097 days in a cycle of 400 years.
        let shifted = day + 719_468
        let cycle = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfCycle = shifted - cycle * 146_097
        let yearOfCycle =
            (dayOfCycle - dayOfCycle / 1_460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
        let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfCycle + cycle * 400 + (month <= 2 ? 1 : 0)
        let date = "\(padded(year, 4))-\(padded(month, 2))-\(padded(dayOfMonth, 2))"
        return
            "\(date)T\(padded(rest / 3_600, 2)):\(padded(rest / 60 % 60, 2)):\(padded(rest % 60, 2))Z"
    }
}
