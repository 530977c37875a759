// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
package import ChordCore

/// The ranges from which random scenarios are drawn. Each run draws which kinds of faults it has,
/// and how frequent they are. A run with all faults at once seldom gets deep into any single
/// problem.
package struct SwarmOptions: Hashable, Sendable {
    /// The number of founders. More founders make a run slower and long chains of faults more
    /// likely.
    package var founders = 2...14
    package var successorCounts = 1...5
    /// The width of identifiers in bits. In narrow rings some neighbours have adjacent identifiers.
    package var widths = 6...64
    /// The number of places that the ring gives to each node.
    package var placements = 1...1
    package var queryModes: [ChordMachine.QueryMode] = [.delaying, .answering]
    /// The fraction of runs with admissible failures only and without false suspicions. In these
    /// the invariant must hold after every event.
    package var truthfulShare = 0.6
    /// The fraction of rings that grow from one node.
    package var grownShare = 0.2
    /// Whether second processes of a name are drawn only where inadmissible failures are, since one of the two
    /// stops.
    package var twinsAreFailures = false
    /// The duration of the fault phase, in seconds.
    package var faultSeconds = 3...12
    /// The largest number of faults in a run.
    package var mostFaults = 40
    /// The duration of a partition, in milliseconds. Long ones leave several rings, which must
    /// merge.
    package var partitionMilliseconds: ClosedRange<Int64> = 100...1500
    /// Whether every run has partitions, besides its other faults.
    package var alwaysPartitions = false
    /// The fraction of runs with false suspicions in which inadmissible failures are skipped.
    /// Inadmissible failures leave too few members, or leave parts of a ring that do not know each
    /// other.
    package var admissibleShare = 0.7

    package init() {}

    /// The most places of a node.
    package static let mostPlacements = RingParameters.largestPlacements

    /// The same with rings that give each node several places. Identifiers are wide, so that no two nodes have
    /// a place in common. Every run has intruders and, where nodes may be misled, second processes of a
    /// name.
    package func placing(_ placements: ClosedRange<Int>) -> SwarmOptions {
        var options = self
        options.placements = placements
        options.widths = 48...64
        return options
    }

    /// The same with rings that split. Every run has long partitions, some of them until the
    /// repair, while nodes join, leave and crash on all sides.
    package var splitting: SwarmOptions {
        var options = self
        options.truthfulShare = 0
        options.alwaysPartitions = true
        options.partitionMilliseconds = 2_000...60_000
        options.faultSeconds = 10...60
        // Parts that have forgotten each other cannot merge, and in these runs every ring must
        // merge.
        options.admissibleShare = 1
        return options
    }
}

extension Scenario {
    /// The scenario of a seed.
    package static func random(seed: UInt64, options: SwarmOptions = SwarmOptions()) -> Scenario {
        var draft = ScenarioDraft(seed: seed, options: options)
        return draft.make()
    }
}

/// Draws a scenario.
private struct ScenarioDraft {
    private enum Kind: CaseIterable {
        case crash, burst, restart, bounce, leave, join, joinBurst, pause, partition, oneway, hold
    }

    private let options: SwarmOptions
    private var generator: SeededGenerator
    private var scenario: Scenario
    private var ids: Set<Identifier> = []
    private var knownIds: [Identifier] = []
    private var lastNumber = 0
    private var end: Int64 = 0

    init(seed: UInt64, options: SwarmOptions) {
        self.options = options
        generator = SeededGenerator(seed: seed)
        scenario = Scenario(
            seed: seed,
            width: generator.integer(in: options.widths),
            successorCount: generator.integer(in: options.successorCounts),
            queryMode: generator.element(of: options.queryModes) ?? .delaying,
            founders: []
        )
    }

