// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

internal import Glibc
import ChordBase
import ChordCore
import ChordStore

/// What ranges cost that nobody uses, and how long a store with many ranges takes to serve after all of its nodes have
/// restarted at once.
///
/// Messages and times are those of the virtual clock. The processor's time is real: that of the store's code with
/// encoding and decoding, with rows and logs in memory, and without TLS, gRPC and disks.
package struct RestExperiment: Sendable {
    package var ranges: Int
    package var nodes: Int
    /// Whether groups may rest.
    package var rests: Bool

    package init(ranges: Int, nodes: Int = 3, rests: Bool = true) {
        self.ranges = ranges
        self.nodes = nodes
        self.rests = rests
    }

    /// What was measured.
    package struct Figures: Sendable, CustomStringConvertible {
        package var ranges = 0
        /// Whether the store had all its ranges, and all rested where they may.
        package var isReady = false
        /// Calls and answers of all nodes in a minute.
        package var messages = 0
        /// Processor time of all nodes for a minute.
        package var processorTime = Duration.zero
        /// Virtual time from the restart of all nodes until every range had answered; nil: not within a minute.
        package var restart: Duration?
        /// The same until half of the ranges had answered.
        package var restartOfHalf: Duration?
        /// Processor time of all nodes for it.
        package var restartProcessorTime = Duration.zero
        /// Ranges whose replicas are on other nodes half a minute after it.
        package var moved = 0
        /// Virtual time from the death of one node until every range answered.
        package var death: Duration?

        /// The figures in lines for people.
        package var description: String {
            func text(_ time: Duration?) -> String { time.map { "\($0)" } ?? "more than a minute" }
            return """
                \(ranges) ranges\(isReady ? "" : ", not all of them at rest")
                a minute without clients: \(messages) calls and answers, \(processorTime) of processor time
                a node dies: all ranges answer after \(text(death))
                all nodes restart: half of the ranges answer after \(text(restartOfHalf)), all after \
                \(text(restart)), \(restartProcessorTime) of processor time; the replicas of \(moved) ranges moved
                """
        }
    }

    package func run() -> Figures {
        let world = StoreWorld(seed: 1, nodes: nodes, clients: 1)
        world.settings = StoreSettings()
        world.settings.splits.replicasPerNode = ranges * 2
        if !rests { world.settings.raft.quietAfter = nil }
        var figures = Figures()
        world.drive {
            world.start()
            world.run(for: .seconds(60))
            world.split(into: ranges)
            world.run(for: .seconds(10))
            figures.isReady = !rests || world.restDefects(atMost: .seconds(60)).isEmpty
            let all = world.ledRanges()
            figures.ranges = all.count
            let (messages, began) = (world.network.sent, Self.processorTime)
            world.run(for: .seconds(60))
            figures.messages = world.network.sent - messages
            figures.processorTime = Self.processorTime - began
            let start = world.now
            world.crash("s1")
            if world.waitForAnswers(of: all, atMost: .seconds(60)) != nil {
                figures.death = .nanoseconds(world.now - start)
            }
            world.restart("s1")
            world.run(for: .seconds(20))
            let holders = world.holders()
            let (restart, beganRestart) = (world.now, Self.processorTime)
            world.restartEverything()
            if let half = world.waitForAnswers(of: all, atMost: .seconds(60)) {
                figures.restart = .nanoseconds(world.now - restart)
                figures.restartOfHalf = .nanoseconds(half - restart)
            }
            figures.restartProcessorTime = Self.processorTime - beganRestart
            world.run(for: .seconds(30))
            let present = world.holders()
            figures.moved = holders.count { present[$0.key] != $0.value }
        }
        return figures
    }

    /// The time that this process has used the processor.
    private static var processorTime: Duration {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }
}

extension StoreWorld {
    /// Splits ranges until there are so many, at equal distances.
    fileprivate func split(into count: Int) {
        let width = 65_536 * 65_536 / UInt64(count)
        // In random order, so that the halves of a split are split at the same time.
        let places = (0..<UInt64(count)).shuffled(using: &generator)
        _ = run(atMost: .seconds(300)) {
            let known = ledRanges().count
            guard known < count else { return true }
            for name in names {
                guard let node = nodes[name]?.node, let executor = nodes[name]?.executor else {
                    continue
                }
                executor.execute {
                    node.assumeIsolated { node in
                        for place in places {
                            node.split(at: Identifier((place * width) << 32))
                        }
                    }
                }
            }
            run(for: .milliseconds(500))
            return false
        }
    }

    /// The ranges that have a leader.
    fileprivate func ledRanges() -> Set<RangeID> { Set(holders().keys) }

    /// The nodes that have replicas of each range, as its leader knows it.
    fileprivate func holders() -> [RangeID: Set<String>] {
        var holders: [RangeID: Set<String>] = [:]
        for name in names {
            guard let node = nodes[name]?.node, let executor = nodes[name]?.executor else {
                continue
            }
            scheduler.run(as: executor) {
                node.assumeIsolated { node in
                    for (range, position) in node.ledPositions {
                        let replicas = node.locate(position)?.descriptor.replicas ?? []
                        holders[range] = Set(replicas.map(\.node))
                    }
                }
            }
        }
        return holders
    }

    /// Reads in every range until all have answered.
    ///
    /// - Returns: when half of them had; nil if some had not within the time.
    fileprivate func waitForAnswers(of ranges: Set<RangeID>, atMost duration: Duration) -> Int64? {
        let answers = AnswerBox(ranges)
        var half: Int64?
        let isDone = run(atMost: duration) {
            ask(answers)
            run(for: .milliseconds(50))
            if half == nil, answers.waiting.count <= ranges.count / 2 { half = now }
            return answers.waiting.isEmpty
        }
        return isDone ? half : nil
    }
}
