// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import ChordBase
import ChordStore

/// Nodes that join under ever new names, one after the other, and leave for good: each splits a range at its
/// identifier, and ranges do not merge. The number of ranges per node must stay bounded all the same.
package struct StoreJoins: Sendable {
    /// Members that stay.
    private static let residents = 5
    /// Newcomers that are members at the same time.
    private static let guests = 2

    package var seed: UInt64
    package var joins: Int
    /// Replicas of a node from which on ranges are split by size only.
    package var replicasPerNode: Int

    package init(seed: UInt64, joins: Int, replicasPerNode: Int = 32) {
        self.seed = seed
        self.joins = joins
        self.replicasPerNode = replicasPerNode
    }

    /// - Parameter progress: called with a line now and then.
    package func run(progress: (String) -> Void = { _ in }) -> Report {
        let world = StoreWorld(seed: seed, nodes: Self.residents, clients: 1)
        world.settings.splits.replicasPerNode = replicasPerNode
        world.settings.splits.rows = 250_000
        world.settings.logEntries = 50
        var generator = SeededGenerator(seed: seed ^ 0x6A6F_696E)
        var report = Report(limit: replicasPerNode)
        world.drive {
            world.start()
            world.run(for: .seconds(5))
            var guests: [String] = []
            for number in 1...max(1, joins) {
                guests.append(world.join(at: 1 + generator.below(65_535)))
                world.run(for: .seconds(3))
                if guests.count > Self.guests {
                    let leaving = guests.removeFirst()
                    world.leave(leaving)
                    if !world.waitUntilMoved(from: leaving) { report.stayed += 1 }
                    world.remove(leaving)
                }
                report.joins = number
                if number % 20 == 0 || number == joins {
                    let counts = world.replicaCounts()
                    report.most = max(report.most, counts.values.max() ?? 0)
                    report.ranges = world.voterCounts().count
                }
                if number % 500 == 0 { progress("\(report)") }
                if world.isStuck { break }
            }
            let settled = world.settle(atMost: .seconds(300))
            report.ranges = settled.ranges
            report.problems = world.problems
            // Not every identifier has a bound any more: the limit is there to prevent that.
            report.problems += settled.defects.filter { !$0.contains("is not split at") }
        }
        report.time = .nanoseconds(world.now)
        return report
    }

    package struct Report: Sendable, CustomStringConvertible {
        package internal(set) var joins = 0
        package let limit: Int
        /// Ranges at the end.
        package internal(set) var ranges = 0
        /// The most replicas that a node had at once.
        package internal(set) var most = 0
        /// Newcomers that left before all their replicas had moved.
        package internal(set) var stayed = 0
        package internal(set) var time: Duration = .zero
        package internal(set) var problems: [String] = []

        init(limit: Int) {
            self.limit = limit
        }

        /// Whether everything is as it should be. A leader splits no range while its own node has as many replicas as
        /// the limit, but the other members of the range may have more, so a bound is the limit for each of the
        /// three members.
        package var holds: Bool { problems.isEmpty && most <= 3 * limit }

        package var description: String {
            let line =
                "\(joins) joins, \(ranges) ranges, at most \(most) replicas on a node (limit \(limit)), "
                + "\(stayed) left before their replicas had moved"
            return ([line] + problems).joined(separator: "\n")
        }
    }
}

extension StoreWorld {
    /// How many replicas each node has.
    func replicaCounts() -> [String: Int] {
        audit().replicasOfNodes
    }

    /// Runs until a node has no replicas any more. False if it still has some after half a minute.
    fileprivate func waitUntilMoved(from name: String) -> Bool {
        for _ in 0..<60 {
            if replicaCounts()[name] == nil { return true }
            run(for: .milliseconds(500))
        }
        return false
    }
}
