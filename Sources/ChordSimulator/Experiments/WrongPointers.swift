// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordCore

/// The share of wrong pointers under churn, against the master equation (Krishnamurthy et al., IPTPS 2005).
struct WrongPointers {
    static let source =
        "Krishnamurthy, El-Ansary, Aurell, Haridi: A Statistical Theory of Chord under Churn, "
        + "IPTPS 2005, arXiv cs/0501069"
    /// Stabilisations of a node's successor during a mean life: the paper's alpha r.
    static let ratios = [10, 20, 50, 100, 200]

    /// What theory says of a ring whose nodes stabilise at rate `ratio` times that at which they fail.
    struct Prediction {
        let ratio: Double

        /// The paper's w_1. A join makes a predecessor's pointer wrong and a failure another, unless one
        /// was wrong before: (1 - w) + (1 - w)^2 - w^2 = ratio * w.
        var wrongSuccessor: Double { 2 / (3 + ratio) }
        /// Our own balance: nothing but a failure kills a pointer, and a joiner copies its predecessor's.
        var deadSuccessor: Double { 1 / (1 + ratio) }
        /// A finger is looked up anew in each round, and with that has the chance of a dead successor to be
        /// dead from the start; a joiner's are new too.
        var deadFinger: Double { (1 + (ratio + 1) * deadSuccessor) / (2 + ratio) }
        /// Besides, somebody may join between a finger's target and the finger: an arc which is
        /// exponential, of mean 1 / N. So the hazard is 1 + X, where X is exponential.
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

    /// About log2 N, as in the paper. With four, rings that stabilise ten times in a life fall apart.
    private static let listLength = 10
    /// Fingers that reach further than any list: the longest, by exponent.
    private static let fingers = 59..<64

    private struct Result {
        var wrongSuccessors = Sample()
        var deadSuccessors = Sample()
        var wrongFingers = Sample()
        var deadFingers = Sample()
        /// Rings, or turns of one that is wound around the circle, at the end.
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
                    "from ratio \(Self.leastRatio) on, shares are those predicted, within three "
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

    /// Where less happens within an interval than the theory leaves out.
    private static let leastRatio = 50
    /// Of a share w, the theory leaves out terms of w^2: what goes wrong twice within an interval. Our
    /// rounds do one step of a repair each, so that such pointers stay wrong for longer than one round.
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
        "Theory of s wrong is the paper's 2 / (3 + ratio). Dead ones, and fingers, are balanced for "
            + "our rounds, which look all fingers up: the paper's mend one finger at a time.",
        "Theory knows what goes wrong once within an interval. In a bare round a node drops one dead "
            + "head and asks the next one a round later; the paper's goes on to the first live one. The "
            + "difference goes with the square of the share. At 10 and 20 it leaves so little time that "
            + "lists shrink to nothing and rings come apart.",
        "Shipped: the same churn with the settings that nodes have, each second with 25 % of jitter, "
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
        // Only who has joined does a round at once, and so tells its successor: that is the paper's join.
        machine.promptCapacity = 1
        machine.promptRefill = 0
        machine.fingerQuietTicks = 1
        // Looks for one's own place find newcomers besides, which theory knows nothing of.
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
            // Ten intervals until the ring has forgotten that it was ideal.
            if look > 10 { self.look(at: ring, &result) }
        }
        let shape = RingShape(InvariantChecker.bestSuccessors(in: ring.world.snapshot()))
        result.rings = max(shape.cycles, shape.turns)
        result.violation = ring.violation
        return result
    }

    /// Founders have not joined and still have their prompt round.
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
