// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// Calls of a lookup with the members that nodes have heard of, and by routing tables alone, in the same ring while
/// nodes are replaced.
struct OneHop {
    /// The part of the nodes that crash in a minute, with as many joins.
    static let replacedPerMinute = 0.01
    /// Lookups that each node makes per second.
    static let lookupsPerSecond = 1.0
    /// Time in which the caches fill before lookups are counted.
    static let warmUpSeconds = 900.0
    /// The number of nodes that make lookups and have caches. The others of a larger ring go by their tables: caches of
    /// all would take too much memory.
    static let askers = 1000
    /// Calls for each lookup at most, on average.
    static let bound = 1.2

    static let source =
        "Gupta, Liskov, Rodrigues: One Hop Lookups for Peer-to-Peer Overlays, HotOS 2003; Leong, Liskov, Demaine: "
        + "EpiChord, 2004, for lookups by what was learned from lookups"

    private struct Result {
        var calls = Sample()
        var failed = Sample()
        var wrong = 0
        var plainCalls = Sample()
        var plainWrong = 0
        var members = Sample()
        var bytes = Sample()
        var violation: Violation?

        /// For each 10,000 lookups.
        func rate(_ wrong: Int) -> Double {
            calls.count == 0 ? 0 : Double(wrong) * 10_000 / Double(calls.count)
        }

        /// Whether caches make more answers wrong than chance does.
        var makesWorse: Bool {
            Double(wrong) > Double(plainWrong) + 2 * Double(plainWrong + 1).squareRoot()
        }
    }

    let options: ExperimentOptions

    init(_ options: ExperimentOptions) {
        self.options = options
    }

    private func settings(_ nodes: Int) -> ChurnedRing.Settings {
        var network = Scenario.Network()
        network.delay = .exponential(mean: .milliseconds(20), limit: .milliseconds(100))
        network.refusesWhenDown = false
        return ChurnedRing.Settings(
            nodes: nodes,
            successorCount: min(8, nodes / 4),
            network: network,
            departure: .crash,
            rate: Double(nodes) * Self.replacedPerMinute / 60
        )
    }

    func report(_ progress: (String) -> Void) -> ExperimentReport {
        let sizes = [options.nodes / 10, options.nodes].filter { $0 >= 20 }
        var rows: [[ExperimentReport.Value]] = []
        var points = (cached: [ExperimentPlot.Point](), plain: [ExperimentPlot.Point]())
        var (tooMany, worse, violations): ([String], [String], [String]) = ([], [], [])
        for nodes in sizes {
            progress("\(nodes) nodes")
            let result = measure(nodes)
            rows.append([
                .integer(nodes),
                .number(result.calls.mean, digits: 2), .number(result.failed.mean, digits: 3),
                .number(result.plainCalls.mean, digits: 2),
                .number(result.rate(result.wrong), digits: 1),
                .number(result.rate(result.plainWrong), digits: 1),
                .number(result.members.mean, digits: 0),
                .number(result.bytes.mean / 1024, digits: 0),
                .integer(0),
            ])
            points.cached.append(.init(Double(nodes), result.calls.mean))
            points.plain.append(.init(Double(nodes), result.plainCalls.mean))
            if result.calls.mean > Self.bound {
                tooMany.append("\(result.calls.mean.short(2)) calls with \(nodes) nodes")
            }
            if result.makesWorse {
                worse.append("\(result.wrong) instead of \(result.plainWrong) with \(nodes) nodes")
            }
            violations += [result.violation].compactMap { $0?.description }
        }
        return ExperimentReport(
            experiment: .oneHop,
            title: "Lookups in one hop",
            sources: [Self.source],
            settings: describe(settings(options.nodes)),
            columns: [
                .init("nodes", "nodes"), .init("calls", "calls"), .init("failedCalls", "failed"),
                .init("plainCalls", "by table"),
                .init("wrong", "wrong"), .init("plainWrong", "by table"),
                .init("members", "members"), .init("kibibytes", "KiB"),
                .init("messages", "messages"),
            ],
            rows: rows,
            checks: [
                .init("at most \(Self.bound) calls for each lookup", exceptions: tooMany),
                .init("no more wrong answers than by the table, within chance", exceptions: worse),
                .init("no simulation check failed", exceptions: violations),
            ],
            notes: notes,
            plot: ExperimentPlot(
                title: "Lookups in one hop",
                xTitle: "nodes",
                yTitle: "calls for each lookup",
                isLogarithmic: true,
                series: [
                    .init("with known members", .ours, points.cached),
                    .init("by the table alone", .recounted, points.plain),
                ]
            )
        )
    }