    mutating func make() -> Scenario {
        let isTruthful = generator.chance(options.truthfulShare)
        scenario.birth = generator.chance(options.grownShare) ? .grown : .founded
        drawNetwork(isTruthful)
        scenario.timing.clockSkew =
            generator.chance(0.3) ? thousandths(of: generator.number(in: 0...0.2)) : 0
        scenario.lookupInterval =
            generator.chance(0.5) ? .milliseconds(generator.integer(in: 50...500)) : .zero
        var count = generator.integer(in: options.founders)
        // The proof starts at r + 1 members; a few more leave room for failures.
        if isTruthful, scenario.birth == .founded {
            count = max(count, scenario.successorCount + 1 + generator.integer(in: 0...3))
        }
        for _ in 0..<count {
            lastNumber += 1
            scenario.founders.append(
                Scenario.Founder(number: lastNumber, id: newIdentifier())
            )
        }
        end = Int64(generator.integer(in: options.faultSeconds)) * 1000
        scenario.healTime = .milliseconds(end)
        if options.placements.upperBound > 1 {
            scenario.placements = generator.integer(in: options.placements)
        }
        if scenario.placements > 1 { drawImpostors(isTruthful) }
        drawFaults(isTruthful)
        return scenario
    }

    private mutating func drawNetwork(_ isTruthful: Bool) {
        // A round trip that always takes longer than the peer timeout would be a wrong setting and
        // not a fault. Only the tail of a distribution may be longer.
        let shape = generator.below(4)
        let most: Int64 = isTruthful ? 300 : shape < 2 ? 450 : 800
        let limit = generator.integer(in: 1...most)
        scenario.network.delay =
            switch shape {
            case 0: .fixed(.milliseconds(limit / 4 + 1))
            case 1:
                .uniform(from: .microseconds(limit * 10), to: .milliseconds(limit))
            case 2:
                .exponential(
                    mean: .microseconds(limit * 200),
                    limit: .milliseconds(limit)
                )
            default:
                .heavyTailed(
                    least: .microseconds(limit * 50),
                    limit: .milliseconds(limit)
                )
            }
        // Usually enough for a round trip, as the shell measures it; sometimes too short.
        let patience = generator.number(in: 1.5...4)
        scenario.timing.lookupTimeout = .milliseconds(max(100, Int64(Double(limit) * patience)))
        scenario.network.refusesWhenDown = generator.chance(0.5)
        scenario.network.duplication =
            generator.chance(0.3) ? thousandths(of: generator.number(in: 0...0.1)) : 0
        if !isTruthful, generator.chance(0.5) {
            scenario.network.loss = thousandths(of: generator.number(in: 0...0.05))
        }
        scenario.admitsOnly = isTruthful || generator.chance(options.admissibleShare)
    }

    /// Rounded, so that the text of the scenario stays short.
    private func thousandths(of number: Double) -> Double {
        (number * 1000).rounded() / 1000
    }

    private mutating func newIdentifier() -> Identifier {
        let space: UInt64 = scenario.width == 64 ? .max : (1 << UInt64(scenario.width)) - 1
        while true {
            var word = generator.next() & space
            if generator.chance(0.25), let neighbour = generator.element(of: knownIds) {
                // Right after an existing node: errors in intervals show at the narrowest gaps.
                word = (neighbour.word3 &+ 1) & space
            }
            let id = Identifier(word)
            if ids.insert(id).inserted {
                knownIds.append(id)
                return id
            }
        }
    }

    private mutating func node() -> Int { generator.integer(in: 1...lastNumber) }

    private mutating func add(_ fault: Fault, at time: Int64) {
        scenario.faults.append(TimedFault(at: .milliseconds(max(0, min(time, end))), fault))
    }

    // MARK: Faults

