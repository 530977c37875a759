// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// The results of an experiment: a table of our figures beside the published ones, and a plot.
package struct ExperimentReport: Sendable {
    /// A cell of the table.
    package enum Value: Hashable, Sendable {
        case integer(Int)
        /// A number and its decimal places.
        case number(Double, digits: Int)
        case text(String)
        /// Nothing is published, or nothing was measured.
        case missing

        static func number(_ value: Double?, digits: Int) -> Value {
            value.map { .number($0, digits: digits) } ?? .missing
        }
    }

    package struct Column: Hashable, Sendable {
        /// The name in JSON and CSV.
        package let key: String
        package let title: String

        init(_ key: String, _ title: String) {
            self.key = key
            self.title = title
        }
    }

    /// A setting that the figures depend on.
    package struct Setting: Hashable, Sendable {
        package let name: String
        package let value: String

        init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// A statement that must be true of the figures.
    package struct Check: Hashable, Sendable {
        package let statement: String
        package let holds: Bool
        /// The contradictions; empty if the statement is true.
        package let exceptions: [String]

        init(_ statement: String, exceptions: [String]) {
            self.statement = statement
            self.exceptions = exceptions
            holds = exceptions.isEmpty
        }
    }

    package var experiment: Experiment
    package var title: String
    /// The sources of the published figures.
    package var sources: [String]
    package var settings: [Setting]
    package var columns: [Column]
    package var rows: [[Value]]
    package var checks: [Check]
    /// Notes for reading the table. Differences from the publication come first.
    package var notes: [String]
    package var plot: ExperimentPlot

    package var holds: Bool { checks.allSatisfy(\.holds) }
}

/// A set of measurements and its statistics.
struct Sample {
    private var values: [Double] = []
    private var isSorted = true

    var count: Int { values.count }
    var sum: Double { values.reduce(0, +) }
    var mean: Double { values.isEmpty ? 0 : sum / Double(values.count) }
    var largest: Double { values.max() ?? 0 }

    mutating func add(_ value: Double) {
        values.append(value)
        isSorted = false
    }

    mutating func add(_ value: Int) {
        add(Double(value))
    }

    /// The percentile by nearest rank.
    mutating func percentile(_ percent: Int) -> Double {
        guard !values.isEmpty else { return 0 }
        if !isSorted {
            values.sort()
            isSorted = true
        }
        let rank = (percent * values.count + 99) / 100
        return values[min(values.count, max(1, rank)) - 1]
    }

    /// The most frequent value.
    func mode() -> Double {
        var counts: [Double: Int] = [:]
        for value in values { counts[value, default: 0] += 1 }
        return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? 0
    }

    /// The standard error of the mean, computed from the means of ten consecutive blocks.
    /// Measurements taken shortly after each other are correlated, so single values would make the
    /// error look too small.
    var standardError: Double {
        let batches = 10
        guard values.count >= 2 * batches else { return 0 }
        let means = (0..<batches).map { batch in
            let part = values[
                (batch * values.count / batches)..<((batch + 1) * values.count / batches)
            ]
            return part.reduce(0, +) / Double(part.count)
        }
        let center = means.reduce(0, +) / Double(batches)
        let squares = means.reduce(0) { $0 + ($1 - center) * ($1 - center) }
        return (squares / Double(batches * (batches - 1))).squareRoot()
    }
}
