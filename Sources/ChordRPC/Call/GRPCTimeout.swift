// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The `grpc-timeout` header: up to eight digits and a unit (gRPC over HTTP/2, "Requests").
package enum GRPCTimeout {
    /// The duration in a header; nil if its bytes are malformed.
    package static func parse(_ text: UnsafeRawBufferPointer) -> Duration? {
        guard (2...9).contains(text.count), let unit = text.last else { return nil }
        var value: Int64 = 0
        for byte in text.dropLast() {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - 0x30)
        }
        switch unit {
        case UInt8(ascii: "H"): return .seconds(value * 3600)
        case UInt8(ascii: "M"): return .seconds(value * 60)
        case UInt8(ascii: "S"): return .seconds(value)
        case UInt8(ascii: "m"): return .milliseconds(value)
        case UInt8(ascii: "u"): return .microseconds(value)
        case UInt8(ascii: "n"): return .nanoseconds(value)
        default: return nil
        }
    }

    private static let units: [(divisor: Int64, letter: String)] = [
        (1, "n"), (1_000, "u"), (1_000_000, "m"), (1_000_000_000, "S"), (60_000_000_000, "M"),
    ]

    /// The header for a duration, rounded up in the finest unit that fits eight digits. A deadline
    /// that has passed becomes one nanosecond, the shortest possible value.
    package static func format(_ duration: Duration) -> String {
        let nanoseconds = max(1, duration.clampedNanoseconds)
        for (divisor, letter) in units {
            let value = nanoseconds / divisor + (nanoseconds % divisor == 0 ? 0 : 1)
            if value <= 99_999_999 { return String(value) + letter }
        }
        return "99999999M"
    }
}
