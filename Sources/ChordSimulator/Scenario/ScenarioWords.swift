// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// The words of one line of a scenario, read from left to right.
struct ScenarioWords {
    /// The largest node number, because numbers are also array indices.
    static let largestNode = 1_000_000

    private let line: String
    private(set) var rest: ArraySlice<String>

    init(_ line: Substring) {
        self.line = String(line)
        rest = line.split(separator: " ").map(String.init)[...]
    }

    var unreadable: ScenarioError { ScenarioError(.unreadable, "cannot read: \(line)") }

    var isAtEnd: Bool { rest.isEmpty }

    func end() throws(ScenarioError) {
        if !rest.isEmpty { throw unreadable }
    }

    mutating func next() throws(ScenarioError) -> String {
        guard let word = rest.popFirst() else { throw unreadable }
        return word
    }

    mutating func expect(_ word: String) throws(ScenarioError) {
        guard try next() == word else { throw unreadable }
    }

    mutating func value<Value: LosslessStringConvertible>() throws(ScenarioError) -> Value {
        guard let value = Value(try next()) else { throw unreadable }
        return value
    }

    mutating func value<Value: RawRepresentable>() throws(ScenarioError) -> Value
    where Value.RawValue == String {
        guard let value = Value(rawValue: try next()) else { throw unreadable }
        return value
    }

    mutating func identifier(width: Int) throws(ScenarioError) -> Identifier {
        let word: UInt64 = try value()
        // An identifier can be read only after the width.
        guard width == 64 || width > 0 && word >> UInt64(width) == 0 else { throw unreadable }
        return Identifier(word)
    }

    /// A fraction from 0 to 1. Other values, and NaN, would make computed times invalid.
    mutating func share() throws(ScenarioError) -> Double {
        let share: Double = try value()
        guard (0...1).contains(share) else { throw unreadable }
        return share
    }

    mutating func node() throws(ScenarioError) -> Int {
        try node(try next())
    }

    mutating func nodes() throws(ScenarioError) -> [Int] {
        var nodes: [Int] = []
        for word in try next().split(separator: ",") { nodes.append(try node(String(word))) }
        return nodes
    }

    private func node(_ word: String) throws(ScenarioError) -> Int {
        guard word.hasPrefix("n"), let number = Int(word.dropFirst()),
            (1...Self.largestNode).contains(number)
        else { throw unreadable }
        return number
    }

    /// The longest time that a scenario may contain: eleven days.
    private static let mostMicroseconds: Int64 = 1_000_000_000_000

    /// A duration in whole milliseconds or microseconds: `1500ms`, `250us`, or `2s`.
    mutating func duration() throws(ScenarioError) -> Duration {
        let word = try next()
        for (unit, microseconds) in [("ms", 1000), ("us", 1), ("s", 1_000_000)] as [(String, Int64)]
        where word.hasSuffix(unit) {
            guard let number = Int64(word.dropLast(unit.count)),
                (0...Self.mostMicroseconds / microseconds).contains(number)
            else { throw unreadable }
            return .microseconds(number * microseconds)
        }
        throw unreadable
    }
}

extension Duration {
    /// The duration in the form that scenarios use.
    var text: String {
        let microseconds = nanoseconds / 1000
        return microseconds % 1000 == 0 ? "\(microseconds / 1000)ms" : "\(microseconds)us"
    }
}
