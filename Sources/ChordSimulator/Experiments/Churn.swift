// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// Lookups while nodes join and leave (ToN 2003, "lookups during stabilization").
struct Churn {
    struct Published {
        /// Joins per second; departures have the same rate.
        var rate: Double
        var hops: Double
        var timeouts: Double
        /// Failures per 10,000 lookups.
        var failures: Int
    }

    static let source =
        "Stoica et al., Chord, ToN 2003, table of path length, timeouts and failures by the rate of "
        + "joins and leaves"
    static let published = [
        Published(rate: 0.05, hops: 3.90, timeouts: 0.05, failures: 0),
        Published(rate: 0.10, hops: 3.83, timeouts: 0.11, failures: 0),
        Published(rate: 0.15, hops: 3.84, timeouts: 0.16, failures: 2),
        Published(rate: 0.20, hops: 3.81, timeouts: 0.23, failures: 5),
        Published(rate: 0.25, hops: 3.83, timeouts: 0.30, failures: 6),
        Published(rate: 0.30, hops: 3.91, timeouts: 0.34, failures: 8),
        Published(rate: 0.35, hops: 3.94, timeouts: 0.42, failures: 16),
        Published(rate: 0.40, hops: 4.06, timeouts: 0.46, failures: 15),
    ]
    /// The rates are for a ring of this size. A smaller ring gets a proportional rate.
    static let publishedNodes = 1000
    static let lookupsPerSecond = 4.0

    private struct Result {
        var hops = Sample()
        var timeouts = Sample()
        var failures = 0
        /// The number of hops if a list of a node before the key may name the owner.
        var listedHops = Sample()
        var listedFailures = 0
        var violation: Violation?

        func rate(_ failures: Int) -> Double {
            hops.count == 0 ? 0 : Double(failures) * 10_000 / Double(hops.count)
        }

        /// Whether there are significantly more failures than expected, per 10,000.
        func exceeds(_ published: Int) -> Bool {
            let expected = Double(published) * Double(hops.count) / 10_000
            return Double(failures) > expected + 2 * (expected + 1).squareRoot()
        }
    }

    let options: ExperimentOptions

    init(_ options: ExperimentOptions) {
        self.options = options
    }

    private func settings(
        _ rate: Double,
        _ departure: ChurnedRing.Departure
    ) -> ChurnedRing.Settings {
        var timing = Scenario.Timing()
        timing.stabilize = .seconds(30)
        timing.jitter = 0.5
        timing.peerTimeout = .milliseconds(500)
        timing.lookupTimeout = .milliseconds(500)
        var network = Scenario.Network()
        // The delay is cut below half of the peer timeout, because the papers' nodes never take a
        // live node for dead.
        network.delay = .exponential(mean: .milliseconds(50), limit: .milliseconds(240))
        network.refusesWhenDown = false
        var machine = ChordMachine.Configuration()
        machine.fingerQuietTicks = 1
        return ChurnedRing.Settings(
            nodes: options.nodes,
            successorCount: min(20, options.nodes / 4),
            timing: timing,
            network: network,
            machine: machine,
            departure: departure,
            rate: rate * Double(options.nodes) / Double(Self.publishedNodes)
        )
    }

