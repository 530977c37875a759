// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ChordCommandLine

/// A duration on the command line: `250ms`, `1.5s`, `2m`, or a plain number of seconds.
struct Interval: ExpressibleByArgument, CustomStringConvertible {
    let duration: Duration
    let description: String

    init(seconds: Int) {
        duration = .seconds(seconds)
        description = "\(seconds)s"
    }

    init(_ duration: Duration) {
        self.duration = duration
        description = "\((duration.milliseconds / 1_000).formatted(digits: 0))s"
    }

    init?(argument: String) {
        let units: [(String, Double)] = [
            ("ms", 0.001), ("us", 0.000_001), ("s", 1), ("m", 60), ("h", 3600), ("", 1),
        ]
        for (suffix, factor) in units where argument.hasSuffix(suffix) {
            let digits = argument.dropLast(suffix.count)
            guard !digits.isEmpty,
                digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2e }),
                let number = Double(digits), number * factor <= 31_536_000
            else { return nil }
            duration = .seconds(number * factor)
            description = suffix.isEmpty ? argument + "s" : argument
            return
        }
        return nil
    }

    static let help = "for example 250ms, 1.5s or 2m"
}

/// A duration, or "never".
struct Patience: ExpressibleByArgument, CustomStringConvertible {
    /// Nil stands for ever.
    let duration: Duration?
    let description: String

    init?(argument: String) {
        if argument == "never" {
            duration = nil
        } else if let interval = Interval(argument: argument) {
            duration = interval.duration
        } else {
            return nil
        }
        description = argument
    }
}
