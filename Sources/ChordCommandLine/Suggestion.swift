// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Suggestions for mistyped names.
package enum Suggestion {
    /// The most similar name, if at most a third of its letters differ.
    package static func nearest(to word: String, among names: [String]) -> String? {
        let allowed = max(1, word.count / 3)
        let ranked = names.map { (name: $0, distance: distance(word, $0)) }
            .filter { $0.distance <= allowed && $0.distance < $0.name.count }
        return ranked.min { $0.distance < $1.distance }?.name
    }

    /// The number of letters to insert, delete, change or swap with their neighbour.
    package static func distance(_ first: String, _ second: String) -> Int {
        let (first, second) = (Array(first.lowercased()), Array(second.lowercased()))
        // Long texts are not names, and the cost is the product of the lengths.
        guard !first.isEmpty, !second.isEmpty, first.count <= 64, second.count <= 64 else {
            return max(first.count, second.count)
        }
        var before: [Int] = []
        var row = Array(0...second.count)
        for (i, letter) in first.enumerated() {
            var next = [i + 1]
            for (j, other) in second.enumerated() {
                var best = min(row[j + 1] + 1, next[j] + 1, row[j] + (letter == other ? 0 : 1))
                if i > 0, j > 0, letter == second[j - 1], first[i - 1] == other {
                    best = min(best, before[j - 1] + 1)
                }
                next.append(best)
            }
            (before, row) = (row, next)
        }
        return row[second.count]
    }
}
