// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import Logging

// Log representations of the protocol's values.

extension Logger.MetadataValue {
    /// The names of nodes, as a list also in JSON.
    static func names(_ nodes: [NodeReference]) -> Self { .array(nodes.map { .string($0.name) }) }

    /// Texts, as a list.
    static func list(_ texts: [String]) -> Self { .array(texts.map { .string($0) }) }

    /// A range with both bounds in full, with leading zeros; `none` for no range.
    static func range(_ range: IdentifierRange?, width: Int) -> Self {
        guard let range else { return "none" }
        let (lower, upper) = (range.lowerBound, range.upperBound)
        return "(\(lower.hexadecimal(width: width)), \(upper.hexadecimal(width: width))]"
    }
}
