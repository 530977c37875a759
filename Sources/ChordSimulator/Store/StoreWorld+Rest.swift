// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordCore
import ChordStore

extension StoreWorld {
    /// Lets clients do nothing until groups rest, so that a fault meets them in their rest.
    func lull() {
        stopClients()
        run(for: settings.raft.electionTimeoutMaximum + .seconds(2))
    }

    /// Virtual time in which all groups of a store that nobody uses come to rest.
    private static let timeToRest: Duration = .seconds(30)
    /// Virtual time in which all ranges answer after a node was lost, and after all nodes have restarted.
    private static let timeToAnswer: Duration = .seconds(10)

    /// Lets all groups come to rest, and takes a node away: all ranges answer, as they keep a majority. Then the same with
    /// all nodes, which restart at once.
    ///
    /// - Returns: what is wrong.
    func restAndWakeDefects() -> [String] {
        var defects = restDefects(atMost: Self.timeToRest)
        let name = names[Int(generator.below(UInt64(names.count)))]
        let loss = generator.below(4)
        switch loss {
        case 0: crash(name)
        case 1: pause(name, for: Self.timeToAnswer + .seconds(5))
        case 2: cutSender(name)
        default:
            crash(name)
            restart(name)
        }
        defects += answerDefects(within: Self.timeToAnswer).map { "\($0), loss \(loss) of \(name)" }
        heal()
        defects += restDefects(atMost: Self.timeToRest)
        return defects + answerDefectsAfterRestart(within: Self.timeToAnswer)
    }

    /// Runs until all groups rest that nobody uses.
    ///
    /// - Returns: what is wrong if some do not within the time.
    package func restDefects(atMost duration: Duration) -> [String] {
        var awake: [String] = []
        let isResting = run(atMost: duration) {
            awake = names.compactMap { name in
                guard let node = nodes[name]?.node, let executor = nodes[name]?.executor else {
                    return nil
                }
                let count = scheduler.run(as: executor) {
                    node.assumeIsolated { $0.awakeReplicas.count }
                }
                return count == 0 ? nil : "\(name) has \(count) groups that do not rest"
            }
            return awake.isEmpty
        }
        return isResting ? [] : awake
    }

    /// Takes the power from all nodes, and asks for a key of every range until it is answered.
    ///
    /// - Returns: what is wrong if ranges do not answer within the time.
    package func answerDefectsAfterRestart(within duration: Duration) -> [String] {
        let ranges = Set(voterCounts().keys)
        restartEverything()
        return answerDefects(of: ranges, within: duration)
    }

    /// Asks for a key of every range until it is answered.
    ///
    /// - Returns: what is wrong if ranges do not answer within the time.
    package func answerDefects(within duration: Duration) -> [String] {
        answerDefects(of: Set(voterCounts().keys), within: duration)
    }

    private func answerDefects(of ranges: Set<RangeID>, within duration: Duration) -> [String] {
        let answers = AnswerBox(ranges)
        let isAnswered = run(atMost: duration) {
            ask(answers)
            run(for: .milliseconds(200))
            return answers.waiting.isEmpty
        }
        return isAnswered ? [] : ["\(answers.waiting.count) ranges do not answer"]
    }

    /// Reads once in each range that has not answered, at its leader.
    func ask(_ answers: AnswerBox) {
        for name in names {
            guard let node = nodes[name]?.node, let executor = nodes[name]?.executor else {
                continue
            }
            executor.execute {
                node.assumeIsolated { node in
                    for (range, position) in node.ledPositions
                    where answers.waiting.contains(range) {
                        node.read(at: position, { _, _ in true }) { result in
                            if case .success = result { answers.waiting.remove(range) }
                        }
                    }
                }
            }
        }
    }

    /// Whether leaders answer reads by lease. Set before the start.
    package var permitsLeases: Bool {
        get { settings.leaseReads }
        set { settings.leaseReads = newValue }
    }

    /// How many reads a lease has answered since the nodes started.
    package var leaseReadCount: Int {
        names.compactMap { nodes[$0] }.reduce(0) { sum, each in
            guard let node = each.node, let executor = each.executor else { return sum }
            let count = scheduler.run(as: executor) { node.assumeIsolated { $0.leaseReadCount } }
            return sum + count
        }
    }

    /// Lets a node stand still for a while.
    package func pause(_ name: String, for duration: Duration) {
        guard let node = nodes[name] else { return }
        node.pause()
        scheduler.schedule(at: now + duration.nanoseconds, for: nil) { node.resume() }
    }

    /// Nothing that a node sends to others arrives any more. It hears them.
    package func cutSender(_ name: String) {
        for other in names where other != name { network.cut(from: name, to: other) }
    }
}

/// Ranges that have not answered yet.
///
/// `@unchecked Sendable`: it is used only on the thread that drives the run.
final class AnswerBox: @unchecked Sendable {
    var waiting: Set<RangeID>

    init(_ ranges: Set<RangeID>) {
        waiting = ranges
    }
}
