// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import NIOConcurrencyHelpers

/// The words that the shell completes: commands, addresses of nodes, keys.
final class ShellWords: Sendable {
    /// The most keys that are kept.
    static let mostKeys = 1_000

    private struct Known {
        var keys: Set<String> = []
        var addresses: Set<String> = []
    }

    private let known = NIOLockedValueBox(Known())

    func add(key: String) {
        // A key with blanks cannot be typed as one word.
        guard !key.contains(where: \.isWhitespace) else { return }
        known.withLockedValue { if $0.keys.count < Self.mostKeys { $0.keys.insert(key) } }
    }

    func remove(key: String) {
        known.withLockedValue { _ = $0.keys.remove(key) }
    }

    func add(node: NodeReference) {
        known.withLockedValue { _ = $0.addresses.insert(node.address) }
    }

    /// The words that can follow the beginning of a line, in order.
    func completions(after line: String) -> [String] {
        let words = line.split(whereSeparator: \.isWhitespace)
        guard let first = words.first else { return ShellVerb.allCases.map(\.rawValue).sorted() }
        guard words.count == 1, let verb = ShellVerb(rawValue: String(first)) else { return [] }
        return known.withLockedValue { known in
            switch verb {
            case .get, .put, .delete, .dumpkey: known.keys.sorted()
            case .join, .ping, .dumpaddr: known.addresses.sorted()
            default: []
            }
        }
    }
}
