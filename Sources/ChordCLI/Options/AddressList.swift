// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Address options: each is repeatable, and each value can hold several addresses separated by
/// commas.
enum AddressList {
    static func addresses(in values: [String]) -> [String] {
        values.flatMap(split)
    }

    /// Refuses empty addresses, which come from unset shell variables. If they were ignored, a node
    /// would begin a new ring, or a command would ask another ring.
    ///
    /// - Throws: `ValidationError`.
    static func check(_ values: [String], of option: String, _ remedy: String) throws {
        for value in values where split(value).contains("") {
            throw ValidationError(
                value.isEmpty
                    ? "\(option) is empty; is a shell variable not set? Otherwise \(remedy)."
                    : "\(option) \"\(value)\" has an empty address: \(remedy)."
            )
        }
    }

    private static func split(_ value: String) -> [String] {
        value.split(separator: ",", omittingEmptySubsequences: false).map {
            String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
    }
}
