// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Text from a certificate or a user, made fit for a message: in quotation marks, cut to a bearable
/// length, and without characters that could forge a second log line or steer a terminal.
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

/// Text with A-Z lowered and nothing else changed: Unicode's own rules would make an ASCII letter of
/// the Kelvin sign.
func asciiLowercased(_ text: some StringProtocol) -> String {
    String(
        decoding: text.utf8.map { byte in
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
        },
        as: UTF8.self
    )
}

extension PeerCertificate {
    /// A point in time as certificates show it, `2026-11-21T08:30:00Z`, from seconds since 1970.
    ///
    /// Foundation is kept out of the lower modules, so the civil date is counted here.
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
        // Years are counted from March, so that the leap day is the last day of its year; 719 468 days
        // lie between 0000-03-01 and 1970-01-01, and 146 097 days make one cycle of 400 years.
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
