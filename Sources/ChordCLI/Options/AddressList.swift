// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// Addresses as they are typed: options that may be repeated, each with one address or several between
/// commas.
enum AddressList {
    static func addresses(in values: [String]) -> [String] {
        values.flatMap(split)
    }

    /// Refuses empty addresses, which come of variables that are not set: passed over, they would make a
    /// node begin a ring of its own, or a command ask another ring.
    ///
    /// - Throws: `ValidationError`.
    static func check(_ values: [String], of option: String, _ remedy: String) throws {
        for value in values where split(value).contains("") {
            throw ValidationError(
                value.isEmpty
                    ? "\(option) is empty: is a variable not set? Then \(remedy)."
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
