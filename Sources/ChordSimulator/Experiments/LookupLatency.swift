// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// The time of a lookup relative to a direct call to the owner, with latencies proportional to
/// distances in a plane (ToN 2003, "improving routing latency").
struct LookupLatency {
    /// The medians and the 10th and 90th percentiles of lookups without proximity routing.
    struct Published {
        var style: Style
        var median: Double
        var first: Double
        var last: Double
    }

    enum Style: String, CaseIterable {
        case iterative
        /// The last node sends the answer directly to the caller.
        case recursive
        /// The answer returns along the path, as in our nodes.
        case retraced
    }

    static let source =
        "Stoica et al., Chord, ToN 2003, table of the stretch with 2^16 nodes, 3-d space, one "
        + "successor for each finger (recalled, not read again)"
    static let published = [
        Published(style: .iterative, median: 7.8, first: 4.4, last: 19.8),
        Published(style: .recursive, median: 4.5, first: 2.5, last: 11.5),
    ]
    static let listLengths = [1, 4]

    let options: ExperimentOptions

    init(_ options: ExperimentOptions) {
        self.options = options
    }

    func report(_ progress: (String) -> Void) -> ExperimentReport {
        var generator = SeededGenerator(seed: options.seed)
        var rows: [[ExperimentReport.Value]] = []
        var points: [[ExperimentPlot.Point]] = [[], []]
        var slower: [String] = []
        for (index, length) in Self.listLengths.enumerated() {
            progress("\(options.nodes) nodes with lists of \(length)")
            var stretches = measure(list: length, &generator)
            for (place, style) in Style.allCases.enumerated() {
                let median = stretches[place].percentile(50)
                let first = stretches[place].percentile(10)
                let last = stretches[place].percentile(90)
                let published = Self.published.first { $0.style == style && length == 1 }
                rows.append([
                    .text(style.rawValue), .integer(length), .number(median, digits: 1),
                    .number(published?.median, digits: 1), .number(first, digits: 1),
                    .number(published?.first, digits: 1), .number(last, digits: 1),
                    .number(published?.last, digits: 1),
                ])
                points[index].append(
                    .init(Double(place) + Double(index) * 0.15, median, low: first, high: last)
                )
            }
            if stretches[1].percentile(50) > stretches[0].percentile(50) {
                slower.append("with lists of \(length)")
            }
        }
        return ExperimentReport(
            experiment: .latency,
            title: "Lookup latency",
            sources: [Self.source],
            settings: [
                .init("nodes", "\(options.nodes), uniform in a cube; latency is distance"),
                .init("ring", "ideal; fingers are not chosen by proximity"),
                .init("lookups", "\(options.samples), with the call to the owner"),
            ],
            columns: [
                .init("style", "style"), .init("list", "list"), .init("median", "median"),
                .init("publishedMedian", "published"), .init("p10", "10th"),
                .init("publishedP10", "published"), .init("p90", "90th"),
                .init("publishedP90", "published"),
            ],
            rows: rows,
            checks: [
                .init("a recursive lookup is faster than an iterative one", exceptions: slower)
            ],
            notes: [
                "The stretch is a lookup's time up to the owner's answer over that of a call to the owner.",
                "recursive: the last node forwards the request to the owner, which answers the caller. "
                    + "retraced: the owner's name returns along the path, as in our "
                    + "nodes, and then the caller calls the owner.",
                "Handshakes are not counted. An iterative lookup needs one at each unknown node, while "
                    + "recursive lookups use connections that are already open.",
            ],
            plot: ExperimentPlot(
                title: "Lookup latency",
                xTitle: "style",
                yTitle: "stretch (median, 10th to 90th percentile)",
                categories: Style.allCases.map(\.rawValue),
                series: [
                    .init("ours, list of 1", .ours, points[0]),
                    .init("ours, list of 4", .variant, points[1]),
                    .init(
                        "published",
                        .published,
                        Self.published.enumerated().map {
                            .init(
                                Double($0.offset) - 0.15,
                                $0.element.median,
                                low: $0.element.first,
                                high: $0.element.last
                            )
                        }
                    ),
                ]
            )
        )
    }

    /// The stretches for each lookup style.
    private func measure(list: Int, _ generator: inout SeededGenerator) -> [Sample] {
        let ring = IdealRing(nodes: options.nodes, successorCount: list, using: &generator)
        let places = ring.members.map { _ in
            (generator.fraction(), generator.fraction(), generator.fraction())
        }
        func distance(_ left: NodeReference, _ right: NodeReference) -> Double {
            let (a, b) = (places[ring.index(of: left)], places[ring.index(of: right)])
            let (x, y, z) = (a.0 - b.0, a.1 - b.1, a.2 - b.2)
            return (x * x + y * y + z * z).squareRoot()
        }
        var stretches = Style.allCases.map { _ in Sample() }
        var done = 0
        while done < options.samples {
            let start = ring.members[generator.integer(in: 0...(ring.members.count - 1))]
            let walk = LookupWalk(Identifier(generator.next()), from: start) {
                ring.members[ring.index(of: $0)]
            }
            // A lookup of the caller's own keys takes no time.
            guard let owner = walk.owner, owner.id != start.node.id else { continue }
            done += 1
            let direct = distance(start.node, owner)
            let last = walk.path[walk.path.count - 1]
            let calls = walk.path.reduce(0) { $0 + distance(start.node, $1) }
            let way = zip(walk.path, walk.path.dropFirst()).reduce(0) { $0 + distance($1.0, $1.1) }
            stretches[0].add((calls + direct) / direct)
            stretches[1].add((way + distance(last, owner) + direct) / (2 * direct))
            stretches[2].add((way + direct) / direct)
        }
        return stretches
    }
}
