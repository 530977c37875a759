// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine

/// The output for a store.
struct StoreStatusView {
    let overview: StoreOverview
    /// Bits of an identifier.
    let width: Int

    // MARK: Text

    /// The members' parts of the store, then moves and problems.
    func lines(width columns: Int?) -> [String] {
        var table = Table(columns: [
            .init(title: "name", least: 12), .init(title: "address", rank: 5),
            .init(title: "state"), .init(title: "replicas", isNumeric: true),
            .init(title: "leads", isNumeric: true, rank: 1),
            .init(title: "keys", isNumeric: true, rank: 2),
            .init(title: "size", isNumeric: true, rank: 3),
            .init(title: "free", isNumeric: true, rank: 4),
        ])
        for member in overview.members {
            table.rows.append([member.node.name, member.node.address] + cells(of: member.answer))
        }
        var lines = table.lines(width: columns)
        lines[0] = Style.heading(lines[0])
        let count = overview.ranges.count
        let keys = overview.ranges.reduce(0) { $0 + $1.status.rows }
        let bytes = overview.ranges.reduce(0) { $0 + $1.status.bytes }
        lines += [
            "",
            "\(count.counted("range")), \(Int(clamping: keys).counted("key")), \(bytes.inBytes)",
        ]
        for range in overview.ranges {
            guard let move = range.status.move else { continue }
            lines += Paragraph.lines(
                "range \(range.shortName): \(Self.text(of: move))",
                width: columns
            )
        }
        let problems = overview.problems
        guard !problems.isEmpty else { return lines + [Style.good("nothing is wrong")] }
        for problem in problems {
            lines += Paragraph.lines(problem.printable, width: columns).map(Style.warning)
        }
        return lines
    }

    private func cells(of answer: StoreOverview.Answer) -> [String] {
        switch answer {
        case .status(let status):
            [
                status.state.rawValue, "\(status.replicas)", "\(status.leaders)", "\(status.rows)",
                status.bytes.inBytes, status.freeBytes == 0 ? "" : status.freeBytes.inBytes,
            ]
        case .noStore: ["no store", "", "", "", "", ""]
        case .failed: ["no answer", "", "", "", "", ""]
        }
    }

    private static func text(of move: StoreRangeStatus.Move) -> String {
        let what =
            switch move.kind {
            case .add: "copies its rows to \(move.node)"
            case .exchange: "exchanges replicas for \(move.node)"
            case .remove: "removes the replica on \(move.node)"
            case .transferLeadership: "hands its leadership to \(move.node)"
            case .split: "is split"
            }
        guard move.totalBytes > 0 else { return what }
        return "\(what), \(move.sentBytes.inBytes) of \(move.totalBytes.inBytes)"
    }

    /// The ranges, one line each.
    func rangeLines(width columns: Int?) -> [String] {
        var table = Table(columns: [
            .init(title: "range"), .init(title: "after", least: 9, rank: 4),
            .init(title: "through", least: 9), .init(title: "leader", least: 9),
            .init(title: "replicas", least: 11),
            .init(title: "keys", isNumeric: true, rank: 1),
            .init(title: "size", isNumeric: true, rank: 2),
            .init(title: "lag", isNumeric: true, rank: 3), .init(title: "", least: 8, rank: 5),
        ])
        for range in overview.ranges {
            let status = range.status
            let bounds = status.bounds
            table.rows.append([
                range.shortName, bounds.isWholeCircle ? "" : hexadecimal(bounds.lowerBound),
                bounds.isWholeCircle ? "the whole ring" : hexadecimal(bounds.upperBound),
                range.hasLeader ? status.leadingReplica?.node ?? "none" : "none",
                status.replicas.map(Self.text).joined(separator: " "), "\(status.rows)",
                status.bytes.inBytes, range.lag.map { "\($0)" } ?? "",
                status.issues.map(\.kind.rawValue).joined(separator: " "),
            ])
        }
        var lines = table.lines(width: columns)
        lines[0] = Style.heading(lines[0])
        return lines
    }

    private static func text(of replica: StoreRangeStatus.Replica) -> String {
        replica.kind == .voter ? replica.node : "\(replica.node) (\(replica.kind.rawValue))"
    }

