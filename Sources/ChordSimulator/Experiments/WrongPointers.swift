// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// The fraction of wrong pointers under churn, compared with the master equation (Krishnamurthy et
/// al., IPTPS 2005).
struct WrongPointers {
    static let source =
        "Krishnamurthy, El-Ansary, Aurell, Haridi: A Statistical Theory of Chord under Churn, "
        + "IPTPS 2005, arXiv cs/0501069"
    /// Stabilizations of a node's successor pointer during a mean lifetime: the paper's alpha r.
    static let ratios = [10, 20, 50, 100, 200]

    /// The prediction for a ring whose nodes stabilize at `ratio` times the rate at which they
    /// fail.
    struct Prediction {
        let ratio: Double

        /// The paper's w_1. A join makes a predecessor's pointer wrong, and a failure does too,
        /// unless the pointer was wrong before: (1 - w) + (1 - w)^2 - w^2 = ratio * w.
        var wrongSuccessor: Double { 2 / (3 + ratio) }
        /// Our own balance equation. Only a failure makes a pointer dead; a joiner copies its
        /// predecessor's pointers.
        var deadSuccessor: Double { 1 / (1 + ratio) }
        /// A finger is looked up again in each round. Right after that it is dead with the
        /// probability of a dead successor. The same holds for the fingers of a joiner.
        var deadFinger: Double { (1 + (ratio + 1) * deadSuccessor) / (2 + ratio) }
        /// In addition, a node may join between a finger's target and the finger. The length of
        /// this arc is exponential with mean 1 / N. The hazard is therefore 1 + X with an
        /// exponential X.
        var wrongFinger: Double {
            let steps = 10_000
            let shares = (0..<steps).map { step -> Double in
                let quantile = (Double(step) + 0.5) / Double(steps)
                let hazard = 1 - DelayDistribution.logarithm(quantile)
                return hazard / (hazard + ratio + 1)
            }
            let later = shares.reduce(0, +) / Double(steps)
            return wrongSuccessor + (1 - wrongSuccessor) * later
        }
    }

    /// About log2 N, as in the paper. With four entries, rings that stabilize ten times in a
    /// lifetime fall apart.
    private static let listLength = 10
    /// The longest fingers, by exponent. They reach further than any list.
    private static let fingers = 59..<64

    private struct Result {
        var wrongSuccessors = Sample()
        var deadSuccessors = Sample()
        var wrongFingers = Sample()
        var deadFingers = Sample()
        /// The number of rings at the end, or the turns of a single ring that is wound around the
        /// circle.
        var rings = 0
        var violation: Violation?
    }

    let options: ExperimentOptions

    init(_ options: ExperimentOptions) {
        self.options = options
    }

