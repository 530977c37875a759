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

    let options: ExperimentOptions

    init(_ options: ExperimentOptions) {
        self.options = options
    }

    func report(_ progress: (String) -> Void) -> ExperimentReport {
        var rows: [[ExperimentReport.Value]] = []
        var lost: [String] = []
        var points: (mean: [ExperimentPlot.Point], published: [ExperimentPlot.Point]) = ([], [])
        progress("hashing \(options.samples) keys")
        let keys = identifiers(options.samples) { "key-\($0)" }
        func row(_ positions: Int, _ keys: ArraySlice<Identifier>, _ published: Published?) {
            var loads = measure(positions, keys)
            if loads.sum != Double(keys.count) {
                lost.append("\(loads.sum) of \(keys.count) with \(positions) positions")
            }
            let mean = loads.mean
            let first = loads.percentile(1) / mean
            let last = loads.percentile(99) / mean
            rows.append([
                .integer(positions), .integer(keys.count), .number(mean, digits: 1),
                .number(first, digits: 2), .number(published?.first, digits: 1),
                .number(last, digits: 2), .number(published?.last, digits: 1),
                .number(loads.largest / mean, digits: 2), .number(published?.most, digits: 1),
            ])
            guard keys.count == options.samples else { return }
            let place = Double(Self.positions.firstIndex(of: positions) ?? 0)
            points.mean.append(.init(place, 1, low: first, high: last))
            if let published, let low = published.first, let high = published.last {
                points.published.append(.init(place + 0.1, 1, low: low, high: high))
            }
        }
        let half = keys.prefix(keys.count / 2)
        row(1, half, Self.published[0])
        for positions in Self.positions {
            progress("\(positions) positions per node")
            row(positions, keys[...], Self.published.last { $0.positions == positions })
        }
        return ExperimentReport(
            experiment: .load,
            title: "Load balance",
            sources: [Self.source],
            settings: [
                .init("nodes", "\(options.nodes)"),
                .init("hash", "SHA-1 of names, the leading 64 bits"),
                .init("virtual positions", "a node's name with a number, hashed"),
            ],
            columns: [
                .init("positions", "positions"), .init("keys", "keys"), .init("mean", "mean load"),
                .init("p1", "1st"), .init("publishedP1", "published"), .init("p99", "99th"),
                .init("publishedP99", "published"), .init("max", "most"),
                .init("publishedMax", "published"),
            ],
            rows: rows,
            checks: [.init("every key belongs to exactly one node", exceptions: lost)],
            notes: [
                "Percentiles and the greatest load are multiples of the mean load.",
                "Without virtual positions a load is nearly exponential: its 99th percentile is "
                    + "ln 100 = 4.6 times the mean, and the greatest of 10,000 about ln 10,000 = 9.2.",
            ],
            plot: ExperimentPlot(
                title: "Load balance",
                xTitle: "virtual positions per node",
                yTitle: "load / mean load",
                categories: Self.positions.map(String.init),
                series: [
                    .init("ours, 1st to 99th percentile", .ours, points.mean),
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
