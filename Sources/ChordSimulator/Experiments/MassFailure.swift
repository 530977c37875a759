// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// Lookups after a fraction of all nodes has failed at once, before any node stabilizes (ToN 2003,
/// "simultaneous node failures").
struct MassFailure {
    struct Published {
        var share: Double
        var hops: (mean: Double, first: Int, last: Int)
        var timeouts: (mean: Double, first: Int, last: Int)
    }

    static let source =
        "Stoica et al., Chord, ToN 2003, table of path length and timeouts by the fraction failed"
    static let published = [
        Published(share: 0, hops: (3.84, 2, 5), timeouts: (0, 0, 0)),
        Published(share: 0.1, hops: (4.03, 2, 6), timeouts: (0.60, 0, 2)),
        Published(share: 0.2, hops: (4.22, 2, 6), timeouts: (1.17, 0, 3)),
        Published(share: 0.3, hops: (4.44, 2, 6), timeouts: (2.02, 0, 5)),
        Published(share: 0.4, hops: (4.69, 2, 7), timeouts: (3.23, 0, 8)),
        Published(share: 0.5, hops: (5.09, 3, 8), timeouts: (5.10, 0, 11)),
    ]
    static let listLength = 20
    /// The number of random sets of failed nodes. The choice of nodes matters more than the choice
    /// of keys.
    private static let draws = 20

    private struct Result {
        var hops = Sample()
        var timeouts = Sample()
        var failed = 0
    }

    let options: ExperimentOptions

    init(_ options: ExperimentOptions) {
        self.options = options
    }

    func report(_ progress: (String) -> Void) -> ExperimentReport {
        var generator = SeededGenerator(seed: options.seed)
        let ring = IdealRing(
            nodes: options.nodes,
            successorCount: Self.listLength,
            using: &generator
        )
        var rows: [[ExperimentReport.Value]] = []
        var failures: [String] = []
        var points = (
            hops: [ExperimentPlot.Point](), listed: [ExperimentPlot.Point](),
            timeouts: [ExperimentPlot.Point]()
        )
        for published in Self.published {
            progress("\((published.share * 100).short(0)) % of \(options.nodes) nodes fail")
            let state = generator
            var result = measure(ring, published.share, .atPredecessor, &generator)
            generator = state
            let listed = measure(ring, published.share, .inList, &generator)
            rows.append([
                .number(published.share, digits: 1), .number(result.hops.mean, digits: 2),
                Self.range(&result.hops), .number(published.hops.mean, digits: 2),
                .text("\(published.hops.first) \(published.hops.last)"),
                .number(result.timeouts.mean, digits: 2), Self.range(&result.timeouts),
                .number(published.timeouts.mean, digits: 2),
                .text("\(published.timeouts.first) \(published.timeouts.last)"),
                .integer(result.failed), .integer(0),
                .number(listed.hops.mean, digits: 2), .number(listed.timeouts.mean, digits: 2),
            ])
            points.hops.append(.init(published.share, result.hops.mean))
            points.timeouts.append(.init(published.share, result.timeouts.mean))
            if result.failed + listed.failed > 0 {
                failures.append("\(result.failed + listed.failed) with \(published.share)")
            }
            points.listed.append(.init(published.share, listed.hops.mean))
        }
        return ExperimentReport(
            experiment: .massFailure,
            title: "Mass failure",
            sources: [Self.source],
            settings: [
                .init("nodes", "\(options.nodes)"),
                .init("successor list", "\(Self.listLength)"),
                .init("lookups", "\(options.samples) for each share, from live nodes, iterative"),
                .init("stabilisation", "none between the failure and the lookups"),
            ],
            columns: [
                .init("share", "failed"), .init("hops", "hops"),
                .init("hopsRange", "1st 99th"), .init("publishedHops", "published"),
                .init("publishedHopsRange", "1st 99th"), .init("timeouts", "timeouts"),
                .init("timeoutsRange", "1st 99th"), .init("publishedTimeouts", "published"),
                .init("publishedTimeoutsRange", "1st 99th"), .init("failures", "lookups failed"),
                .init("publishedFailures", "published"),
                .init("hopsByList", "hops by list"), .init("timeoutsByList", "timeouts by list"),
            ],
            rows: rows,
            checks: [.init("no lookup fails", exceptions: failures)],
            notes: [
                "A hop is a node that answered, including the owner; a timeout is a call to a failed "
                    + "node. A lookup has failed if the first live node at or after its key was not "
                    + "reached. The set of failed nodes is chosen at random \(Self.draws) times.",
                "Our nodes name an owner only if the key lies between a node and the head of its "
                    + "list, so a lookup ends at the member before the key. This is one hop more than in "
                    + "the papers' simulator, which ends when the key lies within the list of \(Self.listLength). "
                    + "The columns \"by list\" count in that way.",
            ],
            plot: ExperimentPlot(
                title: "Mass failure",
                xTitle: "share of nodes failed",
                yTitle: "per lookup",
                series: [
                    .init("hops, ours", .ours, points.hops),
                    .init("hops, ours by list", .recounted, points.listed),
                    .init(
                        "hops, published",
                        .published,
                        Self.published.map { .init($0.share, $0.hops.mean) }
                    ),
                    .init("timeouts, ours", .variant, points.timeouts),
                    .init(
                        "timeouts, published",
                        .publishedVariant,
                        Self.published.map { .init($0.share, $0.timeouts.mean) }
                    ),
                ]
            )
        )
    }

    private static func range(_ sample: inout Sample) -> ExperimentReport.Value {
        .text("\(Int(sample.percentile(1))) \(Int(sample.percentile(99)))")
    }

    private func measure(
        _ ring: IdealRing,
        _ share: Double,
        _ ending: LookupWalk.Ending,
        _ generator: inout SeededGenerator
    ) -> Result {
        let all = Array(ring.members.indices)
        var result = Result()
        for draw in 0..<Self.draws {
            let count = Int((share * Double(all.count)).rounded())
            let failed = Set(generator.elements(count, of: all))
            let live = all.filter { !failed.contains($0) }
            let lookups =
                options.samples * (draw + 1) / Self.draws - options.samples * draw / Self.draws
            for _ in 0..<lookups {
                let start = generator.element(of: live) ?? 0
                let key = Identifier(generator.next())
                let walk = LookupWalk(key, from: ring.members[start], ending: ending) { reference in
                    let index = ring.index(of: reference)
                    return failed.contains(index) ? nil : ring.members[index]
                }
                result.hops.add(walk.contacts)
                result.timeouts.add(walk.timeouts)
                let owner = ring.owner(of: key) { !failed.contains($0) }
                if walk.owner.map(ring.index(of:)) != owner { result.failed += 1 }
            }
        }
        return result
    }
}