    func report(_ progress: (String) -> Void) -> ExperimentReport {
        var rows: [[ExperimentReport.Value]] = []
        var points = (
            leaves: [ExperimentPlot.Point](), crashes: [ExperimentPlot.Point](),
            listed: [ExperimentPlot.Point]()
        )
        var tooMany: [String] = []
        var violations: [String] = []
        for (index, published) in Self.published.enumerated() {
            progress("rate \(published.rate), \(index + 1) of \(Self.published.count)")
            let seed = options.seed &* 1000 &+ UInt64(index)
            let leaves = measure(settings(published.rate, .leave), seed)
            let crashes = measure(settings(published.rate, .crash), seed)
            let failures = (leaves.rate(leaves.failures), crashes.rate(crashes.failures))
            rows.append([
                .number(published.rate, digits: 2),
                .number(leaves.hops.mean, digits: 2), .number(leaves.listedHops.mean, digits: 2),
                .number(published.hops, digits: 2),
                .number(leaves.timeouts.mean, digits: 3),
                .number(crashes.timeouts.mean, digits: 3),
                .number(published.timeouts, digits: 2),
                .number(failures.0, digits: 1), .number(failures.1, digits: 1),
                .number(leaves.rate(leaves.listedFailures), digits: 1),
                .number(crashes.rate(crashes.listedFailures), digits: 1),
                .integer(published.failures),
            ])
            points.leaves.append(.init(published.rate, failures.0))
            points.crashes.append(.init(published.rate, failures.1))
            points.listed.append(.init(published.rate, crashes.rate(crashes.listedFailures)))
            for (result, name) in [(leaves, "leaves"), (crashes, "crashes")]
            where result.exceeds(published.failures) {
                tooMany.append(
                    "\(result.rate(result.failures).short(1)) instead of \(published.failures) at "
                        + "\(published.rate) (\(name))"
                )
            }
            violations += [leaves.violation, crashes.violation].compactMap { $0?.description }
        }
        return ExperimentReport(
            experiment: .churn,
            title: "Churn",
            sources: [Self.source],
            settings: describe(settings(Self.published[0].rate, .leave)),
            columns: [
                .init("rate", "rate"), .init("hops", "hops"), .init("hopsByList", "by list"),
                .init("publishedHops", "published"),
                .init("timeoutsLeaves", "timeouts"), .init("timeoutsCrashes", "crashes"),
                .init("publishedTimeouts", "published"),
                .init("failuresLeaves", "failures"), .init("failuresCrashes", "crashes"),
                .init("failuresByList", "by list"),
                .init("failuresCrashesByList", "crashes, by list"),
                .init("publishedFailures", "published"),
            ],
            rows: rows,
            checks: [
                .init(
                    "no more failures than published, within chance",
                    exceptions: tooMany
                ),
                .init("no simulation check failed", exceptions: violations),
            ],
            notes: notes,
            plot: ExperimentPlot(
                title: "Churn",
                xTitle: "joins per second, and departures",
                yTitle: "failures per 10,000 lookups",
                series: [
                    .init("ours, leaves", .ours, points.leaves),
                    .init("ours, crashes", .variant, points.crashes),
                    .init("ours, crashes, by list", .recounted, points.listed),
                    .init(
                        "published",
                        .published,
                        Self.published.map { .init($0.rate, Double($0.failures)) }
                    ),
                ]
            )
        )
    }

    private let notes = [
        "Rates are joins per second, and equally departures, in a ring of 1000. Nodes tell their "
            + "neighbours that they depart; in the columns \"crashes\" they do not.",
        "A lookup has failed if the live node that answered as the owner was not the member at or "
            + "after the key at that moment. Failures are counted per 10,000 lookups.",
        "As after mass failures, the member before the key names the owner. The columns \"by "
            + "list\" are of lookups in the same rings that end where the key falls in a list of 20, "
            + "as in the papers' simulator.",
        "Timeouts are fewer than published; the published text does not explain its figures enough: "
            + "of 1000 nodes 0.4 per second depart, so of fingers that are looked up each 30 s about "
            + "one in a hundred is dead.",
    ]

    private func describe(_ settings: ChurnedRing.Settings) -> [ExperimentReport.Setting] {
        [
            .init("nodes", "\(settings.nodes) on average"),
            .init(
                "stabilisation",
                "every 15 to 45 s, with prompt rounds after a change"
            ),
            .init("fingers", "all in each round"),
            .init("successor list", "\(settings.successorCount)"),
            .init("delay", "exponential, 50 ms on average, at most 240 ms"),
            .init("peer timeout", "500 ms"),
            .init("lookups", "\(options.samples) for each rate, four per second, iterative"),
        ]
    }

    private func measure(_ settings: ChurnedRing.Settings, _ seed: UInt64) -> Result {
        let ring = ChurnedRing(settings, seed: seed)
        var result = Result()
        // After ten intervals the ideal start no longer matters.
        var time = 10 * settings.timing.stabilize.nanoseconds
        for _ in 0..<options.samples {
            time += ring.gap(perSecond: Self.lookupsPerSecond)
            ring.advance(to: time)
            guard ring.violation == nil, let start = ring.member() else { break }
            let key = Identifier(ring.generator.next())
            let owner = ring.world.trueOwner(of: key)
            let walk = LookupWalk(key, from: start) { ring.view(of: $0) }
            result.hops.add(walk.contacts)
            result.timeouts.add(walk.timeouts)
            if walk.owner?.id != owner { result.failures += 1 }
            let listed = LookupWalk(key, from: start, ending: .inList) { ring.view(of: $0) }
            result.listedHops.add(listed.contacts)
            if listed.owner?.id != owner { result.listedFailures += 1 }
        }
        result.violation = ring.violation
        return result
    }
}
