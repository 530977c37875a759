// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// A size on the command line: `4096`, `512KiB`, `20GiB`.
struct ByteSize: ExpressibleByArgument, CustomStringConvertible {
    /// At most 2^62.
    let bytes: UInt64
    let description: String

    init?(argument: String) {
        let units: [(String, UInt64)] = [
            ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("", 1),
        ]
        guard let unit = units.first(where: { argument.hasSuffix($0.0) }) else { return nil }
        let digits = argument.dropLast(unit.0.count)
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt64(digits)
        else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit.1)
        // Sizes on the wire are at most 2^62.
        guard !overflow, bytes <= 1 << 62 else { return nil }
        self.bytes = bytes
        description = argument
    }
}
