// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCommandLine
import ChordSimulator

// Output of an experiment's report as text, Markdown and JSON.

extension ExperimentReport {
    /// The report for a terminal.
    func text(_ options: ExperimentOptions) -> String {
        var table = Table(columns: columns.map { .init(title: $0.title, isNumeric: true) })
        table.rows = rows.map { $0.map(\.text) }
        var lines = [Style.heading("\(title) (\(experiment.rawValue), seed \(options.seed))")]
        for setting in settings {
            lines += Paragraph.lines(
                "  \(setting.name): \(setting.value)",
                width: StandardStreams.columns
            )
        }
        let width = StandardStreams.columns
        for part in table.parts(width: width, follows: { Self.belongsToTheOneBefore($0.title) }) {
            lines += [""] + part
        }
        lines.append("")
        for check in checks {
            lines += Paragraph.lines(
                check.holds
                    ? "\(Style.good("holds")): \(check.statement)"
                    : "\(Style.warning("does not hold")): \(check.statement): "
                        + check.exceptions.joined(separator: "; "),
                width: width
            )
        }
        for text in notes + sources.map({ "published in: \($0)" }) {
            lines += Paragraph.lines(text, width: width)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Whether a column qualifies the one before it, so that the two must stay side by side.
    private static func belongsToTheOneBefore(_ title: String) -> Bool {
        ["published", "theory", "±", "1st 99th", "99th"].contains(title)
    }

    /// The report for `docs/experiments.md`.
    var markdown: String {
        func row(_ cells: [String]) -> String { "| \(cells.joined(separator: " | ")) |" }
        var lines = ["## \(title)", ""]
        lines += sources.map { "Published in \($0)." }
        lines.append("")
        lines += settings.map { "- \($0.name): \($0.value)" }
        lines += ["", row(columns.map(\.title)), row(columns.map { _ in "--:" })]
        lines += rows.map { row($0.map(\.text)) }
        lines.append("")
        lines += checks.map { check in
            check.holds
                ? "- Holds: \(check.statement)."
                : "- Does not hold: \(check.statement): \(check.exceptions.joined(separator: "; "))."
        }
        lines += notes.map { "- \($0)" }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The report as JSON. Missing values are omitted.
    func json(_ options: ExperimentOptions) -> JSON {
        .object([
            ("experiment", .string(experiment.rawValue)),
            ("seed", .string("\(options.seed)")),
            ("nodes", .integer(options.nodes)),
            ("samples", .integer(options.samples)),
            ("sources", .array(sources.map { .string($0) })),
            ("settings", .object(settings.map { ($0.name, .string($0.value)) })),
            (
                "rows",
                .array(
                    rows.map { row in
                        .object(
                            zip(columns, row).compactMap { column, value in
                                value.json.map { (column.key.snakeCased, $0) }
                            }
                        )
                    }
                )
            ),
            (
                "checks",
                .array(
                    checks.map { check in
                        .object([
                            ("statement", .string(check.statement)),
                            ("holds", .boolean(check.holds)),
                            ("exceptions", .array(check.exceptions.map { .string($0) })),
                        ])
                    }
                )
            ),
            ("notes", .array(notes.map { .string($0) })),
        ])
    }
}

extension String {
    /// A camel-case name in snake case, as JSON uses it.
    fileprivate var snakeCased: String {
        var text = ""
        for character in self {
            if character.isUppercase { text += "_" }
            text += character.lowercased()
        }
        return text
    }
}

extension ExperimentReport.Value {
    var text: String {
        switch self {
        case .integer(let value): String(value)
        case .number(let value, let digits): value.formatted(digits: digits)
        case .text(let text): text
        case .missing: "–"
        }
    }

    var json: JSON? {
        switch self {
        case .integer(let value): .integer(value)
        case .number(let value, let digits): .number(value, digits: digits)
        case .text(let text): .string(text)
        case .missing: nil
        }
    }
}
