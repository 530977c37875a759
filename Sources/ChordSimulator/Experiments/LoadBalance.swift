// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore
import ChordHash

/// The distribution of keys over nodes (SIGCOMM 2001, section 6.2).
struct LoadBalance {
    /// Loads as multiples of the mean.
    struct Published {
        var positions: Int
        /// Keys per node.
        var keysPerNode: Int
        var first: Double?
        var last: Double?
        var most: Double?
    }

    static let source = "Stoica et al., Chord, SIGCOMM 2001, section 6.2, figures 8 and 9"
    /// The text gives the ends of figure 9, but not the values between.
    static let published = [
        Published(positions: 1, keysPerNode: 50, first: nil, last: 4.6, most: 9.1),
        Published(positions: 1, keysPerNode: 100, first: 0, last: 4.8, most: nil),
        Published(positions: 20, keysPerNode: 100, first: 0.5, last: 1.6, most: nil),
    ]
    static let positions = [1, 2, 5, 10, 15, 20]
    /// Places of which each node takes one, as nodes of a ring do.
    static let placements = [1, 4, 16, 64]

    let options: ExperimentOptions

    init(_ options: ExperimentOptions) {
        self.options = options
    }

    func report(_ progress: (String) -> Void) -> ExperimentReport {
        var rows: [[ExperimentReport.Value]] = []
        var lost: [String] = []
        var points:
            (
                mean: [ExperimentPlot.Point], published: [ExperimentPlot.Point],
                placed: [ExperimentPlot.Point]
            ) = ([], [], [])
        progress("hashing \(options.samples) keys")
        let keys = identifiers(options.samples) { "key-\($0)" }
        func row(
            _ positions: Int,
            of places: Int?,
            _ keys: ArraySlice<Identifier>,
            _ published: Published?
        ) {
            var loads = places.map { measure(onePlaceOf: $0, keys) } ?? measure(positions, keys)
            if loads.sum != Double(keys.count) {
                lost.append("\(loads.sum) of \(keys.count) with \(positions) positions")
            }
            let mean = loads.mean
            let first = loads.percentile(1) / mean
            let last = loads.percentile(99) / mean
            rows.append([
                places.map { .text("1 of \($0)") } ?? .integer(positions), .integer(keys.count),
                .number(mean, digits: 1),
                .number(first, digits: 2), .number(published?.first, digits: 1),
                .number(last, digits: 2), .number(published?.last, digits: 1),
                .number(loads.largest / mean, digits: 2), .number(published?.most, digits: 1),
            ])
            guard keys.count == options.samples else { return }
            if let index = places.flatMap(Self.placements.firstIndex(of:)) {
                let place = Double(Self.positions.count + index)
                points.placed.append(.init(place, 1, low: first, high: last))
                return
            }
            let place = Double(Self.positions.firstIndex(of: positions) ?? 0)
            points.mean.append(.init(place, 1, low: first, high: last))
            if let published, let low = published.first, let high = published.last {
                points.published.append(.init(place + 0.1, 1, low: low, high: high))
            }
        }
        let half = keys.prefix(keys.count / 2)
        row(1, of: nil, half, Self.published[0])
        for positions in Self.positions {
            progress("\(positions) positions per node")
            row(positions, of: nil, keys[...], Self.published.last { $0.positions == positions })
        }
        for places in Self.placements {
            progress("one of \(places) places per node")
            row(1, of: places, keys[...], nil)
        }
        let evenness = ShareEvenness(
            upTo: max(options.nodes, 100),
            seed: options.seed,
            progress
        )
        return ExperimentReport(
            experiment: .load,
            title: "Load balance",
            sources: [Self.source],
            settings: [
                .init("nodes", "\(options.nodes)"),
                .init("hash", "SHA-1 of names, the leading 64 bits"),
                .init("virtual positions", "a node's name with a number, hashed"),
                .init(
                    "1 of k",
                    "ours: each node takes one of its k places, the one whose smaller side is largest"
                ),
            ],
            columns: [
                .init("positions", "positions"), .init("keys", "keys"), .init("mean", "mean load"),
                .init("p1", "1st"), .init("publishedP1", "published"), .init("p99", "99th"),
                .init("publishedP99", "published"), .init("max", "most"),
                .init("publishedMax", "published"),
            ],
            rows: rows,
            checks: [
                .init("every key belongs to exactly one node", exceptions: lost),
                .init(
                    "with \(ShareEvenness.placements) places the largest and the smallest share, also after "
                        + "churn, are within 15 % of a model's",
                    exceptions: evenness.differences
                ),
            ],
            notes: [
                "Percentiles and the greatest load are multiples of the mean load.",
                "Without virtual positions a load is nearly exponential: its 99th percentile is "
                    + "ln 100 = 4.6 times the mean, and the greatest of 10,000 about ln 10,000 = 9.2.",
                "A node with v virtual positions is v members: v times the fingers, lists and maintenance. "
                    + "A node that takes one of k places is one member; it pays k lookups once, when it "
                    + "joins.",
            ] + evenness.notes,
            plot: ExperimentPlot(
                title: "Load balance",
                xTitle: "virtual positions per node; 1/k: one of k places",
                yTitle: "load / mean load",
                categories: Self.positions.map(String.init) + Self.placements.map { "1/\($0)" },
                series: [
                    .init("ours, one of k places, 1st to 99th percentile", .ours, points.placed),
                    .init("virtual positions, 1st to 99th percentile", .variant, points.mean),
                    .init("published, 1st to 99th percentile", .published, points.published),
                ]
            )
        )
    }

    private func identifiers(_ count: Int, _ name: (Int) -> String) -> [Identifier] {
        (0..<count).map { number in
            HashFunction.sha1.identifier(of: "\(options.seed)/\(name(number))", in: .standard)
        }
    }

    /// The load of each node of a ring whose nodes take one of several places.
    private func measure(onePlaceOf placements: Int, _ keys: ArraySlice<Identifier>) -> Sample {
        var ring = PlacedRing(placements: placements, name: "\(options.seed)/node")
        for _ in 0..<options.nodes { ring.join() }
        var counts = [Int](repeating: 0, count: ring.ids.count)
        for key in keys {
            counts[LookupAuditor.firstIndex(atLeast: key, in: ring.ids) % ring.ids.count] += 1
        }
        var loads = Sample()
        for count in counts { loads.add(count) }
        return loads
    }

    /// The load of each node.
    private func measure(_ positions: Int, _ keys: ArraySlice<Identifier>) -> Sample {
        let ids = identifiers(options.nodes * positions) {
            "node-\($0 / positions)/\($0 % positions)"
        }
        let ring = ids.indices.sorted { ids[$0] < ids[$1] }
        let places = ring.map { ids[$0] }
        var counts = [Int](repeating: 0, count: options.nodes)
        for key in keys {
            let place = LookupAuditor.firstIndex(atLeast: key, in: places) % places.count
            counts[ring[place] / positions] += 1
        }
        var loads = Sample()
        for count in counts { loads.add(count) }
        return loads
    }
}