    private let notes = [
        "Calls are questions to other nodes, those without an answer included (\"failed\"). Both ways are counted from "
            + "the same node, for the same key, at the same moment.",
        "An answer is wrong if the named node is not the member at or after the key at that moment. Wrong answers are "
            + "counted per 10,000 lookups.",
        "\"members\" and \"KiB\" are those of one node's cache on average, at the end. Caches learn from answers that "
            + "nodes get anyway, so they send no messages.",
    ]

    private func describe(_ settings: ChurnedRing.Settings) -> [ExperimentReport.Setting] {
        [
            .init("crashes", "1 % of the nodes in a minute, and as many joins"),
            .init("stabilisation", "every \(settings.timing.stabilize)"),
            .init("successor list", "\(settings.successorCount)"),
            .init(
                "lookups",
                "one per second and node; \(Int(Self.warmUpSeconds)) s before the first that counts"
            ),
        ]
    }

    private func measure(_ nodes: Int) -> Result {
        let ring = ChurnedRing(settings(nodes), seed: options.seed &* 1000 &+ UInt64(nodes))
        var caches = KnownByNodes()
        var result = Result()
        let stride = max(1, nodes / Self.askers)
        let rate = Double(nodes / stride) * Self.lookupsPerSecond
        var time: Int64 = 0
        while result.calls.count < options.samples {
            time += ring.gap(perSecond: rate)
            ring.advance(to: time)
            guard ring.violation == nil,
                let start = ring.member(where: { $0.isMultiple(of: stride) })
            else { break }
            let key = Identifier(ring.generator.next())
            let walk = caches.look(up: key, from: start, at: .nanoseconds(time)) {
                ring.view(of: $0)
            }
            guard time >= Int64(Self.warmUpSeconds * 1e9) else { continue }
            let owner = ring.world.trueOwner(of: key)
            result.calls.add(walk.calls)
            result.failed.add(walk.failed)
            if walk.owner?.id != owner { result.wrong += 1 }
            let plain = LookupWalk(key, from: start) { ring.view(of: $0) }
            result.plainCalls.add(plain.forwardings + plain.askedDead)
            if plain.named?.id != owner { result.plainWrong += 1 }
        }
        for member in ring.members() where caches.has(member.reference) {
            let size = caches.size(of: member.reference)
            result.members.add(size.count)
            result.bytes.add(size.bytes)
        }
        result.violation = ring.violation
        return result
    }
}

/// The caches of all nodes, and recursive lookups that use and fill them.
private struct KnownByNodes {
    struct Walk {
        var owner: NodeReference?
        var calls = 0
        var failed = 0
    }

    private var caches: [Int: MemberCache] = [:]

    func has(_ node: NodeReference) -> Bool { caches[MachineNode.number(of: node)] != nil }

    func size(of node: NodeReference) -> (count: Int, bytes: Int) {
        caches[MachineNode.number(of: node)].map { ($0.count, $0.bytes) } ?? (0, 0)
    }

    /// The known member before a target, at nodes that have a cache.
    private func shortcut(
        of node: NodeReference,
        to target: Identifier,
        at now: Duration
    ) -> NodeReference? {
        caches[MachineNode.number(of: node)]?.preceding(target, after: node.id, at: now)
    }

    private mutating func withCache<Value>(
        of node: NodeReference,
        _ body: (inout MemberCache) -> Value
    ) -> Value {
        body(&caches[MachineNode.number(of: node), default: MemberCache(.init())])
    }

    mutating func look(
        up target: Identifier,
        from start: RoutingView,
        at now: Duration,
        view: (NodeReference) -> RoutingView?
    ) -> Walk {
        var walk = Walk()
        var here = start
        var path = [start.node]
        let budget = LookupMachine.defaultHopBudget(width: start.parameters.space.width)
        var lookup = LookupMachine(target: target, hopBudget: budget)
        while true {
            let known = shortcut(of: here.node, to: target, at: now)
            switch lookup.step(in: here, knowing: known) {
            case .fail: return walk
            case .answer(let owner):
                walk.owner = owner
                let named = [owner] + here.successors
                for (asker, asked) in zip(path, path.dropFirst())
                where asker.id == start.node.id || has(asker) {
                    withCache(of: asker) { cache in
                        cache.learn(asked, isVerified: true, at: now)
                        for node in named + [here.node] where node.id != asked.id {
                            cache.learn(node, at: now)
                        }
                    }
                }
                return walk
            case .ask(let next):
                walk.calls += 1
                if let there = view(next) {
                    here = there
                    path.append(next)
                    lookup = LookupMachine(
                        target: target,
                        hops: path.count - 1,
                        hopBudget: budget,
                        avoiding: lookup.toAvoid
                    )
                } else {
                    walk.failed += 1
                    lookup.exclude(next.id)
                    if has(here.node) { withCache(of: here.node) { $0.doubt(next.id, at: now) } }
                }
            }
        }
    }
}
