// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordSimulator

// An experiment's report for people, for documents and for programs.

extension ExperimentReport {
    /// For a terminal.
    func text(_ options: ExperimentOptions) -> String {
        var table = Table(columns: columns.map { .init(title: $0.title, isNumeric: true) })
        table.rows = rows.map { $0.map(\.text) }
        var lines = [Style.heading("\(title) (\(experiment.rawValue), seed \(options.seed))")]
        lines += settings.map { "  \($0.name): \($0.value)" }
        lines += [""] + table.lines(width: Standard.columns) + [""]
        for check in checks {
            lines.append(
                check.holds
                    ? "\(Style.good("holds")): \(check.statement)"
                    : "\(Style.warning("does not hold")): \(check.statement): "
                        + check.exceptions.joined(separator: "; ")
            )
        }
        lines += notes
        lines += sources.map { "published in: \($0)" }
        return lines.joined(separator: "\n") + "\n"
    }

    /// For `docs/experiments.md`.
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

    /// For programs; what is missing is left out.
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
                                value.json.map { (column.key, $0) }
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
