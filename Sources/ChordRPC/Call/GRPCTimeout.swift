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

    /// The largest value that the form holds for seconds.
    private static let longest: Int64 = 99_999_999

    /// The header for `duration`, rounded down to two or three significant digits, which makes it
    /// shorter by at most a fortieth.
    ///
    /// Calls with equal time limits then have equal header lists, which HPACK sends as a few bytes and
    /// a server recognises. A deadline that has passed becomes one nanosecond, the shortest timeout
    /// that the form can express.
    package static func format(_ duration: Duration) -> String {
        let nanoseconds = max(1, duration.clampedNanoseconds)
        var step: Int64 = 1
        while step <= nanoseconds / 400 { step *= 10 }
        let rounded = nanoseconds / step * step
        if rounded % 1_000_000_000 == 0 {
            return String(min(rounded / 1_000_000_000, longest)) + "S"
        }
        if rounded % 1_000_000 == 0 { return String(rounded / 1_000_000) + "m" }
        return rounded % 1000 == 0 ? String(rounded / 1000) + "u" : String(rounded) + "n"
    }
}
