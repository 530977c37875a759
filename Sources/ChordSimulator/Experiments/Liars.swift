// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore

/// The effect of lying members on lookups of other members: without checks, with the checks that
/// every node makes, and with verified lookups.
struct Liars {
    /// Castro et al. give the fraction of lookups that meet no liar, if each hop meets one with
    /// probability f.
    static let source =
        "Castro et al., Secure routing for structured peer-to-peer overlay networks, OSDI 2002, "
        + "section 4: 1 - (1 - f)^h of all lookups over h nodes meet a liar"
    static func published(share: Double, hops: Double) -> Double {
        var left = 1.0
        for _ in 0..<Int(hops) { left *= 1 - share }
        return 1 - left * (1 - (hops - hops.rounded(.down)) * share)
    }

    /// The number of random sets of liars. The choice of liars matters more than the choice of
    /// keys.
    private static let draws = 20

    /// Which nodes lie, and which nodes ask.
    private enum Setting: CaseIterable {
        case oneBefore, one, tenth

        func title(of nodes: Int) -> String {
            switch self {
            case .oneBefore: "1, asked from the node before it"
            case .one: "1"
            case .tenth: "\(count(of: nodes))"
            }
        }

        func count(of nodes: Int) -> Int { self == .tenth ? nodes / 10 : 1 }
    }

    private struct Result {
        var met = 0
        var hops = 0
        var lookups = 0
        var harm: [LiarMode: (turned: Int, failed: Int)] = [:]

        /// Percentages of all lookups.
        func share(_ mode: LiarMode) -> (turned: Double, failed: Double) {
            let harm = harm[mode] ?? (0, 0)
            let all = Double(max(1, lookups))
            return (100 * Double(harm.turned) / all, 100 * Double(harm.failed) / all)
        }
    }

    let options: ExperimentOptions

    init(_ options: ExperimentOptions) {
        self.options = options
    }

    func report(_ progress: (String) -> Void) -> ExperimentReport {
        var generator = SeededGenerator(seed: options.seed)
        let ring = IdealRing(nodes: options.nodes, successorCount: 4, using: &generator)
        var rows: [[ExperimentReport.Value]] = []
        var wrong: [String: [String]] = [:]
        var points: [LiarMode: [ExperimentPlot.Point]] = [:]
        for setting in Setting.allCases {
            for lie in Lie.allCases {
                let title = setting.title(of: options.nodes)
                progress("liars: \(title); \(lie.title)")
                let result = measure(ring, lie, setting, &generator)
                rows.append(row(result, lie, setting))
                judge(result, lie, setting, &wrong)
                guard setting == .tenth else { continue }
                let place = Double(points[.unchecked]?.count ?? 0)
                for mode in LiarMode.allCases {
                    let share = result.share(mode)
                    points[mode, default: []].append(.init(place, share.turned + share.failed))
                }
            }
        }
        return ExperimentReport(
            experiment: .liars,
            title: "Liars",
            sources: [Self.source],
            settings: [
                .init("ring", "ideal, \(options.nodes) nodes, lists of 4"),
                .init("lookups", "\(options.samples) for each row, from honest members"),
                .init("liars", "\(Self.draws) random sets; they lie to all nodes"),
                .init(
                    "verified",
                    "\(LiarLookup.ways) paths that share no node, and a question to the owner"
                ),
            ],
            columns: [
                .init("liars", "liars"), .init("lie", "lie"), .init("met", "meet one %"),
                .init("publishedMet", "published %"),
                .init("turnedUnchecked", "misled %, no checks"),
                .init("turnedChecked", "checked"), .init("turnedVerified", "verified"),
                .init("failedUnchecked", "failed %, no checks"),
                .init("failedChecked", "checked"), .init("failedVerified", "verified"),
            ],
            rows: rows,
            checks: [
                .init(
                    "one liar that names itself, or an owner at a wrong identifier, misleads no lookup",
                    exceptions: wrong["turned"] ?? []
                ),
                .init(
                    "errors and silence of one liar end less than 1 % of all lookups",
                    exceptions: wrong["ended"] ?? []
                ),
                .init("one liar misleads no verified lookup", exceptions: wrong["verified"] ?? []),
                .init(
                    "no invented owner passes a verified lookup",
                    exceptions: wrong["invented"] ?? []
                ),
            ],
            notes: [
                "A lookup is misled if a wrong owner, or a list with an invented node, is accepted. It has "
                    + "failed if no answer is accepted, or if its deadline passes.",
                "A liar next to the key's arc can invent a node with the right identifier: "
                    + "no other node's knowledge contradicts that, so checks do not help, but a "
                    + "verified lookup does.",
                "Liars that hold certificates confirm each other. A verified lookup is misled only if "
                    + "none of its paths finds the owner.",
            ],
            plot: ExperimentPlot(
                title: "Liars: \(options.nodes / 10) of \(options.nodes) nodes",
                xTitle: "lie",
                yTitle: "lookups misled or failed, %",
                categories: Lie.allCases.map(\.title),
                series: [
                    .init("no checks", .variant, points[.unchecked] ?? []),
                    .init("checked", .ours, points[.checked] ?? []),
                    .init("verified", .recounted, points[.verified] ?? []),
                ]
            )
        )
    }

