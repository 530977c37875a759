// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

/// Rows in aligned columns. On a narrow terminal long cells are shortened as far as they stay
/// readable. Then whole columns are left out, the least important first. Without a width nothing is
/// cut.
package struct Table {
    /// One column.
    package struct Column {
        package let title: String
        package var isNumeric: Bool
        /// The smallest readable width of the column; nil if it must not be cut.
        package var least: Int?
        /// The order in which columns are left out, the highest first. Columns with rank 0 always
        /// stay.
        package var rank: Int

        package init(title: String, isNumeric: Bool = false, least: Int? = nil, rank: Int = 0) {
            self.title = title
            self.isNumeric = isNumeric
            self.least = least
            self.rank = rank
        }
    }

    package var columns: [Column]
    package var rows: [[String]] = []

    package init(columns: [Column]) {
        self.columns = columns
    }

    /// The lines of the table.
    ///
    /// - Parameter width: the width of the terminal; nil if nothing may be cut. Lines are longer
    ///   only if the columns of rank 0 alone do not fit.
    package func lines(width: Int?) -> [String] {
        let shown = width.map(columnsShown) ?? Array(columns.indices)
        let cells = cells(of: shown)
        var widths = Self.natural(cells)
        if let width {
            var excess = Self.total(widths) - width
            // The widest column is cut first, so that no column becomes too narrow.
            while excess > 0 {
                let candidates = shown.indices.filter {
                    widths[$0] > columns[shown[$0]].least ?? .max
                }
                guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { break }
                widths[widest] -= 1
                excess -= 1
            }
        }
        return render(cells, shown, widths)
    }

    /// The lines of the table, divided into parts below each other if it is too wide. Every part
    /// starts with the first column.
    ///
    /// - Parameters:
    ///   - width: the width of the terminal; nil for a single part.
    ///   - follows: whether a column must stay beside the one before it.
    package func parts(width: Int?, follows: (Column) -> Bool) -> [[String]] {
        let all = Self.natural(cells(of: Array(columns.indices)))
        guard let width, Self.total(all) > width, columns.count > 2 else {
            return [lines(width: nil)]
        }
        var groups: [[Int]] = []
        for index in columns.indices.dropFirst() {
            if follows(columns[index]), !groups.isEmpty {
                groups[groups.count - 1].append(index)
            } else {
                groups.append([index])
            }
        }
        var parts: [[Int]] = []
        for group in groups {
            let wider = (parts.last ?? [0]) + group
            if let last = parts.indices.last, Self.total(wider.map { all[$0] }) <= width {
                parts[last] = wider
            } else {
                parts.append([0] + group)
            }
        }
        return parts.map { part in
            let cells = cells(of: part)
            return render(cells, part, Self.natural(cells))
        }
    }

    /// The columns that fit.
    private func columnsShown(in width: Int) -> [Int] {
        var shown = Array(columns.indices)
        while true {
            let least = zip(shown, Self.natural(cells(of: shown))).map { index, width in
                min(width, max(columns[index].least ?? width, columns[index].title.count))
            }
            guard Self.total(least) > width,
                let last = shown.max(by: { columns[$0].rank < columns[$1].rank }),
                columns[last].rank > 0
            else { return shown }
            shown.removeAll { $0 == last }
        }
    }

    private func cells(of shown: [Int]) -> [[String]] {
        [shown.map { columns[$0].title }] + rows.map { row in shown.map { row[$0].printable } }
    }

    private static func natural(_ cells: [[String]]) -> [Int] {
        (cells.first ?? []).indices.map { index in cells.map { $0[index].count }.max() ?? 0 }
    }

    private static func total(_ widths: [Int]) -> Int {
        widths.reduce(2 * max(0, widths.count - 1), +)
    }

    private func render(_ cells: [[String]], _ shown: [Int], _ widths: [Int]) -> [String] {
        cells.map { row in
            let padded = shown.indices.map { index in
                Self.fit(
                    row[index],
                    to: widths[index],
                    isNumeric: columns[shown[index]].isNumeric
                )
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
    /// The text padded with blanks to this length.
    package func padding(toLength length: Int) -> String {
        self + String(repeating: " ", count: max(0, length - count))
    }

    /// The text, or its beginning and an ellipsis.
    package func shortened(to width: Int) -> String {
        count <= width ? self : String(prefix(max(0, width - 1))) + "…"
    }
}

/// Colours, used sparingly, and only on a terminal.
package enum Style {
    private static let isOn =
        StandardStreams.outputIsTerminal && (System.environment("NO_COLOR") ?? "").isEmpty
        && System.environment("TERM") != "dumb"

    package static func heading(_ text: String) -> String {
        isOn ? "\u{1b}[1m\(text)\u{1b}[0m" : text
    }
    package static func warning(_ text: String) -> String {
        isOn ? "\u{1b}[33m\(text)\u{1b}[0m" : text
    }
    package static func good(_ text: String) -> String {
        isOn ? "\u{1b}[32m\(text)\u{1b}[0m" : text
    }
}

/// Text that is wrapped between words.
package enum Paragraph {
    /// A text in lines of at most `width`; later lines are indented. Nil leaves it on one line.
    package static func lines(_ text: String, width: Int?) -> [String] {
        guard let width else { return [text] }
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = "   "
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + [line]
    }
}