    func report(_ progress: (String) -> Void) -> ExperimentReport {
        var rows: [[ExperimentReport.Value]] = []
        var points: [[ExperimentPlot.Point]] = [[], [], [], []]
        var violations: [String] = []
        var off: [String] = []
        var apart: [String] = []
        for (index, ratio) in Self.ratios.enumerated() {
            progress("ratio \(ratio), \(index + 1) of \(Self.ratios.count)")
            let seed = options.seed &* 1000 &+ UInt64(index)
            let bare = measure(bareSettings(ratio), seed)
            let shipped = measure(shippedSettings(ratio), seed)
            let theory = Prediction(ratio: Double(ratio))
            rows.append(
                [.integer(ratio)]
                    + Self.cells(bare.wrongSuccessors, theory.wrongSuccessor)
                    + Self.cells(bare.deadSuccessors, theory.deadSuccessor)
                    + Self.cells(bare.wrongFingers, theory.wrongFinger)
                    + Self.cells(bare.deadFingers, theory.deadFinger)
                    + [
                        .integer(bare.rings),
                        .number(100 * shipped.wrongSuccessors.mean, digits: 2),
                        .integer(shipped.rings),
                    ]
            )
            let x = Double(ratio)
            points[0].append(.init(x, 100 * bare.wrongSuccessors.mean))
            points[1].append(.init(x, 100 * theory.wrongSuccessor))
            points[2].append(.init(x, 100 * bare.wrongFingers.mean))
            points[3].append(.init(x, 100 * theory.wrongFinger))
            if ratio >= Self.leastRatio { off += exceptions(bare, theory) }
            if shipped.rings != 1 { apart.append("\(shipped.rings) at \(ratio)") }
            violations += [bare.violation, shipped.violation].compactMap { $0?.description }
        }
        return ExperimentReport(
            experiment: .wrongPointers,
            title: "Wrong pointers under churn",
            sources: [Self.source],
            settings: [
                .init("nodes", "\(options.nodes) on average; they crash"),
                .init("stabilisation", "each second on average, at exponential intervals"),
                .init("fingers", "all in each round"),
                .init("prompt rounds", "one, of a node that has joined"),
                .init("merging", "off, except with the shipped settings"),
                .init("successor list", "\(Self.listLength)"),
                .init("delay", "0.1 ms; a dead node is detected after one round trip"),
                .init("snapshots", "\(options.samples), one second apart"),
            ],
            columns: Self.columns,
            rows: rows,
            checks: [
                .init(
                    "from ratio \(Self.leastRatio) on, the shares are as predicted, within three "
                        + "standard errors and \(Self.secondOrder.short(0)) times the share's square",
                    exceptions: off
                ),
                .init("with the shipped settings there is one ring", exceptions: apart),
                .init("no simulation check failed", exceptions: violations),
            ],
            notes: Self.notes,
            plot: ExperimentPlot(
                title: "Wrong pointers under churn",
                xTitle: "stabilisations during a mean life",
                yTitle: "per cent wrong",
                isLogarithmic: true,
                series: [
                    .init("successors, ours", .ours, points[0]),
                    .init("successors, 2 / (3 + ratio)", .published, points[1]),
                    .init("fingers, ours", .variant, points[2]),
                    .init("fingers, predicted", .publishedVariant, points[3]),
                ]
            )
        )
    }

    /// From this ratio on, the effects that the theory omits are small.
    private static let leastRatio = 50
    /// For a fraction w the theory omits terms of w^2: pointers that become wrong twice within an
    /// interval. Our rounds repair one step at a time, so such pointers stay wrong for more than
    /// one round.
    private static let secondOrder = 5.0

    private static let columns: [ExperimentReport.Column] = [
        .init("ratio", "ratio"),
        .init("wrongSuccessors", "s wrong"), .init("wrongSuccessorsError", "±"),
        .init("predictedWrongSuccessors", "theory"),
        .init("deadSuccessors", "s dead"), .init("deadSuccessorsError", "±"),
        .init("predictedDeadSuccessors", "theory"),
        .init("wrongFingers", "f wrong"), .init("wrongFingersError", "±"),
        .init("predictedWrongFingers", "theory"),
        .init("deadFingers", "f dead"), .init("deadFingersError", "±"),
        .init("predictedDeadFingers", "theory"),
        .init("rings", "rings"), .init("wrongSuccessorsShipped", "s wrong, shipped"),
        .init("ringsShipped", "rings, shipped"),
    ]

    private static let notes = [
        "Shares are per cent of first successors (s) and of the five longest fingers (f). The ratio is "
            + "that of stabilisations to failures of a node, the paper's alpha r.",
        "The theory of s wrong is the paper's 2 / (3 + ratio). For dead successors and for fingers we "
            + "adapted it to our rounds, which look up all fingers; the paper's repair one finger at a time.",
        "The theory covers pointers that become wrong once within an interval. Without prompt rounds, a "
            + "node drops one dead head per round; the paper's node continues to the first live one. The "
            + "difference grows with the square of the share. At ratios 10 and 20 so little time remains that "
            + "lists become empty and rings fall apart.",
        "Shipped: the same churn with the default settings of nodes: rounds each second with 25 % jitter, "
            + "prompt rounds, and messages of 10 ms.",
    ]

    private static func cells(_ sample: Sample, _ theory: Double) -> [ExperimentReport.Value] {
        [
            .number(100 * sample.mean, digits: 2), .number(100 * sample.standardError, digits: 2),
            .number(100 * theory, digits: 2),
        ]
    }

