// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// A number of bytes as people write it: `4096`, `512KiB`, `32MiB`, `1GiB`.
struct ByteCount: ExpressibleByArgument, CustomStringConvertible {
    let bytes: UInt64
    let description: String

    init?(argument: String) {
        let units: [(suffix: String, factor: UInt64)] = [
            ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1),
        ]
        guard let unit = units.first(where: { argument.hasSuffix($0.suffix) }),
            let number = UInt64(argument.dropLast(unit.suffix.count))
        else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit.factor)
        guard !overflow else { return nil }
        self.bytes = bytes
        description = argument
    }
}