    private func hexadecimal(_ id: Identifier) -> String { id.hexadecimal(width: width) }

    // MARK: JSON

    /// The members' parts of the store.
    var json: JSON {
        var members: [(String, JSON)] = []
        let stores = overview.members.compactMap { member -> String? in
            if case .status(let status) = member.answer { status.store } else { nil }
        }
        if let store = stores.first { members.append(("store", .string(store))) }
        members += [
            ("nodes", .array(overview.members.map(json))),
            ("ranges", .integer(overview.ranges.count)),
            ("problems", .array(overview.problems.map(JSON.string))),
        ]
        return .object(members)
    }

    private func json(_ member: StoreOverview.Member) -> JSON {
        var members = JSON.members(of: member.node, width: width)
        switch member.answer {
        case .noStore: members.append(("state", .string("no_store")))
        case .failed(let reason):
            members += [("state", .string("no_answer")), ("failure", .string(reason))]
        case .status(let status):
            members.append(("state", .string(status.state.rawValue)))
            if !status.reason.isEmpty { members.append(("failure", .string(status.reason))) }
            if let disk = status.disk { members.append(("disk", .string(disk))) }
            members += [
                ("starts", .integer(Int(clamping: status.starts))),
                ("replicas", .integer(Int(clamping: status.replicas))),
                ("leads", .integer(Int(clamping: status.leaders))),
                ("keys", .integer(Int(clamping: status.rows))),
                ("bytes", .integer(Int(clamping: status.bytes))),
                ("free_bytes", .integer(Int(clamping: status.freeBytes))),
            ]
            if let quota = status.quotaBytes {
                members += [
                    ("quota_bytes", .integer(Int(clamping: quota))),
                    ("quota_reached", .boolean(status.isQuotaReached)),
                ]
            }
        }
        return .object(members)
    }

    /// The ranges.
    var rangesJSON: JSON {
        .object([("ranges", .array(overview.ranges.map(json)))])
    }

    private func json(_ range: StoreOverview.Range) -> JSON {
        let status = range.status
        var members: [(String, JSON)] = [
            ("range", .string(status.range)), ("bounds", .range(status.bounds, width: width)),
            ("epoch", .string("\(status.boundsEpoch).\(status.configurationEpoch)")),
        ]
        if range.hasLeader, let leader = status.leadingReplica {
            members.append(("leader", .string(leader.node)))
        }
        members += [
            ("replicas", .array(status.replicas.map(Self.json))),
            ("wanted", .integer(status.wantedVoters)),
            ("keys", .integer(Int(clamping: status.rows))),
            ("bytes", .integer(Int(clamping: status.bytes))),
            ("quiet", .boolean(status.isQuiet)),
        ]
        if let lag = range.lag { members.append(("lag", .integer(Int(clamping: lag)))) }
        if let move = status.move {
            members.append(
                (
                    "move",
                    .object([
                        ("kind", .string(move.kind.rawValue)), ("node", .string(move.node)),
                        ("sent_bytes", .integer(Int(clamping: move.sentBytes))),
                        ("total_bytes", .integer(Int(clamping: move.totalBytes))),
                    ])
                )
            )
        }
        let issues = status.issues.map { issue in
            JSON.object([("kind", .string(issue.kind.rawValue)), ("detail", .string(issue.detail))])
        }
        return .object(members + [("issues", .array(issues))])
    }

    private static func json(_ replica: StoreRangeStatus.Replica) -> JSON {
        .object([
            ("number", .integer(Int(clamping: replica.number))), ("node", .string(replica.node)),
            ("address", .string(replica.address)), ("kind", .string(replica.kind.rawValue)),
        ])
    }
}

extension UInt64 {
    /// A size in readable form: `812 B`, `1.5 MiB`.
    var inBytes: String {
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB"]
        guard self >= 1_024 else { return "\(self) B" }
        var size = Double(self) / 1_024
        var unit = 0
        while size >= 1_024, unit < units.count - 1 {
            size /= 1_024
            unit += 1
        }
        return "\(size.formatted(digits: 1)) \(units[unit])"
    }
}
