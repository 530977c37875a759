// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Rows in aligned columns, shortened where they would be wider than the terminal.
struct Table {
    /// One column.
    struct Column {
        let title: String
        var isNumeric = false
        /// The width that the column may be shortened to; nil where nothing may be cut.
        var least: Int?
    }

    var columns: [Column]
    var rows: [[String]] = []

    /// The lines of the table, none longer than `width` as far as the columns can be shortened.
    func lines(width: Int) -> [String] {
        let cells = [columns.map(\.title)] + rows.map { $0.map(\.printable) }
        var widths = columns.indices.map { index in cells.map { $0[index].count }.max() ?? 0 }
        let gaps = 2 * (columns.count - 1)
        var excess = widths.reduce(gaps, +) - width
        // The widest of those that may be cut gives first, so that no column starves for another.
        while excess > 0 {
            let candidates = columns.indices.filter { widths[$0] > columns[$0].least ?? .max }
            guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
            excess -= 1
        }
        return cells.map { row in
            let padded = columns.indices.map { index in
                Self.fit(row[index], to: widths[index], isNumeric: columns[index].isNumeric)
            }
            let line = padded.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    private static func fit(_ text: String, to width: Int, isNumeric: Bool) -> String {
        guard text.count <= width else { return text.shortened(to: width) }
        let padding = String(repeating: " ", count: width - text.count)
        return isNumeric ? padding + text : text + padding
    }
}

extension String {
    /// The text with blanks behind it, up to so many characters.
    func padding(toLength length: Int) -> String {
        self + String(repeating: " ", count: max(0, length - count))
    }

    /// The text itself, or its beginning and an ellipsis.
    func shortened(to width: Int) -> String {
        count <= width ? self : String(prefix(max(0, width - 1))) + "…"
    }
}

/// Colour, sparsely, and only where somebody looks.
enum Style {
    private static let isOn =
        Standard.outputIsTerminal && (Environment.value("NO_COLOR") ?? "").isEmpty
        && Environment.value("TERM") != "dumb"

    static func heading(_ text: String) -> String { isOn ? "\u{1b}[1m\(text)\u{1b}[0m" : text }
    static func warning(_ text: String) -> String { isOn ? "\u{1b}[33m\(text)\u{1b}[0m" : text }
    static func good(_ text: String) -> String { isOn ? "\u{1b}[32m\(text)\u{1b}[0m" : text }
}