    private func exceptions(_ result: Result, _ theory: Prediction) -> [String] {
        let pairs = [
            ("successors wrong", result.wrongSuccessors, theory.wrongSuccessor),
            ("successors dead", result.deadSuccessors, theory.deadSuccessor),
            ("fingers wrong", result.wrongFingers, theory.wrongFinger),
            ("fingers dead", result.deadFingers, theory.deadFinger),
        ]
        return pairs.compactMap { name, sample, share in
            let allowed = 3 * sample.standardError + Self.secondOrder * share * share
            guard (sample.mean - share).magnitude > allowed else { return nil }
            return
                "\((100 * sample.mean).short(2)) % \(name) instead of \((100 * share).short(2)) % at "
                + "\(theory.ratio.short(0))"
        }
    }

    // MARK: Rings

    private func bareSettings(_ ratio: Int) -> ChurnedRing.Settings {
        var machine = ChordMachine.Configuration()
        // Only a node that has just joined does a prompt round, and so tells its successor. That is
        // the paper's join.
        machine.promptCapacity = 1
        machine.promptRefill = 0
        machine.fingerQuietTicks = 1
        // Lookups of a node's own place would also find new nodes, which the theory does not
        // include.
        machine.merging.isOn = false
        var settings = shippedSettings(ratio)
        settings.network.delay = .fixed(.microseconds(100))
        settings.machine = machine
        settings.ticksAreMemoryless = true
        return settings
    }

    private func shippedSettings(_ ratio: Int) -> ChurnedRing.Settings {
        var network = Scenario.Network()
        network.delay = .fixed(.milliseconds(10))
        return ChurnedRing.Settings(
            nodes: options.nodes,
            successorCount: Self.listLength,
            network: network,
            rate: Double(options.nodes) / Double(ratio)
        )
    }

    private func measure(_ settings: ChurnedRing.Settings, _ seed: UInt64) -> Result {
        let ring = ChurnedRing(settings, seed: seed)
        if settings.machine.promptRefill == 0 { spendPromptRounds(of: ring) }
        let interval = settings.timing.stabilize.nanoseconds
        var result = Result()
        for look in 1...(options.samples + 10) {
            ring.advance(to: Int64(look) * interval)
            guard ring.violation == nil else { break }
            // After ten intervals the ideal start no longer matters.
            if look > 10 { self.look(at: ring, &result) }
        }
        let shape = RingShape(InvariantChecker.bestSuccessors(in: ring.world.snapshot()))
        result.rings = max(shape.cycles, shape.turns)
        result.violation = ring.violation
        return result
    }

    /// Founders have not joined, so their prompt round is still unused.
    private func spendPromptRounds(of ring: ChurnedRing) {
        for node in ring.members() {
            guard let head = node.machine.successors.head else { continue }
            _ = node.machine.nudged(by: head.id)
        }
    }

    private func look(at ring: ChurnedRing, _ result: inout Result) {
        let members = ring.members()
        let ids = members.map(\.reference.id)
        var wrong = (successors: 0, fingers: 0)
        var dead = (successors: 0, fingers: 0)
        for (index, member) in members.enumerated() {
            let head = member.machine.successors.head
            if head?.id != ids[(index + 1) % ids.count] { wrong.successors += 1 }
            if let head, !ring.isMember(head) { dead.successors += 1 }
            for exponent in Self.fingers {
                let target = member.machine.parameters.space.adding(
                    ids[index],
                    powerOfTwo: exponent
                )
                let right = LookupAuditor.firstIndex(atLeast: target, in: ids) % ids.count
                let finger = member.machine.table.finger(exponent)
                if (finger?.id ?? ids[index]) != ids[right] { wrong.fingers += 1 }
                if let finger, !ring.isMember(finger) { dead.fingers += 1 }
            }
        }
        let count = Double(max(1, members.count))
        let fingers = count * Double(Self.fingers.count)
        result.wrongSuccessors.add(Double(wrong.successors) / count)
        result.deadSuccessors.add(Double(dead.successors) / count)
        result.wrongFingers.add(Double(wrong.fingers) / fingers)
        result.deadFingers.add(Double(dead.fingers) / fingers)
    }
}
