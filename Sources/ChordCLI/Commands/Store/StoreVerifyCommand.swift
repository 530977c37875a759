// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Chord
import ChordCommandLine

/// `chord store verify`.
struct StoreVerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare all copies of all keys by checksums.",
        discussion: """
            It asks every node that holds a copy, one range after the other, and needs a certificate of role admin. \
            The copies of a range are compared as they are after one entry of its log, so writes can go on. Every row \
            is read: a node that finds damage gives its copy up, and gets a new one from the others.

            The exit code is 0 if all copies are equal, 1 if some differ or are damaged, and 75 if none differs, but \
            some could not be compared.
            """
    )

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "The ring")
    var ring: RingOptions

    func run() async throws {
        try await reportingFailures {
            try await ring.withClient { client in
                let (overview, width) = try await StoreOverview.read(client)
                var report = StoreVerificationReport(gaps: overview.gaps, width: width)
                for range in overview.ranges {
                    let found = try await client.store.verify(range.status)
                    report.ranges.append(found)
                    if !json { report.lines(of: found).forEach { StandardStreams.output($0) } }
                }
                if json {
                    StandardStreams.output(report.json.lines)
                } else {
                    report.summary.forEach { StandardStreams.output($0) }
                }
                if let code = report.exitCode { throw code }
            }
        }
    }
}

/// What `chord store verify` prints.
struct StoreVerificationReport {
    /// Arcs that no range has.
    let gaps: [String]
    /// Bits of an identifier.
    let width: Int
    var ranges: [StoreRangeVerification] = []

    init(gaps: [String], width: Int) {
        self.gaps = gaps
        self.width = width
    }

    /// Nil if all copies are equal.
    var exitCode: ExitCode? {
        if ranges.contains(where: \.hasDifferences) {
            return ExitCode(CommandFailure.Kind.failed.rawValue)
        }
        let isComplete = gaps.isEmpty && ranges.allSatisfy(\.isComplete)
        return isComplete ? nil : ExitCode(CommandFailure.Kind.notIdeal.rawValue)
    }

    // MARK: Text

    func lines(of range: StoreRangeVerification) -> [String] {
        let name = "range \(range.range.prefix(8))"
        if !range.hasDifferences, range.isComplete {
            let keys = Int(clamping: range.replicas.first?.rows ?? 0)
            return ["\(name)  \(range.replicas.count) copies equal, \(keys.counted("key"))"]
        }
        var lines = ["\(name)  \(range.hasDifferences ? "DIFFERENT" : "not all compared")"]
        for replica in range.replicas { lines.append("  " + Self.line(of: replica)) }
        if range.recordsDiffer {
            lines.append(
                "  they differ in what they keep besides the keys: bounds, replicas, time, answers"
            )
        }
        for row in range.rows { lines.append("  " + line(of: row, in: range)) }
        if range.hasMoreRows { lines.append("  and more keys") }
        return lines
    }

    private static func line(of replica: StoreRangeVerification.Replica) -> String {
        let place = "\(replica.node), disk \(replica.disk.prefix(8)), replica \(replica.number): "
        let keys = Int(clamping: replica.rows).counted("key")
        switch replica.outcome {
        case .equal: return place + "equal, \(keys), \(replica.bytes.inBytes)"
        case .different: return place + "different, \(keys), \(replica.bytes.inBytes)"
        case .damaged(let reason): return place + "damaged: \(reason.printable)"
        case .notCompared(let reason): return place + "not compared: \(reason.printable)"
        }
    }

    private func line(
        of row: StoreRangeVerification.RowDifference,
        in range: StoreRangeVerification
    ) -> String {
        let key = String(validating: row.key, as: UTF8.self)?.printable ?? "\(row.key.count) bytes"
        let holdings = row.holdings.map { holding in
            let node = range.replicas.first { $0.number == holding.replica }?.node ?? "?"
            guard let version = holding.version, let checksum = holding.checksum else {
                return "\(node) has none"
            }
            return "\(node) has version \(version) (\(String(checksum, radix: 16)))"
        }
        let position = row.position.hexadecimal(width: width).prefix(16)
        return "key \(key) at \(position): " + holdings.joined(separator: ", ")
    }

    var summary: [String] {
        let different = ranges.filter(\.hasDifferences).count
        let open = ranges.filter { !$0.isComplete }.count
        var lines = gaps
        if different > 0 {
            lines.append("\(different.counted("range")) of \(ranges.count) with different copies")
        }
        if open > 0 {
            lines.append(
                "\(open.counted("range")) of \(ranges.count) with copies that were not compared"
            )
        }
        if lines.isEmpty { lines = ["all copies of \(ranges.count.counted("range")) are equal"] }
        return lines
    }

    // MARK: JSON

    var json: JSON {
        .object([
            ("equal", .boolean(exitCode == nil)),
            ("differences", .boolean(ranges.contains(where: \.hasDifferences))),
            ("complete", .boolean(gaps.isEmpty && ranges.allSatisfy(\.isComplete))),
            ("gaps", .array(gaps.map { .string($0) })),
            ("ranges", .array(ranges.map(json(of:)))),
        ])
    }

    private func json(of range: StoreRangeVerification) -> JSON {
        .object([
            ("range", .string(range.range)),
            ("bounds", .range(range.bounds, width: width)),
            ("entry", .integer(Int(clamping: range.index ?? 0))),
            ("replicas", .array(range.replicas.map(Self.json(of:)))),
            ("records_differ", .boolean(range.recordsDiffer)),
            ("rows", .array(range.rows.map(json(of:)))),
            ("more_rows", .boolean(range.hasMoreRows)),
        ])
    }

    private static func json(of replica: StoreRangeVerification.Replica) -> JSON {
        let (outcome, reason) =
            switch replica.outcome {
            case .equal: ("equal", "")
            case .different: ("different", "")
            case .damaged(let reason): ("damaged", reason)
            case .notCompared(let reason): ("not_compared", reason)
            }
        return .object([
            ("number", .integer(Int(clamping: replica.number))),
            ("node", .string(replica.node)),
            ("disk", .string(replica.disk)),
            ("outcome", .string(outcome)),
            ("reason", .string(reason)),
            ("keys", .integer(Int(clamping: replica.rows))),
            ("bytes", .integer(Int(clamping: replica.bytes))),
        ])
    }

    private func json(of row: StoreRangeVerification.RowDifference) -> JSON {
        .object(
            [("position", .string(row.position.hexadecimal(width: width)))]
                + JSON.members("partition", row.partition) + JSON.members("key", row.key)
                + [
                    (
                        "holdings",
                        .array(
                            row.holdings.map { holding in
                                .object([
                                    ("replica", .integer(Int(clamping: holding.replica))),
                                    (
                                        "version",
                                        .integer(Int(clamping: holding.version ?? 0))
                                    ),
                                ])
                            }
                        )
                    )
                ]
        )
    }
}
