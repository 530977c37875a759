// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine

/// The output for a report.
struct InteropView {
    let report: InteropReport

    var lines: [String] {
        var lines: [String] = []
        for finding in report.findings {
            let mark =
                switch finding.outcome {
                case .asExpected: Style.good("ok   ")
                case .known: Style.warning("known")
                case .wrong: Style.warning("WRONG")
                }
            lines.append("\(mark)  \(finding.subject.printable)")
            lines.append("         expected  \(finding.expected.printable)")
            lines.append("         found     \(finding.found.printable)")
        }
        let wrong = report.findings.count { $0.outcome == .wrong }
        lines.append(
            wrong == 0
                ? "\(report.address.printable) can be a member of a ring of ours"
                : "\(report.address.printable): \(wrong) of \(report.findings.count) checks failed"
        )
        return lines
    }

    var json: JSON {
        .object([
            ("address", .string(report.address)),
            ("good", .boolean(report.isGood)),
            ("dialects", .array(report.dialects.map { .string($0.rawValue) })),
            (
                "checks",
                .array(
                    report.findings.map { finding in
                        .object([
                            ("check", .string(finding.subject)),
                            ("expected", .string(finding.expected)),
                            ("found", .string(finding.found)),
                            ("outcome", .string(finding.outcome.rawValue)),
                        ])
                    }
                )
            ),
        ])
    }
}
