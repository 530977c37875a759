// This file is part of swift-chord, a Chord node and library in Swift.
// Copyright the swift-chord contributors.
// SPDX-License-Identifier: Apache-2.0

import Chord
import ChordCommandLine

/// Shows what a node that leaves for good still has to move to other nodes.
struct LeaveProgress {
    /// Time between two questions to the node.
    private static let interval = Duration.seconds(1)

    /// The node's part of the store when it was first asked.
    private var first: (bytes: UInt64, time: Duration)?

    /// Asks the node until it does not answer any more or the task is cancelled. A node without a store shows nothing.
    static func show(of client: ChordClient, isSilent: Bool) async {
        guard !isSilent else { return }
        let clock = ContinuousClock()
        let began = clock.now
        var estimate = Self()
        var progress = Progress()
        defer { progress.end() }
        while !Task.isCancelled, let status = try? await client.store.status() {
            if status.replicas > 0 {
                progress.tell(
                    estimate.words(
                        of: status.node,
                        replicas: status.replicas,
                        bytes: status.bytes,
                        at: clock.now - began
                    )
                )
            }
            try? await clock.sleep(for: interval)
        }
    }

    /// What is left, and how long it takes if it goes on as until now.
    ///
    /// - Parameters:
    ///   - replicas: the ranges that the node has a replica of.
    ///   - bytes: keys and values in them.
    ///   - time: since the first question.
    mutating func words(
        of node: String,
        replicas: UInt64,
        bytes: UInt64,
        at time: Duration
    ) -> String {
        let text =
            "\(node) moves its data to other nodes: \(Int(replicas).counted("range")) left, \(bytes.inBytes)"
        guard let first else {
            first = (bytes, time)
            return text
        }
        let moved = first.bytes > bytes ? Double(first.bytes - bytes) : 0
        let elapsed = (time - first.time) / .seconds(1)
        guard moved > 0, elapsed > 0 else { return text }
        let left = Double(bytes) / (moved / elapsed)
        return "\(text), about \(Interval(.seconds(left.rounded(.up))))"
    }
}
