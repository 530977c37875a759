// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// The number of hops of a lookup (SIGCOMM 2001, section 6.3).
struct PathLength {
    /// The published mean is half of the binary logarithm of N. With 2^12 nodes most lookups take 6
    /// hops.
    static let source =
        "Stoica et al., Chord, SIGCOMM 2001, section 6.3 and figure 10"
    static func published(nodes: Int) -> Double { Double(nodes.trailingZeroBitCount) / 2 }
    static let publishedMode = (nodes: 1 << 12, mode: 6.0)
    /// The allowed excess of a mean over the published one.
    static let allowance = 0.5
    /// Our nodes have a successor list and also route with it.
    static let listLengths = (paper: 1, ours: 4)

    let options: ExperimentOptions

    init(_ options: ExperimentOptions) {
        self.options = options
    }

    func report(_ progress: (String) -> Void) -> ExperimentReport {
        var generator = SeededGenerator(seed: options.seed)
        var rows: [[ExperimentReport.Value]] = []
        var paper: [ExperimentPlot.Point] = []
        var ours: [ExperimentPlot.Point] = []
        var tooLong: [String] = []
        var wrong: [String] = []
        var otherMode: [String] = []
        var nodes = 8
        while nodes <= options.nodes {
            progress("\(nodes) of \(options.nodes) nodes")
            let count = min(options.samples, 100 * nodes)
            let one = measure(nodes, list: Self.listLengths.paper, count, &generator)
            let four = measure(nodes, list: Self.listLengths.ours, count, &generator)
            var lengths = one.lengths
            rows.append([
                .integer(nodes), .integer(count), .number(lengths.mean, digits: 2),
                .number(Self.published(nodes: nodes), digits: 1),
                .number(lengths.percentile(1), digits: 0), .number(lengths.mode(), digits: 0),
                .number(lengths.percentile(99), digits: 0),
                .number(four.lengths.mean, digits: 2),
            ])
            paper.append(
                .init(
                    Double(nodes),
                    lengths.mean,
                    low: lengths.percentile(1),
                    high: lengths.percentile(99)
                )
            )
            ours.append(.init(Double(nodes), four.lengths.mean))
            let bound = Self.published(nodes: nodes) + Self.allowance
            for mean in [lengths.mean, four.lengths.mean] where mean > bound {
                tooLong.append("\(mean.short(2)) with \(nodes) nodes")
            }
            if one.wrong + four.wrong > 0 {
                wrong.append("\(one.wrong + four.wrong) with \(nodes) nodes")
            }
            if nodes == Self.publishedMode.nodes, lengths.mode() != Self.publishedMode.mode {
                otherMode.append("\(lengths.mode().short(0))")
            }
            nodes *= 2
        }
        var checks = [
            ExperimentReport.Check(
                "every mean is at most 1/2 log2 N + \(Self.allowance)",
                exceptions: tooLong
            ),
            ExperimentReport.Check("every lookup names the owner", exceptions: wrong),
        ]
        if options.nodes >= Self.publishedMode.nodes {
            checks.append(
                .init("with 2^12 nodes most lookups take 6 forwardings", exceptions: otherMode)
            )
        }
        return ExperimentReport(
            experiment: .pathLength,
            title: "Path length",
            sources: [Self.source],
            settings: [
                .init("ring", "ideal, identifiers of 64 bits drawn at random"),
                .init(
                    "successor list",
                    "\(Self.listLengths.paper), and \(Self.listLengths.ours), the default of nodes"
                ),
                .init("lookups", "of random keys from random nodes"),
            ],
            columns: [
                .init("nodes", "nodes"), .init("lookups", "lookups"), .init("mean", "mean"),
                .init("publishedMean", "published"), .init("p1", "1st"), .init("mode", "mode"),
                .init("p99", "99th"), .init("meanList4", "mean, list of 4"),
            ],
            rows: rows,
            checks: checks,
            notes: [
                "A length is the number of forwardings up to the node that names the owner; the owner "
                    + "is not counted.",
                "The published mean is the 1/2 log2 N of the text; the figure has no numbers.",
            ],
            plot: ExperimentPlot(
                title: "Path length",
                xTitle: "nodes",
                yTitle: "forwardings",
                isLogarithmic: true,
                series: [
                    .init("ours, list of 1 (1st to 99th percentile)", .ours, paper),
                    .init("ours, list of 4", .variant, ours),
                    .init(
                        "published: 1/2 log2 N",
                        .published,
                        paper.map { .init($0.x, Self.published(nodes: Int($0.x))) }
                    ),
                ]
            )
        )
    }

    private func measure(
        _ nodes: Int,
        list: Int,
        _ count: Int,
        _ generator: inout SeededGenerator
    ) -> (lengths: Sample, wrong: Int) {
        let ring = IdealRing(nodes: nodes, successorCount: list, using: &generator)
        var lengths = Sample()
        var wrong = 0
        for _ in 0..<count {
            let start = generator.integer(in: 0...(nodes - 1))
            let key = Identifier(generator.next())
            let walk = LookupWalk(key, from: ring.members[start]) {
                ring.members[ring.index(of: $0)]
            }
            lengths.add(walk.forwardings)
            if walk.owner.map(ring.index(of:)) != ring.owner(of: key) { wrong += 1 }
        }
        return (lengths, wrong)
    }
}