    private func row(
        _ result: Result,
        _ lie: Lie,
        _ setting: Setting
    ) -> [ExperimentReport.Value] {
        func percent(_ value: Double) -> ExperimentReport.Value { .number(value, digits: 2) }
        let share = Double(setting.count(of: options.nodes)) / Double(options.nodes)
        let hops = Double(result.hops) / Double(max(1, result.lookups))
        let shares = LiarMode.allCases.map(result.share)
        return [
            .text(setting.title(of: options.nodes)), .text(lie.title),
            percent(100 * Double(result.met) / Double(max(1, result.lookups))),
            setting == .oneBefore
                ? .missing : percent(100 * Self.published(share: share, hops: hops)),
        ] + shares.map { percent($0.turned) } + shares.map { percent($0.failed) }
    }

    private func judge(
        _ result: Result,
        _ lie: Lie,
        _ setting: Setting,
        _ wrong: inout [String: [String]]
    ) {
        func note(_ check: String, _ count: Int) {
            guard count > 0 else { return }
            wrong[check, default: []].append("\(count), \(lie.title)")
        }
        let checked = result.harm[.checked] ?? (0, 0)
        let verified = result.harm[.verified] ?? (0, 0)
        if lie == .invented { note("invented", verified.turned) }
        guard setting != .tenth else { return }
        note("verified", verified.turned)
        if lie == .itself || lie == .misplaced { note("turned", checked.turned) }
        let isMuch = checked.failed * 100 >= result.lookups
        if lie == .errors || lie == .silence, isMuch { note("ended", checked.failed) }
    }

    private func measure(
        _ ring: IdealRing,
        _ lie: Lie,
        _ setting: Setting,
        _ generator: inout SeededGenerator
    ) -> Result {
        let all = Array(ring.members.indices)
        var result = Result()
        for draw in 0..<Self.draws {
            let liars = Set(generator.elements(setting.count(of: all.count), of: all))
            let honest = all.filter { !liars.contains($0) }
            let lookups =
                options.samples * (draw + 1) / Self.draws - options.samples * draw / Self.draws
            for _ in 0..<lookups {
                var start = generator.element(of: honest) ?? 0
                if setting == .oneBefore, let liar = liars.first {
                    start = (liar + all.count - 1) % all.count
                }
                let lookup = LiarLookup(
                    key: Identifier(generator.next()),
                    ring: ring,
                    liars: liars,
                    lie: lie
                )
                let walk = LookupWalk(lookup.key, from: ring.members[start]) {
                    ring.members[ring.index(of: $0)]
                }
                result.lookups += 1
                result.hops += walk.forwardings
                if walk.path.contains(where: { liars.contains(ring.index(of: $0)) }) {
                    result.met += 1
                }
                for mode in LiarMode.allCases {
                    let outcome = lookup.run(from: start, mode)
                    var harm = result.harm[mode] ?? (0, 0)
                    if outcome == .turned { harm.turned += 1 }
                    if outcome == .failed { harm.failed += 1 }
                    result.harm[mode] = harm
                }
            }
        }
        return result
    }
}
