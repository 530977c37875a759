// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCommandLine

/// The output of `chord bench`.
struct BenchReport {
    private static let quantiles = [
        ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999),
    ]

    let settings: BenchSettings
    let tally: BenchLoad.Tally

    private var perSecond: Double {
        let seconds = tally.measured.milliseconds / 1_000
        return seconds > 0 ? Double(tally.times.count) / seconds : 0
    }

    /// The messages of failed calls, the most frequent first.
    private var failures: [(message: String, count: Int)] {
        tally.failures.map { ($0.key, $0.value) }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }
    }

    func lines(width: Int?) -> [String] {
        var table = Table(
            columns: [
                Table.Column(title: "call"), Table.Column(title: "calls at once", isNumeric: true),
                Table.Column(title: "answered", isNumeric: true, rank: 2),
                Table.Column(title: "per second", isNumeric: true),
                Table.Column(title: "mean ms", isNumeric: true, rank: 1),
            ]
                + (Self.quantiles.map(\.0) + ["longest"]).map {
                    Table.Column(title: "\($0) ms", isNumeric: true)
                } + [Table.Column(title: "failed", isNumeric: true)]
        )
        let times = tally.times
        let columns =
            [times.mean] + Self.quantiles.map { times.quantile($0.1) } + [times.longest]
        table.rows = [
            [
                settings.kind.rawValue, "\(settings.connections) × \(settings.callers)",
                "\(times.count)", perSecond.formatted(digits: 0),
            ] + columns.map { $0.milliseconds.formatted(digits: 2) } + ["\(tally.failed)"]
        ]
        let rate = settings.rate.map { rate in
            [
                "Calls were to begin \(rate.formatted(digits: 0)) times per second; each time counts"
                    + " from then."
            ]
        }
        let reasons = failures.prefix(3).map { failure in
            "failed \(failure.count.counted("time")): \(failure.message.printable)"
        }
        return table.lines(width: width) + (rate ?? []) + reasons
    }

    var json: JSON {
        let times = tally.times
        var members: [(String, JSON)] = [
            ("call", .string(settings.kind.rawValue)),
            ("connections", .integer(settings.connections)),
            ("callers", .integer(settings.callers)),
        ]
        if let rate = settings.rate { members.append(("rate", .number(rate, digits: 3))) }
        members += [
            ("measured_ms", .time(tally.measured)), ("answered", .integer(Int(times.count))),
            ("per_second", .number(perSecond, digits: 1)), ("mean_ms", .time(times.mean)),
        ]
        members += Self.quantiles.map { name, share in
            ("\(name.replacing(".", with: "_"))_ms", .time(times.quantile(share)))
        }
        members += [
            ("longest_ms", .time(times.longest)), ("failed", .integer(tally.failed)),
            (
                "failures",
                .array(
                    failures.map {
                        .object([("message", .string($0.message)), ("count", .integer($0.count))])
                    }
                )
            ),
        ]
        return .object(members)
    }
}
