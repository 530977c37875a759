// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordBase
import ChordCommandLine

/// What `dump` shows of a node: its range, its neighbours, its fingers and its keys.
struct NodeDump {
    let description: NodeDescription
    /// The rows of the node's own range.
    var rows: [StoreRow] = []
    /// Rows of other nodes' ranges, of which it holds copies.
    var copies = 0
    /// Why the rows are not known.
    var missing: String?

    /// Identifiers are cut after this number of digits: enough to tell nodes apart by eye.
    static let shownDigits = 8
    /// The most keys in one listing.
    static let shownKeys = 200

    /// An identifier as a dump shows it.
    static func short(_ id: Identifier, width: Int) -> String {
        let digits = id.hexadecimal(width: width)
        return digits.count > shownDigits ? digits.prefix(shownDigits) + "…" : digits
    }

    /// Consecutive fingers that are the same node.
    struct Fingers: Equatable {
        var numbers: ClosedRange<Int>
        var node: NodeReference
    }

    /// The finger table, repeats folded: finger i is the first node at or after the node's identifier plus 2^i, as
    /// far as the node knows.
    var fingers: [Fingers] {
        let space = description.parameters.space
        let own = description.node
        let known = description.table + description.successors + [own]
        var folded: [Fingers] = []
        for number in 0..<space.width {
            let start = space.adding(own.id, powerOfTwo: number)
            let finger = known.min {
                space.distance(from: start, to: $0.id) < space.distance(from: start, to: $1.id)
            }
            guard let finger else { continue }
            if let last = folded.last, last.node.id == finger.id {
                folded[folded.count - 1].numbers = last.numbers.lowerBound...number
            } else {
                folded.append(Fingers(numbers: number...number, node: finger))
            }
        }
        return folded
    }

    /// The dump as text.
    ///
    /// - Parameter columns: the width of the terminal; nil if nothing may be cut.
    func lines(width columns: Int?) -> [String] {
        let width = description.parameters.space.width
        func short(_ id: Identifier) -> String { Self.short(id, width: width) }
        var table = Table(columns: [
            .init(title: ""), .init(title: "", least: 12), .init(title: ""),
            .init(title: "", least: 9, rank: 1),
        ])
        func add(_ label: String, _ node: NodeReference) {
            table.rows.append([label, node.name, node.address, short(node.id)])
        }
        add("node", description.node)
        add("predecessor", description.predecessor)
        let successors =
            description.successors.isEmpty ? [description.node] : description.successors
        for (place, node) in successors.enumerated() { add(place == 0 ? "successors" : "", node) }
        for (place, finger) in fingers.enumerated() {
            let numbers = finger.numbers
            let label =
                numbers.count == 1
                ? "\(numbers.lowerBound)" : "\(numbers.lowerBound) to \(numbers.upperBound)"
            add(place == 0 ? "fingers \(label)" : "        \(label)", finger.node)
        }
        var lines = Array(table.lines(width: columns).dropFirst())
        lines[0] = Style.heading(lines[0])
        let range =
            description.range.map {
                $0.isWholeCircle
                    ? "the whole circle" : "(\(short($0.lowerBound)), \(short($0.upperBound))]"
            } ?? "none: it is no member"
        let label = table.rows.map(\.[0].count).max() ?? 0
        lines.insert("\("range".padding(toLength: label))  \(range)", at: 1)
        return lines + keyLines("keys".padding(toLength: label), width: columns)
    }

    private func keyLines(_ label: String, width columns: Int?) -> [String] {
        if let missing {
            return Paragraph.lines("\(label)  not shown: \(missing)", width: columns)
        }
        var lines = ["\(label)  \(rows.count)"]
        if copies > 0 { lines[0] += ", and copies of \(copies.counted("key")) of other nodes" }
        lines += rows.prefix(Self.shownKeys).map { row in
            let line = "  \(Self.text(row.key)) = \(Self.text(row.value.bytes))"
            return columns.map { line.shortened(to: $0) } ?? line
        }
        if rows.count > Self.shownKeys { lines.append("  +\(rows.count - Self.shownKeys) more") }
        return lines
    }

    private static func text(_ key: StoreKey) -> String {
        let name = text(key.name)
        guard let partition = key.partition, partition != key.name else { return name }
        return "\(name) in \(text(partition))"
    }

    static func text(_ bytes: [UInt8]) -> String {
        String(validating: bytes, as: UTF8.self).map(\.printable)
            ?? "\(bytes.count.counted("byte")) that are no text"
    }
}