    private mutating func drawFaults(_ isTruthful: Bool) {
        var kinds = Kind.allCases.filter { kind in
            switch kind {
            case .pause, .partition, .oneway, .hold: !isTruthful
            default: true
            }
        }
        kinds = kinds.filter { _ in generator.chance(0.5) }
        if options.alwaysPartitions {
            if !kinds.contains(.partition) { kinds.append(.partition) }
            drawPartition(false, at: generator.integer(in: 0...(end / 2)))
        }
        guard !kinds.isEmpty else { return }
        let weights = kinds.map { _ in generator.number(in: 0.1...1) }
        let total = weights.reduce(0, +)
        for _ in 0..<generator.integer(in: 1...options.mostFaults) {
            var point = generator.number(in: 0...total)
            var index = 0
            while index < kinds.count - 1, point >= weights[index] {
                point -= weights[index]
                index += 1
            }
            draw(kinds[index], at: generator.integer(in: Int64(0)...end))
        }
        scenario.faults = scenario.faults.enumerated().sorted {
            ($0.element.time, $0.offset) < ($1.element.time, $1.offset)
        }.map(\.element)
    }

    private mutating func draw(_ kind: Kind, at time: Int64) {
        switch kind {
        case .crash: add(.crash(node()), at: time)
        case .burst:
            for _ in 0..<max(1, scenario.successorCount - 1) {
                add(.crash(node()), at: time + generator.integer(in: Int64(0)...50))
            }
        case .restart: add(.restart(node(), via: node()), at: time)
        case .bounce:
            add(.bounce(node(), down: .milliseconds(generator.integer(in: 0...1500))), at: time)
        case .leave: add(.leave(node()), at: time)
        case .join: drawJoin(at: time)
        case .joinBurst:
            for _ in 0..<generator.integer(in: 2...4) {
                drawJoin(at: time + generator.integer(in: Int64(0)...100))
            }
        case .pause:
            add(.pause(node(), for: .milliseconds(generator.integer(in: 100...2500))), at: time)
        case .partition, .oneway: drawPartition(kind == .oneway, at: time)
        case .hold:
            let (from, to) = (node(), node())
            add(.hold(from: from, to: to), at: time)
            add(.release(from: from, to: to), at: time + generator.integer(in: Int64(100)...3000))
        }
    }

    private mutating func drawJoin(at time: Int64) {
        // A narrow ring would fill up, so at most half of its identifiers are used.
        guard scenario.width > 16 || lastNumber < 1 << (scenario.width - 1) else { return }
        let via = node()
        lastNumber += 1
        add(.join(lastNumber, id: newIdentifier(), via: via), at: time)
    }

    /// Nodes that claim places which are not theirs, and second processes of one name: of a member, and of a
    /// node that joins at the same moment.
    private mutating func drawImpostors(_ isTruthful: Bool) {
        for _ in 0..<generator.below(3) {
            let via = node()
            lastNumber += 1
            let time = generator.integer(in: Int64(0)...end)
            add(.intrude(lastNumber, at: newIdentifier(), via: via), at: time)
        }
        guard !isTruthful, !options.twinsAreFailures || !scenario.admitsOnly else { return }
        for _ in 0..<generator.below(3) {
            let time = generator.integer(in: Int64(0)...end)
            var original = node()
            if generator.chance(0.6) {
                drawJoin(at: time)
                original = lastNumber
            }
            let via = node()
            lastNumber += 1
            let delay = generator.integer(in: Int64(0)...200)
            add(.twin(lastNumber, of: original, via: via), at: time + delay)
        }
    }

    private mutating func drawPartition(_ isOneway: Bool, at time: Int64) {
        let all = Array(1...lastNumber)
        let left = generator.elements(generator.integer(in: 1...max(1, all.count / 2)), of: all)
            .sorted()
        let right = all.filter { !left.contains($0) }
        guard !right.isEmpty else { return }
        if isOneway {
            // Packets lost in one direction, or a firewall that blocks incoming calls.
            let isFirewall = generator.chance(0.5)
            add(isFirewall ? .firewall(left, right) : .partitionOneway(left, right), at: time)
        } else {
            add(.partition(left, right), at: time)
        }
        add(.repair(left, right), at: time + generator.integer(in: options.partitionMilliseconds))
    }
}
